#!/usr/bin/env bash
# usage: with_cluster.sh COMMAND...
# Starts an OpenPBS server and two nodes with names, queues and a submit hook after Polaris, each a host of its own (network, host name and
# mount namespaces), runs COMMAND on the server's host as on a login node, and takes all down whatever happened; the exit code is COMMAND's,
# or 77 with a reason where none can run here: that needs root, an installed OpenPBS ($LLMRUN_TEST_PBS, else /opt/pbs) with its PostgreSQL,
# and iproute2.
set -euo pipefail

pbs=${LLMRUN_TEST_PBS:-/opt/pbs}
login=polaris-login-01 nodes=(x3001c0s1b0n0 x3001c0s1b1n0) domain=hsn.cm.polaris.alcf.anl.gov
here=$(cd "$(dirname "$0")" && pwd)

skip() { echo "NOT RUN: pbs: $1" >&2; exit 77; }

[ $# -gt 0 ] || { sed -n 2p "$0" >&2; exit 2; }
[ -x "$pbs/sbin/pbs_server.bin" ] || skip "no OpenPBS in $pbs (build one from github.com/openpbs/openpbs, or set LLMRUN_TEST_PBS)"
[ "$(id -u)" = 0 ] || skip "a server and its nodes need root"
command -v ip >/dev/null || skip "no ip here (apt-get install iproute2)"
unshare --mount --uts --net true 2>/dev/null || skip "no namespaces here"

root=$(mktemp -d /tmp/llmrun-pbs.XXXXXX)
chmod 0755 "$root" # the database's user passes
declare -A pid

# shellcheck disable=SC2329  # by the trap
tear_down() {
  local status=$?
  set +e
  trap - EXIT INT TERM
  kill -KILL "${pid[@]}" 2>/dev/null # the first process of each host: all others go with it
  wait 2>/dev/null
  [ "$status" = 0 ] || [ -z "${LLMRUN_KEEP_CLUSTER:-}" ] || { echo "pbs: kept $root" >&2; exit "$status"; }
  rm -rf "$root"
  exit "$status"
}
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

on() { # HOST COMMAND...
  local host=$1
  shift
  nsenter --target "${pid[$host]}" --net --mount --uts --pid --wd="$PWD" -- "$@"
}

{
  echo '127.0.0.1 localhost'
  address=10
  for host in "$login" "${nodes[@]}"; do echo "10.77.0.$((address++)) $host.$domain $host"; done
} >"$root/hosts"
address_of() { awk -v host="$1" '$3 == host { print $1 }' "$root/hosts"; }

start_host() { # HOST SERVER MOM: 1 for what it runs
  local host=$1
  mkdir -p "$root/$host/spool"
  cp -a /etc "$root/$host/etc"
  cp "$root/hosts" "$root/$host/etc/hosts"
  printf '%s\n' PBS_EXEC="$pbs" PBS_HOME=/var/spool/pbs PBS_SERVER="$login" PBS_LEAF_NAME="$host" PBS_START_SERVER="$2" \
    PBS_START_COMM="$2" PBS_START_SCHED="$2" PBS_START_MOM="$3" >"$root/$host/etc/pbs.conf"
  # As process 1 it reaps what jobs leave, as a host does: PBS waits for zombies.
  # shellcheck disable=SC2016  # for the shell inside
  unshare --mount --uts --net --pid --fork --kill-child --mount-proc bash -c '
    set -e
    hostname "$2"
    mount --bind "$1/$2/etc" /etc
    mount -t tmpfs -o mode=755 none /var/spool
    mount -t tmpfs -o mode=1777 none /var/tmp # where jobs get a directory by their number: one that an earlier cluster left holds them
    mkdir /var/spool/pbs
    mount --bind "$1/$2/spool" /var/spool/pbs
    ip link set lo up
    touch "$1/$2/up"
    while :; do sleep 1000 & wait; done' - "$root" "$host" >/dev/null 2>&1 &
  local outer=$! waited
  for ((waited = 0; waited < 100; waited++)); do [ ! -e "$root/$host/up" ] || break; sleep 0.05; done
  pid[$host]=$(pgrep --parent "$outer")
}

start_host "$login" 1 0
on "$login" ip link add br0 type bridge
on "$login" ip addr add "$(address_of "$login")/24" dev br0
on "$login" ip link set br0 up
for host in "${nodes[@]}"; do
  start_host "$host" 0 1
  ip link add "${host:1}" netns "${pid[$login]}" type veth peer name eth0 netns "${pid[$host]}"
  on "$login" ip link set "${host:1}" master br0 up
  on "$host" ip addr add "$(address_of "$host")/24" dev eth0
  on "$host" ip link set eth0 up
done

on "$login" "$pbs/libexec/pbs_init.d" start >"$root/server.log" 2>&1 || { cat "$root/server.log" >&2; exit 1; }
cp "$here/submit_hook.py" "$root/$login/etc/submit_hook.py"
on "$login" "$pbs/bin/qmgr" <"$here/server.qmgr" >>"$root/server.log" 2>&1 || { cat "$root/server.log" >&2; exit 1; }
on "$login" sed -i 's/^resources: "/resources: "ngpus, system, /' /var/spool/pbs/sched_priv/sched_config
on "$login" pkill -HUP pbs_sched
for host in "${nodes[@]}"; do
  on "$host" "$pbs/libexec/pbs_habitat" >>"$root/server.log" 2>&1
  printf '%s\n' "\$clienthost $login" "\$usecp *:/ /" >"$root/$host/spool/mom_priv/config"
  on "$host" "$pbs/sbin/pbs_mom" >>"$root/server.log" 2>&1
  on "$login" "$pbs/bin/qmgr" >>"$root/server.log" 2>&1 <<NODE
create node $host
set node $host resources_available.ncpus=64,resources_available.ngpus=4,resources_available.system=polaris
NODE
done

free() { [ "$(on "$login" "$pbs/bin/pbsnodes" -aSj 2>/dev/null | grep -c ' free ')" = ${#nodes[@]} ]; }
for ((waited = 0; waited < 300; waited++)); do
  ! free || break
  sleep 0.1
done
free || { cat "$root/server.log" >&2; echo "pbs: the nodes did not come up" >&2; exit 1; }

# Open MPI reaches the other host through the batch system: its ranks are the job's.
cat >"$root/agent" <<AGENT
#!/bin/bash
exec "$pbs/bin/pbs_tmrsh" "\$1" /bin/bash -c "\${*:2}"
AGENT
chmod 0755 "$root/agent"

export LLMRUN_TEST_PBS=$pbs LLMRUN_TEST_CLUSTER=$root PATH=$pbs/bin:$PATH
on "$login" "$@"
