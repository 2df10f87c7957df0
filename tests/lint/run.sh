#!/usr/bin/env bash
# What no compiler says. usage: run.sh [--quick | --format]
# --quick leaves clang-tidy out: seconds. --format lays out every source file instead of checking anything.
# Needs build/release; fetches its tools once. Runs every check, then fails if one did.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=.deps/lint
export PYTHONPATH=$PWD/$tools

# Folders that clang-tidy reads: they need no LibTorch, whose headers cost it half a minute a file.
tidied=(engine/core launcher cli)

fetch_tools() {
  if cmp -s tests/lint/requirements.txt "$tools/requirements.txt"; then return; fi
  rm -rf "$tools"
  python3 -m pip install --quiet --root-user-action=ignore --target "$tools" -r tests/lint/requirements.txt
  cp tests/lint/requirements.txt "$tools/"
}

sources() { git ls-files -- "${@/%/\/*.h}" "${@/%/\/*.cpp}"; }

format() { git ls-files '*.h' '*.cpp' | xargs "$tools/bin/clang-format" --dry-run -Werror; }

shell() {
  { git grep -lE '^#!.*\b(ba)?sh$' -- ':!templates' ':!tests/*/golden/*' ':!*.md'; git ls-files 'completions/*.bash'; } | xargs shellcheck --shell=bash
}

yaml() { "$tools/bin/yamllint" --strict -c tests/lint/yamllint.yaml profiles; }

schema() {
  local schemas kind
  schemas=$(mktemp -d)
  build/release/bin/llmrun config schema | python3 tests/lint/profile_schemas.py "$schemas"
  for kind in machines models recipes; do
    "$tools/bin/check-jsonschema" --quiet --schemafile "$schemas/$kind.json" profiles/"$kind"/*.yaml || { rm -r "$schemas"; return 1; }
  done
  rm -r "$schemas"
}

# Not the texts of models, nor the tests: they misspell words on purpose.
spelling() {
  git ls-files | grep -vE '^README.md$|^tests/(golden|fuzz/corpus)/|_test.cpp$' |
    xargs "$tools/bin/codespell" --ignore-words tests/lint/words.txt
}

tidy() {
  # The compiler's own warnings are the dev preset's business, and GCC's precompiled headers are not clang's.
  sources "${tidied[@]}" | grep '\.cpp$' |
    xargs -P "$(nproc)" -n 4 "$tools/bin/clang-tidy" -p build/release --quiet --extra-arg=-w 2>/dev/null
}

fetch_tools
if [ "${1:-}" = --format ]; then
  git ls-files '*.h' '*.cpp' | xargs "$tools/bin/clang-format" -i
  exit
fi
checks=(format shell yaml schema spelling)
[ "${1:-}" = --quick ] || checks+=(tidy)
failed=()
for check in "${checks[@]}"; do
  # A function called in a condition would run on past its first failure: hence a shell of its own.
  if (set -e; "$check"); then echo "lint: $check: ok"; else failed+=("$check"); echo "lint: $check: FAILED" >&2; fi
done
[ ${#failed[@]} = 0 ]
