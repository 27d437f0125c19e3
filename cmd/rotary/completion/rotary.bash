# bash completion for rotary: source <(rotary completion bash)
_rotary() {
  local current=${COMP_WORDS[COMP_CWORD]} line start
  COMPREPLY=()
  [[ $current == "=" ]] && current=
  while IFS= read -r line; do
    if [[ $line == ":exec "* ]]; then
      start=$((${line#:exec } + 1))
      if declare -F _command_offset >/dev/null; then
        _command_offset "$start"
      elif ((COMP_CWORD == start)); then
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$current")
      fi
      return
    fi
    COMPREPLY+=("${line%%$'\t'*}")
  done < <("${COMP_WORDS[0]/#\~\//$HOME/}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$current" 2>/dev/null)
}
complete -o default -F _rotary rotary
