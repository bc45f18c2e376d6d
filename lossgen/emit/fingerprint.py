"""What a kernel is, as one hash: it changes with what is computed, not with words about it."""

from __future__ import annotations

import hashlib
import io
import token
import tokenize
from collections.abc import Iterator
from typing import Any

from lossgen.spec.model import Loss, Variant

__all__ = ["fingerprint", "stable_text"]

_SILENT = {token.COMMENT, token.NL}
# A string between two of these is a statement of its own: documentation.
_ENDS = {token.NEWLINE, token.INDENT, token.DEDENT, token.ENDMARKER}


def fingerprint(loss: Loss, variant: Variant, text: str) -> str:
    """Return the hash of a variant's exact expression and of the code that computes it.

    Parameters
    ----------
    loss, variant
        The declaration: expression, domains and defaults count, words do not.
    text : str
        The generated module: statements count, comments and docstrings do not.
    """
    program = variant.program
    parts: list[Any] = [stable_text(program.terms), stable_text(program.stages), program.extents]
    parts += [(t.name, t.role, t.dtype, t.domain, t.axes) for t in program.inputs]
    parts += [(axis.name, axis.dims, axis.when, axis.extent) for axis in loss.axes]
    parts += [(p.name, p.default, p.choices, p.domain) for p in loss.parameters]
    exact = "\n".join(map(str, parts))
    return "sha256:" + hashlib.sha256(f"{exact}\n{' '.join(_code(text))}".encode()).hexdigest()


def _code(text: str) -> Iterator[str]:
    """Yield the tokens of a module that run."""
    before, waiting = token.NEWLINE, ""
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        if one.type in _SILENT:
            continue
        if waiting and one.type not in _ENDS:
            yield waiting
        waiting = ""
        if one.type == token.STRING and before in _ENDS:
            waiting = one.string
        else:
            # How far a block is indented says nothing.
            yield token.tok_name[one.type] if one.type in _ENDS else one.string
        before = one.type


def stable_text(parts: Any) -> str:
    """Return a text of expressions in which running numbers of indices are replaced by their order."""
    text, seen = str(parts), dict[str, str]()
    return "".join(
        seen.setdefault(word, f"{word.partition('#')[0]}#{len(seen)}") if "#" in word else word
        for word in _words(text)
    )


def _words(text: str) -> list[str]:
    words, current = [""], ""
    for letter in text:
        if letter.isalnum() or letter in "_#":
            current += letter
        else:
            words += [current, letter]
            current = ""
    return [*words, current]
