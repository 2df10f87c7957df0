#!/usr/bin/env bash
# llmrun's step and eager PyTorch's, in turns on the same machine: tokens per second of each round and the ratio of the medians.
# usage: tests/reference/bench_pair.sh [ROUNDS] [bench step options...]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
rounds=3
case "${1:-}" in
  "" | -*) ;;
  *[!0-9]* | 0) printf 'bench_pair.sh: ROUNDS is %s, which is no number of rounds\n' "'$1'" >&2; exit 2 ;;
  *) rounds=$1; shift ;;
esac
export PYTHONPATH=${PYTHONPATH:-$root/.deps/python}
field() { python3 -c 'import json,sys; print(round(json.loads(sys.stdin.read())["tokens_per_s"]))'; }
ours=() theirs=()
for _ in $(seq "$rounds"); do
  ours+=("$("$root/build/release/bin/llmrun" bench step --json "$@" | field)")
  theirs+=("$(python3 "$root/tests/reference/eager_step.py" "$@" | field)")
  printf 'llmrun %s  eager PyTorch %s tokens/s\n' "${ours[-1]}" "${theirs[-1]}"
done
printf '%s\n' "${ours[*]}" "${theirs[*]}" | python3 -c '
import statistics, sys
a, b = (statistics.median(map(int, line.split())) for line in sys.stdin)
print(f"median: llmrun {a:.0f}, eager PyTorch {b:.0f} tokens/s, ratio {a / b:.2f}")'
