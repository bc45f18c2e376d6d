"""``lossgen completion``: scripts for shells, made from the table of commands."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Sequence

from lossgen.cli.codes import Code
from lossgen.cli.command import Argument, Command
from lossgen.console import Console

__all__ = ["command"]

# What a shell runs to learn the words of a kind; `list` needs no SymPy.
_LISTED = 'lossgen list --json 2>/dev/null | sed -n \'s/^  "{0}": "\\(.*\\)",$/\\1/p\' | sort -u'
_WORDS = {
    "loss": "lossgen list --names 2>/dev/null",
    "family": _LISTED.format("family"),
    "structure": _LISTED.format("structure"),
}


def command(commands: Sequence[Command]) -> Command:
    """Return the command that prints completions of these and of itself."""

    def run(arguments: argparse.Namespace, console: Console) -> int:
        console.line(_SHELLS[arguments.shell]((*commands, itself)))
        return Code.DONE

    itself = Command(
        name="completion",
        summary="print a completion script for a shell",
        run=run,
        arguments=(Argument("shell", "which shell", "", {"choices": tuple(_SHELLS)}),),
        examples=(
            ('eval "$(lossgen completion bash)"', "in ~/.bashrc"),
            ('eval "$(lossgen completion zsh)"', "in ~/.zshrc, after compinit"),
            ("lossgen completion fish | source", "in ~/.config/fish/config.fish"),
        ),
    )
    return itself


def _options(one: Command) -> list[str]:
    return [argument.name for argument in one.arguments if not argument.positional] + ["--help"]


def _positional(one: Command) -> list[Argument]:
    return [argument for argument in one.arguments if argument.positional]


def _bash_words(argument: Argument) -> str:
    """Shell code that puts the words of an argument into COMPREPLY."""
    if argument.choices:
        return f'COMPREPLY=($(compgen -W "{" ".join(argument.choices)}" -- "$cur"))'
    if argument.completes == "folder":
        return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))'
    if argument.completes == "path":
        return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))'
    if argument.completes == "loss or path":
        words = _WORDS["loss"]
        return (
            f'compopt -o filenames; COMPREPLY=($(compgen -W "$({words})" -- "$cur") $(compgen -f -- "$cur"))'
        )
    if argument.completes in _WORDS:
        return f'COMPREPLY=($(compgen -W "$({_WORDS[argument.completes]})" -- "$cur"))'
    return "COMPREPLY=()"


def _bash(commands: Sequence[Command]) -> str:
    names = " ".join(one.name for one in commands)
    lines = [
        "# Completion of lossgen for bash.",
        "_lossgen() {",
        '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"',
        '    if [ "$COMP_CWORD" -eq 1 ]; then',
        f'        COMPREPLY=($(compgen -W "{names} --help --version" -- "$cur"))',
        "        return",
        "    fi",
        '    case "${COMP_WORDS[1]} $prev" in',
    ]
    lines += [
        f'    "{one.name} {argument.name}") {_bash_words(argument)}; return ;;'
        for one in commands
        for argument in one.arguments
        if not argument.positional and argument.takes_value
    ]
    lines += ["    esac", '    case "${COMP_WORDS[1]}" in']
    for one in commands:
        lines.append(f"    {one.name})")
        lines.append('        if [[ "$cur" == -* ]]; then')
        lines.append(f'            COMPREPLY=($(compgen -W "{" ".join(_options(one))}" -- "$cur"))')
        lines += [f"        else {_bash_words(argument)}" for argument in _positional(one)[:1]]
        lines += ["        fi", "        ;;"]
    return "\n".join([*lines, "    esac", "}", "complete -F _lossgen lossgen"])


def _zsh_action(argument: Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    if argument.completes == "loss or path":
        words = _WORDS["loss"]
        return f'{{compadd -- ${{(f)"$({words})"}}; _files}}'
    if argument.completes in _WORDS:
        return f'{{compadd -- ${{(f)"$({_WORDS[argument.completes]})"}}}}'
    return {"folder": "_files -/", "path": "_files"}.get(argument.completes, "")


def _zsh_said(text: str) -> str:
    """A description inside [...] of an argument of zsh."""
    return (
        text.replace("\\", "").replace("[", "(").replace("]", ")").replace(":", "\\:").replace("'", "'\\''")
    )


def _zsh(commands: Sequence[Command]) -> str:
    said = " ".join(shlex.quote(f"{one.name}:{one.summary}") for one in commands)
    lines = [
        "# Completion of lossgen for zsh.",
        "_lossgen() {",
        "    local -a commands",
        f"    commands=({said})",
        "    if (( CURRENT == 2 )); then _describe command commands; return; fi",
        "    local name=$words[2]",
        "    shift words; (( CURRENT-- ))",
        "    case $name in",
    ]
    for one in commands:
        parts = []
        for argument in one.arguments:
            action = _zsh_action(argument).replace("'", "'\\''")
            text = _zsh_said(argument.help)
            if argument.positional:
                parts.append(f"'*:{argument.name}:{action}'")
            elif argument.takes_value:
                parts.append(f"'{argument.name}[{text}]:value:{action}'")
            else:
                parts.append(f"'{argument.name}[{text}]'")
        lines.append(f"    {one.name}) _arguments {' '.join(parts)} ;;")
    return "\n".join([*lines, "    esac", "}", "compdef _lossgen lossgen"])


def _fish_lines(commands: Sequence[Command]) -> Iterator[str]:
    yield "# Completion of lossgen for fish."
    yield "complete -c lossgen -f"
    for one in commands:
        said = _fish_quote(one.summary)
        yield f"complete -c lossgen -n __fish_use_subcommand -a {one.name} -d {said}"
        here = f"complete -c lossgen -n '__fish_seen_subcommand_from {one.name}'"
        for argument in one.arguments:
            option = "" if argument.positional else f" -l {argument.name[2:]} -d {_fish_quote(argument.help)}"
            yield f"{here}{option}{_fish_value(argument)}"


def _fish_value(argument: Argument) -> str:
    if not argument.positional and not argument.takes_value:
        return ""
    needs = "" if argument.positional else " -r"
    if argument.choices:
        return f"{needs} -a '{' '.join(argument.choices)}'"
    if argument.completes == "loss or path":
        words = _WORDS["loss"]
        return f"{needs} -F -a {_fish_quote(f'({words})')}"
    if argument.completes in _WORDS:
        return f"{needs} -a {_fish_quote(f'({_WORDS[argument.completes]})')}"
    return needs + (" -F" if argument.completes in ("folder", "path") else "")


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish(commands: Sequence[Command]) -> str:
    return "\n".join(_fish_lines(commands))


_SHELLS: dict[str, Callable[[Sequence[Command]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
