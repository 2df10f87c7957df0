#!/usr/bin/env bash
# Runs PROGRAM on node-a, one of two hosts with a network between them: namespaces of their own (network, host name, processes, mounts), a
# veth pair as the cable. node-a is 10.77.0.1 on cable-a, node-b 10.77.0.2 on cable-b; mpirun reaches node-b by $OMPI_MCA_plm_rsh_agent.
# usage: two_hosts.sh PROGRAM [ARGUMENT...]. Exits 77 where namespaces are not allowed. Everything is gone with the last process.
set -euo pipefail

if [ "${TWO_HOSTS:-}" = "" ]; then
  own=(unshare --map-root-user --mount --net --uts --pid --fork --kill-child --mount-proc)
  if ! "${own[@]}" true 2>/dev/null; then
    echo "NOT RUN: this machine allows no namespaces (unshare), so there are no two hosts" >&2
    exit 77
  fi
  exec env TWO_HOSTS=1 "${own[@]}" "$0" "$@"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf '127.0.0.1 localhost\n10.77.0.1 node-a\n10.77.0.2 node-b\n' >"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts

mkfifo "$scratch/up"
# shellcheck disable=SC2016  # for the shell inside
unshare --net --uts bash -c 'hostname node-b; ip link set lo up; echo up >"$1"; exec sleep infinity' - "$scratch/up" &
node_b=$!
read -r _ <"$scratch/up"
hostname node-a
ip link set lo up
ip link add cable-a type veth peer name cable-b netns "$node_b"
ip addr add 10.77.0.1/24 dev cable-a
ip link set cable-a up
nsenter --target "$node_b" --net ip addr add 10.77.0.2/24 dev cable-b
nsenter --target "$node_b" --net ip link set cable-b up

# What ssh would be: HOST, then a command line for that host's shell.
cat >"$scratch/agent" <<AGENT
#!/bin/sh
[ "\$1" = node-b ] || exit 255
shift
exec nsenter --target $node_b --net --uts -- sh -c "\$*"
AGENT
chmod +x "$scratch/agent"
export OMPI_MCA_plm_rsh_agent=$scratch/agent
"$@"
