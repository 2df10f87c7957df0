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
# usage: _llmrun_files "KIND<tab>BEFORE<tab>PATH" WORD; WORD is what readline will replace: the end of BEFORE and PATH, as it is quoted
_llmrun_files() {
  local kind=${1%%$'\t'*} rest=${1#*$'\t'}
  local before=${rest%%$'\t'*} path=${rest#*$'\t'} kept='' names
  if [[ $before$path == *"$2" ]]; then kept=${before}${path} kept=${kept%"$2"}; else before='' path=$2; fi
  case $kind in
    files) mapfile -t names < <(compgen -f -- "$path") ;;
    directories) mapfile -t names < <(compgen -d -- "$path") ;;
    commands) mapfile -t names < <(compgen -f -- "$path"; [[ $path == */* ]] || compgen -c -- "$path") ;;
    *) mapfile -t names < <(compgen -d -- "$path"; compgen -f -X "!$kind" -- "$path") ;;
  esac
  [[ ${#names[@]} -gt 0 ]] || return
  compopt -o filenames
  names=("${names[@]/#/$before}")
  COMPREPLY+=("${names[@]#"$kept"}")
}
complete -F _llmrun llmrun
