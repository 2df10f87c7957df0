# fish completion of llmrun. It knows nothing itself: `llmrun __complete` answers.
function __llmrun_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    $words[1] __complete -- $words[2..] "$current" 2>/dev/null
end
complete --command llmrun --arguments '(__llmrun_complete)'
