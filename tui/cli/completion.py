"""`completion`: what makes a shell complete `headnode` by tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.cli.parser import Parser, add_common
from tui.i18n import _

if TYPE_CHECKING:
    from tui.cli.context import Context

_BASH = r"""
# Completion of headnode for bash. In ~/.bashrc:  source <(headnode completion bash)
_headnode() {
    local line="${COMP_LINE:0:COMP_POINT}" current candidate
    local -a words
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[${#words[@]}-1]}"
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ $candidate == '!files' ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
        fi
        COMPREPLY+=("${candidate%%$'\t'*}")
    done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    # Bash breaks words at @ and =, and replaces only what stands behind.
    if [[ $current == *[@=]* && $COMP_WORDBREAKS == *@* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*[@=]}"}"}")
    fi
}
complete -F _headnode headnode
"""

_ZSH = r"""
#compdef headnode
# Completion of headnode for zsh. In ~/.zshrc, after compinit:  source <(headnode completion zsh)
_headnode() {
    local line
    local -a lines values shown
    lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${lines[1]} == '!files' ]]; then
        _files
        return
    fi
    for line in $lines; do
        values+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  -- }")
    done
    (( ${#values} )) && compadd -U -l -d shown -- $values
}
compdef _headnode headnode
"""

_FISH = r"""
# Completion of headnode for fish:  headnode completion fish > ~/.config/fish/completions/headnode.fish
function __headnode_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string collect --allow-empty)
    set -l lines (command $words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    if test "$lines[1]" = '!files'
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $lines
    end
end
complete -c headnode -f -a '(__headnode_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def completion_arguments(parser: Parser) -> None:
    parser.teach(
        _("Prints what lets a shell complete verbs, options, runs, checkpoints and profiles by tab."),
        [
            ("source <(headnode completion bash)", _("in ~/.bashrc")),
            ("source <(headnode completion zsh)", _("in ~/.zshrc, after compinit")),
            ("headnode completion fish > ~/.config/fish/completions/headnode.fish", _("once")),
        ],
    )
    parser.add_argument("shell", metavar="bash|zsh|fish", choices=sorted(SCRIPTS), help=_("which shell"))
    add_common(parser)


def completion(context: Context) -> int:
    context.out.stream.write(SCRIPTS[context.options.shell].lstrip("\n"))
    return 0
