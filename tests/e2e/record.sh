#!/usr/bin/env bash
# Puts a recording of a real ./bootstrap demo into README.md, between its markers: what a person saw, with most step lines left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log" "$log.md"' EXIT
./bootstrap demo 2>&1 | tee "$log"
{
  # shellcheck disable=SC2016  # the fence of a Markdown block
  printf '```text\n'
  sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/.*\r//; s|'"$PWD"'|~/llmrun|g' "$log" |
    awk '/^\[|^ninja:|^bootstrap:/ { next } /^step [0-9]+\// { if (++n % 5 != 1) next } { print substr($0, 1, 160) }'
  # shellcheck disable=SC2016
  printf '```\n'
} >"$log.md"
awk -v text="$log.md" '
  /<!-- recording -->/ { print; while ((getline line < text) > 0) print line; skip = 1 }
  /<!-- \/recording -->/ { skip = 0 }
  !skip' README.md >"$log"
cp "$log" README.md
