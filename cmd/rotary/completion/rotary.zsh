#compdef rotary
# zsh completion for rotary: source <(rotary completion zsh), behind compinit
_rotary() {
  local line
  local -a found
  for line in "${(@f)$("${(Q)words[1]/#\~\//$HOME/}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == ":exec "* ]]; then
      shift $((${line#:exec } + 1)) words
      ((CURRENT -= ${line#:exec } + 1))
      _normal -P
      return
    fi
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if ((${#found})); then
    _describe rotary found
  else
    _files
  fi
}
compdef _rotary rotary
