#!/usr/bin/env bash
# The demo of ./bootstrap demo: a GPT learns English from the King James text on 4 CPU ranks (tensor 2 x pipeline 2), is stopped, goes on
# from its checkpoint, and speaks. Ends with two figures, each held to a bound: validation loss and the share of words that are real.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${LLMRUN_BIN:-$root/build/release/bin}
dir=${1:-$root/build/demo}
max_loss=1.75 min_words=60

step() { printf '\n\033[1m$ %s\033[0m\n' "$*" >&2; "$@"; }

rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"
export PATH=$bin:$PATH NO_COLOR=${NO_COLOR-}

bible -f Gen1:1-Rev22:21 </dev/null >king.txt
cat >king.yaml <<'YAML'
# A GPT of 1.3 M parameters on the bytes of one book.
run: {name: king, steps: 600}
model: gpt-tiny
parallel: {tensor: 2, pipeline: 2}
train: {seq_len: 256, micro_batch: 4, global_batch: 16, precision: fp32}
optimizer: {lr: 3e-3, warmup_steps: 40}
data: {train: king, split: [0.98, 0.02]}
checkpoint: {every_steps: 100}
observe: {every_steps: 20}
YAML

step llmrun data prepare king.txt --out king --tokenizer bytes
step llmrun plan king.yaml --ranks 4

# Stopped on the way, as by a walltime: the ranks save and leave.
printf '\n$ llmrun train king.yaml --ranks 4      (asked to stop after step 200)\n' >&2
llmrun train king.yaml --ranks 4 &
run=$!
until [ "$(grep -c '"step":200,' outputs/king/metrics.jsonl 2>/dev/null || true)" = 1 ]; do
  kill -0 $run 2>/dev/null || { wait $run; exit $?; }
  sleep 0.5
done
kill -TERM $run
code=0
wait $run || code=$?
[ $code = 143 ] || { echo "demo: expected exit code 143 of a stopped run, got $code" >&2; exit 1; }

# The same command again goes on.
step llmrun train king.yaml --ranks 4
step llmrun checkpoint list king
step llmrun generate king --prompt 'In the beginning' --max-new-tokens 1200 --temperature 0.7 --seed 7 --tokenizer bytes | tee sample.txt

loss=$(sed -n 's/.*"valid_loss":\([0-9.]*\).*/\1/p' outputs/king/metrics.jsonl | tail -1)
words() { tr '[:upper:]' '[:lower:]' <"$1" | tr -cs '[:lower:]' '\n' | grep -v '^$'; }
words king.txt | sort -u >known.txt
# The last word may be cut off by the end of the sample.
words sample.txt | sed '$d' >spoken.txt
total=$(wc -l <spoken.txt)
real=$(grep -cxFf known.txt spoken.txt || true)
share=$((100 * real / total))

printf '\nvalidation loss %s nats a byte (demo asks for less than %s)\n' "$loss" "$max_loss"
printf '%s of %s words of the sample stand in the text: %s%% (demo asks for at least %s%%)\n' "$real" "$total" "$share" "$min_words"
awk -v loss="$loss" -v max="$max_loss" 'BEGIN { exit !(loss < max) }'
[ "$share" -ge "$min_words" ]
cat <<NEXT

Next, in $dir with $bin on your PATH:
  llmrun generate king --prompt 'And God said' --max-new-tokens 200 --temperature 0.7
  llmrun checkpoint export king --to king-hf          # a directory for Hugging Face transformers
  llmrun plan king.yaml --ranks 8 --set parallel.data=2
NEXT
