# bash completion of llmrun. It knows nothing itself: `llmrun __complete` answers.
_llmrun() {
  local line program=${1/#\~\//$HOME/}
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      $'\t'*) _llmrun_files "${line#$'\t'}" "$2" ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;; # what stands behind the tab is for shells that show it
    esac
  done < <("$program" __complete --insert --breaks="$COMP_WORDBREAKS" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  # a word that ends so goes on
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:,/] ]] && compopt -o nospace
  return 0
}
# usage: _llmrun_files files|directories|PATTERN WORD
_llmrun_files() {
  local names
  case $1 in
    files) mapfile -t names < <(compgen -f -- "$2") ;;
    directories) mapfile -t names < <(compgen -d -- "$2") ;;
    *) mapfile -t names < <(compgen -d -- "$2"; compgen -f -X "!$1" -- "$2") ;;
  esac
  compopt -o filenames
  COMPREPLY+=("${names[@]}")
}
complete -F _llmrun llmrun
