#!/usr/bin/env bash
# C2 of the promises: a disk that fills during a run costs nothing but the steps since the last checkpoint, and one that is full at the
# start is told before anything starts. usage: full_disk.sh BIN. Runs itself again in a mount namespace with a tmpfs of 16 MiB; exits 77
# where that is not allowed.
set -euo pipefail
bin=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
golden=$root/tests/golden/gpt2-tiny

if [ "${2:-}" != inside ]; then
  if ! unshare --mount --map-root-user true 2>/dev/null; then
    echo "NOT RUN: this machine allows no mount namespace (unshare --mount --map-root-user), so no disk can be filled" >&2
    exit 77
  fi
  exec unshare --mount --map-root-user "$0" "$bin" inside
fi

here=$(mktemp -d)
scratch=$(mktemp -d /dev/shm/llmrun-test.XXXXXX) # what must not go onto the disk under test
trap 'cd /; rm -rf "$scratch"; umount "$here"; rmdir "$here"' EXIT
mount -t tmpfs -o size=16m llmrun-test "$here"
cd "$here"
export PATH=$bin:$PATH LLMRUN_PROFILES=$root/profiles HOME=$here NO_COLOR=1

fail() {
  echo "full_disk.sh: $1" >&2
  cat "$scratch/said" >&2
  exit 1
}
# run CODE COMMAND...
run() {
  local wanted=$1 code=0
  shift
  "$@" >"$scratch/said" 2>&1 || code=$?
  [ "$code" = "$wanted" ] || fail "exit $code instead of $wanted: $*"
}
says() { grep -q -- "$1" "$scratch/said" || fail "the output does not say '$1'"; }
fill() { dd if=/dev/zero of="$here/filler" bs=4k 2>/dev/null || true; }

cat >golden.yaml <<YAML
run: {name: golden, dir: run, steps: 40, seed: 1}
model: {from: $golden}
data: {train: $golden/tokens, order: sequential}
train: {seq_len: 64, micro_batch: 2, global_batch: 8, precision: fp32}
checkpoint: {every_steps: 5, keep: 1}
YAML
train=(llmrun train golden.yaml --ranks 4 --set parallel.tensor=2 --set parallel.pipeline=2)

# A checkpoint of this model takes 2.6 MiB. Room for one at the start, none for the second: another program has filled the disk meanwhile.
dd if=/dev/zero of=filler bs=1M count=10 2>/dev/null
(
  while [ ! -e run/checkpoints/latest ]; do sleep 0.01; done
  fill
) &
run 1 "${train[@]}"
wait
says "No space left on device"
says "hint: df -h "
says "goes on from the last checkpoint"
rm filler
run 0 llmrun checkpoint verify run
[ ! -e run/checkpoints/.tmp-step-00000010 ] || fail "a part of a checkpoint is left"
run 0 "${train[@]}"
says "goes on from "
run 0 llmrun checkpoint verify run

# A program fills the disk to the last byte: how it ended is recorded all the same.
run 0 llmrun launch --ranks 1 --set run.dir=launched -- sh -c 'dd if=/dev/zero of=filler bs=1k 2>/dev/null; true'
grep -q '"exit": 0' launched/run.json || fail "run.json does not say how the program ended"
run 0 llmrun show launched
says "(done)"
rm filler

# None at the start: exit 5, both numbers, nothing made.
dd if=/dev/zero of=filler bs=1M count=11 2>/dev/null
run 5 "${train[@]}" --set run.dir=other
says "no room for checkpoints in '$here/other': 2 of .* MiB need .* MiB, and .* are left"
says "hint: df -h "
[ ! -e other ] || fail "a directory was made"

# data prepare knows what it needs, too.
fill
for _ in $(seq 40000); do echo "in the beginning was a line of text that is long enough to count for something"; done >"$scratch/text"
run 5 llmrun data prepare "$scratch/text" --out tokens --tokenizer bytes
says "no room for 'tokens': at least .* needed, 0 B free"
says "hint: df -h "
rm filler
run 0 llmrun data prepare "$scratch/text" --out tokens --tokenizer bytes
run 0 llmrun data verify tokens

# More than it could know: a JSONL line grows, and a short document's index is larger than its text. The disk fills midway, and once there
# is room the same command comes to the bytes of a disk that never was full.
python3 - "$scratch" <<'PYTHON'
import sys

with open(sys.argv[1] + "/lines.jsonl", "w") as lines:
    for verse in range(60000):
        lines.write('{"text": "%d in the beginning was a line of text that is long enough to count for something, and more"}\n' % verse)
with open(sys.argv[1] + "/words.jsonl", "w") as words:
    words.write('{"text": "a"}\n' * 400000)
PYTHON
for name in lines words; do
  run 0 llmrun data prepare "$scratch/$name.jsonl" --out "$scratch/$name"
  rm -rf ./* && dd if=/dev/zero of=filler bs=1M count=6 2>/dev/null
  run 1 llmrun data prepare "$scratch/$name.jsonl" --out "$name"
  says "llmrun: cannot .* '$name.part/.*': No space left on device"
  says "hint: df -h $name.part; then the same command goes on"
  for suffix in bin idx json; do
    [ ! -e "$name.$suffix" ] || fail "a part of a dataset passes for one"
  done
  rm filler
  run 0 llmrun data prepare "$scratch/$name.jsonl" --out "$name"
  [ "$name" = lines ] || says "went on after .* of an interrupted run" # what was saved before the index was not made again
  for suffix in bin idx; do
    cmp "$name.$suffix" "$scratch/$name.$suffix" || fail "other bytes"
  done
  [ ! -e "$name.part" ] || fail "a part is left"
  run 0 llmrun data verify "$name"
done
echo "full disk: all as promised"
