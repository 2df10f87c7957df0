# fish completion of llmrun. It knows nothing itself: `llmrun __complete` answers.
function __llmrun_complete
    set -l program (commandline --tokenize --cut-at-cursor --current-process | string match '*llmrun')[1]
    command --query $program; or set program llmrun
    set -l line (commandline --cut-at-cursor --current-process | string collect)
    for candidate in ($program __complete -- "$line" 2>/dev/null)
        if string match --quiet \t'*' -- $candidate
            __llmrun_complete_files (string trim --left -- $candidate) (commandline --current-token --cut-at-cursor)
        else
            echo $candidate
        end
    end
end
# usage: __llmrun_complete_files files|directories|PATTERN TOKEN
function __llmrun_complete_files --argument-names kind token
    set -l before (string match --regex '^.*=' -- $token)
    set -l path (string replace --regex '^.*=' '' -- $token)
    set -l names
    switch $kind
        case files
            set names (__fish_complete_path $path '')
        case directories
            set names (__fish_complete_directories $path '')
        case '*'
            set names (__fish_complete_path $path '' | string match --regex '^[^\t]*(?:/|'(string replace '*' '' $kind)')(?=\t|$)')
    end
    for name in $names
        echo "$before$name"
    end
end
complete --command llmrun --no-files --arguments '(__llmrun_complete)'
