#!/usr/bin/env bash
# Does llmrun-rank run where nothing of Debian's but the C and C++ runtimes is installed? Carries the programs as tests/gpu/README.md says,
# hides the libraries of every package they were built with in a mount namespace of its own, and lets them work there.
set -euo pipefail
build=$(realpath "$1") torch=$(realpath "$2")

if [ -z "${LLMRUN_BARE_RUN:-}" ]; then
  flags=(--mount)
  [ "$(id -u)" = 0 ] || flags+=(--map-root-user)
  unshare "${flags[@]}" true || { echo "bare_machine: skipped: this machine allows no mount namespace"; exit 77; }
  # A plan of two ranks from a machine that has everything.
  LLMRUN_BARE_RUN=$(mktemp -d)
  trap 'rm -rf "$LLMRUN_BARE_RUN"' EXIT
  export LLMRUN_BARE_RUN
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "$build/bin/llmrun" train --ranks 2 --set model=gpt-tiny \
    --set parallel.tensor=2 --set run.steps=2 --set run.dir="$LLMRUN_BARE_RUN/outputs/run" --set train.seq_len=32 --set train.precision=fp32 \
    --set machine.node.gpus=0 --set parallel.threads=1 >/dev/null
  unshare "${flags[@]}" "$0" "$@"
  exit
fi

carried=$(mktemp -d)
trap 'rm -rf "$carried"' EXIT
mkdir "$carried/bin"
cp "$build/bin/llmrun-rank" "$build/bin/test_gpu" "$carried/bin"
cp -rL "$build/lib" "$carried/lib"

hidden=0
for library in /usr/lib/*/lib{mpi,pmix,open-pal,open-rte,hwloc,sentencepiece,fmt,spdlog,xxhash,yaml-cpp,curl}*.so*; do
  if [ -L "$library" ] || [ ! -f "$library" ]; then continue; fi
  mount --bind /dev/null "$library"
  hidden=$((hidden + 1))
done
[ "$hidden" -ge 8 ] || { echo "bare_machine: only $hidden libraries were there to be hidden"; exit 1; }

# Proof that they are hidden: a program that needs them does not start.
if "$build/bin/llmrun" --version >/dev/null 2>&1; then echo "bare_machine: llmrun starts, so nothing is hidden"; exit 1; fi

export LD_LIBRARY_PATH=$torch/lib
cd "$carried"
bin/llmrun-rank bench step --device cpu --layers 1 --hidden 32 --heads 2 --vocab 64 --seq-len 16 --micro-batch 1 --warmup 0 --steps 1
# 0 with a GPU and without one: then it says how many cases it skipped.
bin/test_gpu --test-case='*swiglu*'

# Its two ranks ask for MPI and PMIx, find neither, and meet over sockets.
run=$LLMRUN_BARE_RUN/outputs/run
mv "$run/metrics.jsonl" "$LLMRUN_BARE_RUN/before.jsonl"
rm -rf "$run/checkpoints"
mkdir "$run/logs/attempt-02"
rank() { env LLMRUN_LAUNCHER=local RANK="$1" WORLD_SIZE=2 LOCAL_RANK="$1" LOCAL_WORLD_SIZE=2 LLMRUN_ATTEMPT=2 bin/llmrun-rank --plan "$run/plan.json"; }
rank 1 &
rank 0 | tee log
wait $!
grep -q 'communicator tcp: no mpi' log
losses() { sed 's/.*"loss":\([^,]*\),.*/\1/' "$1"; }
[ "$(losses "$run/metrics.jsonl")" = "$(losses "$LLMRUN_BARE_RUN/before.jsonl")" ] || { echo "bare_machine: the losses are others"; exit 1; }
echo "bare_machine: ran with $hidden libraries hidden"
