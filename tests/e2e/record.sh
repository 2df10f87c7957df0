#!/usr/bin/env bash
# Puts a recording of a real ./bootstrap demo into README.md, between its markers: what a person saw from its first command on, with most
# step lines left out. On a machine with nothing else to do: the tokens per second are in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log" "$log.md"' EXIT
./bootstrap demo 2>&1 | tee "$log"
{
  # shellcheck disable=SC2016  # the fence of a Markdown block
  printf '```text\n'
  sed 's/\x1b\[[0-9;]*[A-Za-z]//g; s/.*\r//; s|'"$PWD"'|~/llmrun|g' "$log" |
    awk '
      /^\$ / { begun = 1 }
      !begun || /^tokenising +[0-9][0-9]?%/ { next }  # the build; a line that a terminal overwrites
      /^step [0-9]+\// { if (++steps % 5 != 1) next }
      { print substr($0, 1, 160) }'
  # shellcheck disable=SC2016
  printf '```\n'
} >"$log.md"
awk -v text="$log.md" '
  /<!-- recording -->/ { print; while ((getline line < text) > 0) print line; skip = 1 }
  /<!-- \/recording -->/ { skip = 0 }
  !skip' README.md >"$log"
cp "$log" README.md
