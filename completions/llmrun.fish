# fish completion of llmrun. It knows nothing itself: `llmrun __complete` answers.
function __llmrun_complete
    set -l program (commandline --tokenize --cut-at-cursor --current-process | string match '*llmrun')[1]
    command --query $program; or set program llmrun
    set -l line (commandline --cut-at-cursor --current-process | string collect)
    for candidate in ($program __complete -- "$line" 2>/dev/null)
        if string match --quiet \t'*' -- $candidate
            set -l asked (string split \t -- $candidate)
            __llmrun_complete_files $asked[2..4]
        else
            echo $candidate
        end
    end
end
# usage: __llmrun_complete_files files|directories|commands|PATTERN BEFORE PATH
function __llmrun_complete_files --argument-names kind before path
    set -l names
    switch $kind
        case files
            set names (__fish_complete_path $path '')
        case directories
            set names (__fish_complete_directories $path '')
        case commands
            set names (__fish_complete_path $path '') (__fish_complete_command)
        case '*'
            set names (__fish_complete_path $path '' | string match --regex '^[^\t]*(?:/|'(string replace '*' '' $kind)')(?=\t|$)')
    end
    for name in $names
        echo "$before$name"
    end
end
complete --command llmrun --no-files --arguments '(__llmrun_complete)'
