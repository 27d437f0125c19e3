# fish completion for rotary: rotary completion fish | source
function __rotary_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] __complete -- $words[2..-1] $current 2>/dev/null)
    if string match -q ':exec *' -- "$found"
        set -l skip (math (string replace ':exec ' '' -- "$found") + 1)
        complete -C (string join -- ' ' (string escape -- $words[(math $skip + 1)..-1]) $current)
    else if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path $current
    end
end
complete -c rotary -f -a '(__rotary_complete)'
