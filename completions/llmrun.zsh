#compdef llmrun
# zsh completion of llmrun. It knows nothing itself: `llmrun __complete` answers.
_llmrun() {
  local line word about files before program=${~words[1]}
  local -a closed open
  for line in "${(@f)$("$program" __complete -- "${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" 2>/dev/null)}"; do
    if [[ $line == $'\t'* ]]; then
      files=${${line#$'\t'}%%$'\t'*} before=${${line%$'\t'*}##*$'\t'}
      continue
    fi
    word=${line%%$'\t'*} about=${line#*$'\t'}
    [[ -n $word ]] || continue
    # a word that ends so goes on
    if [[ $word == *[=:,/] ]]; then
      open+=("${word//:/\\:}${about:+:$about}")
    else
      closed+=("${word//:/\\:}${about:+:$about}")
    fi
  done
  local found=1
  _describe -t words 'llmrun' closed -- open -S '' && found=0
  [[ $PREFIX == "$before"* ]] && compset -p $#before  # stays before the file's name
  case $files in
    '') ;;
    files) _files && found=0 ;;
    directories) _files -/ && found=0 ;;
    commands) _command_names -e && found=0; _files && found=0 ;;
    *) _files -g "$files" && found=0 ;;
  esac
  return found
}
# Sourced, this names the function; found in fpath, zsh has just called this file as that function.
if [[ "${funcstack[1]}" == _llmrun ]]; then _llmrun "$@"; else compdef _llmrun llmrun; fi
