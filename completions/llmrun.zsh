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
compdef _llmrun llmrun
