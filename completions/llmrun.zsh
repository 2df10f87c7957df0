#compdef llmrun
# zsh completion of llmrun. It knows nothing itself: `llmrun __complete` answers.
_llmrun() {
  local -a candidates
  candidates=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -z "${candidates[1]}" ]]; then
    _files
  else
    compadd -S '' -- "${candidates[@]}"
  fi
}
# Sourced, this names the function; found in fpath, zsh has just called this file as that function.
if [[ "${funcstack[1]}" == _llmrun ]]; then _llmrun "$@"; else compdef _llmrun llmrun; fi
