/**
 * What each shell runs to complete a command line of `joinctl`. All ask `joinctl __complete`, which answers a candidate a
 * line, with a tab and a few words where there is something to say. Where it has none, files are completed.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** bash takes `=` for the end of a word, so what stands before it is no part of what it puts in. */
const BASH = `# joinctl completion bash: source this file, or put it into /etc/bash_completion.d.
_joinctl() {
  local line=\${COMP_LINE:0:COMP_POINT} current=\${COMP_WORDS[COMP_CWORD]} candidate
  local -a words
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  [[ $current == '=' ]] && current=
  local whole=\${words[\${#words[@]} - 1]}
  local before=\${whole%"$current"}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    COMPREPLY+=("\${candidate#"$before"}")
  done < <("$1" __complete -- "\${words[@]:1}" 2> /dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[=/] ]]; then compopt -o nospace 2> /dev/null; fi
}
complete -o default -F _joinctl joinctl
`;

const ZSH = `#compdef joinctl
# joinctl completion zsh: source this file after compinit, or save it as _joinctl in a folder of $fpath.
_joinctl() {
  local line word
  local -a whole open
  while IFS= read -r line; do
    word=\${line%%$'\\t'*}
    if [[ $word == *[=/] ]]; then
      open+=("$word")
    else
      whole+=("\${word//:/\\\\:}\${\${line#$word}/$'\\t'/:}")
    fi
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null)
  if (( \${#whole} + \${#open} == 0 )); then
    _files
    return
  fi
  (( \${#whole} )) && _describe -t joinctl joinctl whole
  (( \${#open} )) && compadd -S '' -- "\${open[@]}"
}
if [[ \${funcstack[1]} == _joinctl ]]; then _joinctl "$@"; else compdef _joinctl joinctl; fi
`;

const FISH = `# joinctl completion fish: save this as ~/.config/fish/completions/joinctl.fish
function __joinctl_complete
  set -l found (joinctl __complete -- (commandline -opc)[2..] (commandline -ct) 2> /dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c joinctl -e
complete -c joinctl -f -a '(__joinctl_complete)'
`;

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
};
