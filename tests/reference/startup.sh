#!/usr/bin/env bash
# How long llmrun takes to answer, and a run to its first finished step. Prints one table of medians beside their limits; exits 1 where one
# is over. usage: startup.sh [BIN]. Wants hyperfine; a machine that does other work gives other numbers.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:-$root/build/release/bin}
command -v hyperfine >/dev/null || { echo "startup.sh: hyperfine is missing: apt-get install hyperfine" >&2; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export PATH=$bin:$PATH LLMRUN_PROFILES=$root/profiles NO_COLOR=1
over=0

report() { # LABEL MILLISECONDS LIMIT
  local verdict=ok
  if awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > b) }'; then verdict=OVER over=1; fi
  printf '%-52s %8.1f ms %8d ms  %s\n' "$1" "$2" "$3" "$verdict"
}

answer() { # LIMIT LABEL COMMAND...
  local limit=$1 label=$2
  shift 2
  hyperfine --shell=none --warmup 5 --runs 50 --export-json times.json "$*" >/dev/null 2>&1 ||
    { echo "startup.sh: cannot run: $*" >&2; exit 1; }
  report "$label" "$(python3 -c 'import json; print(1e3 * json.load(open("times.json"))["results"][0]["median"])')" "$limit"
}

first_step() { # seconds from the command to the `time` of the first line of metrics.jsonl, median of 5
  local golden=$root/tests/golden/gpt2-tiny begin
  cat >golden.yaml <<YAML
run: {name: golden, dir: run, steps: 1, seed: 1}
model: {from: $golden}
data: {train: $golden/tokens, order: sequential}
train: {seq_len: 64, micro_batch: 2, global_batch: 8, precision: fp32}
parallel: {tensor: 2, pipeline: 2}
YAML
  for _ in 1 2 3 4 5; do
    rm -rf run
    begin=$(date +%s.%N)
    llmrun train golden.yaml --ranks 4 >said 2>&1 || { cat said >&2; exit 1; }
    python3 -c 'import json, sys; print(1e3 * (json.loads(open("run/metrics.jsonl").readline())["time"] - float(sys.argv[1])))' "$begin"
  done | sort -n | sed -n 3p
}

for i in $(seq 10000); do echo "x$i.example.org slots=4"; done >hosts
polaris=(--set machine=polaris --set model=gpt-13b --set parallel.tensor=4 --set run.steps=10)
small=(--set job.nodes=2)
large=(--hostfile hosts)

printf '%-52s %11s %11s\n' "" median limit
answer 20 "llmrun --version" llmrun --version
answer 20 "llmrun config show --origin" llmrun config show "${polaris[@]}" --origin
answer 20 "llmrun plan" llmrun plan "${polaris[@]}" "${small[@]}"
answer 20 "llmrun plan, a machine that is looked at" llmrun plan --set model=gpt-tiny --set run.steps=10
answer 20 "llmrun render" llmrun render "${polaris[@]}" "${small[@]}"
answer 20 "llmrun render launch" llmrun render launch "${polaris[@]}" "${small[@]}"
answer 60 "llmrun plan, a hostfile of 10,000 lines" llmrun plan "${polaris[@]}" "${large[@]}"
answer 60 "llmrun render, a hostfile of 10,000 lines" llmrun render "${polaris[@]}" "${large[@]}"
answer 60 "llmrun train --dry-run, a hostfile of 10,000 lines" llmrun train "${polaris[@]}" "${large[@]}" --dry-run
report "llmrun train to the first step, 4 CPU ranks" "$(first_step)" 4000
exit "$over"
