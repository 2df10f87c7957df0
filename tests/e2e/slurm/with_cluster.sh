#!/usr/bin/env bash
# usage: with_cluster.sh COMMAND...
# Starts a Slurm cluster of four nodes on this machine, runs COMMAND beside it with SLURM_CONF set, and takes the cluster down whatever
# happened; the exit code is COMMAND's, or 77 with a reason where none can run here: that needs
# root (jobs and namespaces), slurm-wlm and munge.
# munged, slurmctld and the four slurmd keep to one temporary directory and to ports that were free. Each slurmd is in a mount and a host
# name namespace of its own, so that a node has its name and its /tmp (two nodes' PMIx servers want the same directory there).
set -euo pipefail

nodes=4 cpus=4

skip() { echo "slurm: skipped: $1" >&2; exit 77; }

[ $# -gt 0 ] || { sed -n 2p "$0" >&2; exit 2; }
for program in slurmctld slurmd sbatch munged; do
  PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "no $program here (apt-get install slurm-wlm munge)"
done
PATH=$PATH:/usr/sbin
[ "$(id -u)" = 0 ] || skip "nodes need root: their jobs get user, mount and host name of their own"
unshare --mount --uts true 2>/dev/null || skip "no mount and host name namespaces here"

root=$(mktemp -d /tmp/llmrun-slurm.XXXXXX)
daemons=()

tear_down() {
  local status=$? waited left
  set +e
  trap - EXIT INT TERM
  scancel --full --user "$(id -un)" >/dev/null 2>&1
  for ((waited = 0; waited < 50; waited++)); do [ -n "$(squeue --noheader 2>/dev/null)" ] || break; sleep 0.1; done
  kill "${daemons[@]}" 2>/dev/null
  for ((waited = 0; waited < 100; waited++)); do kill -0 "${daemons[@]}" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "${daemons[@]}" 2>/dev/null
  # A slurmstepd may wait for a step that hangs; it holds its node's log open.
  mapfile -t left < <(find /proc/[0-9]*/fd -lname "$root/*" 2>/dev/null | cut -d/ -f3 | sort -u)
  [ ${#left[@]} = 0 ] || kill -KILL "${left[@]}" 2>/dev/null
  wait 2>/dev/null
  [ "$status" = 0 ] || [ -z "${LLMRUN_KEEP_CLUSTER:-}" ] || { echo "slurm: kept $root" >&2; exit "$status"; }
  rm -rf "$root"
  exit "$status"
}
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# As many ports as there are listeners, all free now.
mapfile -t ports < <(python3 - $((nodes + 1)) <<'PYTHON'
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
for one in held: print(one.getsockname()[1])
PYTHON
)

mkdir -p "$root"/{state,log}
dd if=/dev/urandom of="$root/munge.key" bs=1024 count=1 status=none
chmod 0400 "$root/munge.key"
cat >"$root/slurm.conf" <<CONF
ClusterName=llmrun
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$root/munge.socket
CredType=cred/munge
StateSaveLocation=$root/state
SlurmdSpoolDir=$root/spool-%n
SlurmctldPidFile=$root/slurmctld.pid
SlurmdPidFile=$root/slurmd-%n.pid
SlurmctldLogFile=$root/log/slurmctld.log
SlurmdLogFile=$root/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TmpFS=$root/tmp-%n
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=600
KillWait=5
InactiveLimit=0
CONF
for ((node = 1; node <= nodes; node++)); do
  echo "NodeName=n$node NodeHostname=n$node NodeAddr=127.0.0.1 Port=${ports[$node]} CPUs=$cpus State=UNKNOWN"
done >>"$root/slurm.conf"
cat >>"$root/slurm.conf" <<CONF
PartitionName=debug Nodes=n[1-$nodes] Default=YES MaxTime=01:00:00 MaxNodes=2 State=UP
PartitionName=batch Nodes=n[1-$nodes] MaxTime=24:00:00 State=UP
CONF
export SLURM_CONF=$root/slurm.conf

# A daemon does not outlive this script, not even where that is killed.
daemon=(setpriv --pdeathsig TERM)

"${daemon[@]}" munged --foreground --force --key-file="$root/munge.key" --socket="$root/munge.socket" --pid-file="$root/munged.pid" \
  --seed-file="$root/munge.seed" --log-file="$root/log/munged.log" >/dev/null 2>&1 &
daemons+=($!)
for ((waited = 0; waited < 100; waited++)); do [ ! -S "$root/munge.socket" ] || break; sleep 0.1; done
"${daemon[@]}" slurmctld -D -f "$SLURM_CONF" >/dev/null 2>&1 &
daemons+=($!)
for ((node = 1; node <= nodes; node++)); do
  mkdir -p "$root/tmp-n$node"
  chmod 1777 "$root/tmp-n$node"
  # shellcheck disable=SC2016  # for the shell inside
  "${daemon[@]}" unshare --mount --uts bash -c '
    set -e
    hostname "$2"
    { cat /etc/hosts; for name in $3; do echo "127.0.0.1 $name"; done; } >"$1/hosts-$2"
    mount --bind "$1/hosts-$2" /etc/hosts
    exec slurmd -D -N "$2" -f "$SLURM_CONF"' - "$root" "n$node" "$(seq -f 'n%g' -s ' ' "$nodes")" >"$root/log/start-n$node.log" 2>&1 &
  daemons+=($!)
done

idle() { [ "$(sinfo --noheader --partition=batch --states=idle --format=%D 2>/dev/null)" = "$nodes" ]; }
for ((waited = 0; waited < 300; waited++)); do
  ! idle || break
  kill -0 "${daemons[@]}" 2>/dev/null || break
  sleep 0.1
done
if ! idle; then
  tail -n 5 "$root"/log/* >&2
  echo "slurm: the nodes did not come up: their logs are above" >&2
  exit 1
fi

export LLMRUN_TEST_CLUSTER=$root
"$@"
