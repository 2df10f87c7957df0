#!/usr/bin/env bash
# What is installed works alone: the checkout, the build and the libraries fetched for it are hidden behind an empty file system.
# usage: install.sh BUILD_DIRECTORY
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
if ! unshare --mount --map-root-user true 2>/dev/null; then
  echo "NOT RUN: this machine allows no mount namespace (unshare --mount --map-root-user), so the checkout cannot be hidden" >&2
  exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$build" --prefix "$dir/prefix" >/dev/null
# Its own libraries first: a checkout that has changed since changes nothing.
readelf -d "$dir/prefix/bin/llmrun-rank" | grep -E 'RUNPATH.*\[.ORIGIN/[.][.]/lib/llmrun' >"$dir/list"

# What ./bootstrap refuses before it builds anything: a relative PREFIX is the caller's.
refused() {  # EXIT SAID WORD...
  local exit=$1 said=$2 status=0
  shift 2
  (cd "$dir" && "$root/bootstrap" "$@" >"$dir/said" 2>&1) || status=$?
  [ "$status" = "$exit" ] && grep -F -- "$said" "$dir/said" >"$dir/list" && return
  echo "bootstrap $*: exit $status, not $exit with '$said':" >&2
  cat "$dir/said" >&2
  return 1
}
refused 2 "unexpected word 'extra' after 'build'" build extra
refused 2 "install needs a PREFIX" install
refused 1 "cannot install below '$dir/list/here': Not a directory" install list/here

cat >"$dir/alone.sh" <<'ALONE'
set -euo pipefail
mount -t tmpfs none "$1"
[ -z "$(ls -A "$1")" ]
cd "$2"
export PATH=$2/prefix/bin:/usr/local/bin:/usr/bin:/bin HOME=$2
unset LLMRUN_PROFILES LLMRUN_MODULES LD_LIBRARY_PATH

llmrun profiles list | grep polaris >list  # not grep -q: it would leave before llmrun has said all
llmrun plan first-words --ranks 4 --set data.train=synthetic | grep 'tensor 2' >list
printf 'In the beginning\n' >text.txt
llmrun data prepare text.txt --out text --tokenizer bytes
llmrun train --ranks 2 --set run.name=alone --set run.steps=3 --set model=gpt-tiny --set parallel.tensor=2 --set train.seq_len=32 \
  --set parallel.communicator=mpi --set data.train=synthetic
[ "$(grep -c '"loss"' outputs/alone/metrics.jsonl)" = 3 ]
llmrun checkpoint list alone | grep 3 >list
llmrun generate alone --prompt-ids 1,2,3 --max-new-tokens 2
for file in bash-completion/completions/llmrun zsh/site-functions/_llmrun fish/vendor_completions.d/llmrun.fish doc/llmrun/README.md \
  man/man1/llmrun.1 man/man1/llmrun-train.1 man/man5/llmrun-config.5; do
  [ -s "prefix/share/$file" ]
done
ALONE
unshare --mount --map-root-user bash "$dir/alone.sh" "$root" "$dir"
echo "install: trained, listed and generated without the checkout"
