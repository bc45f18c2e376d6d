"""Where in the author's file a mistake is, and how it is put right."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["fix_for", "line_in", "said"]

# What Python or SymPy says where a declaration goes wrong, and what its author meant to write.
_FIXES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), fix)
    for pattern, fix in (
        (
            "truth value",
            "choose with where(condition, a, b), not with `if`, and with Max and Min of lossgen.spec",
        ),
        (r"instead of == or !=", "write the condition with <, >=, Eq or Ne"),
        (
            r"'Tensor' (object is not iterable|and )|and 'Tensor'",
            "read an argument with axes at positions, x[c] "
            "with c = index(C), and add them up with Sum(x[c], c)",
        ),
        (r"'Tensor' has no len", "the length of an axis is size(C)"),
        (r"'slice'", "positions are index(C), a class or a number: there are no slices"),
        (
            r"callable \w+ method|expression to float|must be real number",
            "use the functions of lossgen.spec: those of math and NumPy take numbers",
        ),
        (
            r"'NoneType'",
            "an optional argument that is left out is None: say what holds then, `if a is not None`",
        ),
        (r"is no name", "use letters, digits and _ in a name"),
        (r"for \^:", "write `**` for a power"),
        (
            r"'(Strict)?(Less|Greater)Than'|'(Une|E)quality'",
            "a condition is no number: write where(condition, a, b)",
        ),
        (
            r"'(Composition|Loss)' and|and '(Composition|Loss)'",
            "add losses up with numbers as factors: 0.5 * a + 0.5 * b",
        ),
        (
            r"'Element' object is not subscriptable",
            "say which axes it has in the signature: Pred[C], PerClass[C]",
        ),
        (r"\b(Sample|Loss)'", "a formula holds numbers and arguments; return sample(...) at the end only"),
        (r"loss\(\) (takes 0|missing)", 'write @loss(family="...") above the function'),
        (r"recursion", "make the formula simpler: it is nested too deeply"),
        (r"Element' has no len", "use the functions of lossgen.spec"),
    )
)


def line_in(error: BaseException, file: str | Path) -> int | None:
    """Return the innermost line of `file` that an exception passed on its way, if there is one."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == Path(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def said(error: BaseException) -> str:
    """Return what an exception says in one line; some of SymPy's cannot say anything."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    kind = type(error).__name__
    return text if text.startswith(kind) else f"{kind}: {text}" if text else kind


def fix_for(error: BaseException, otherwise: str) -> str:
    """Return what to write instead of what raised an exception."""
    text = said(error)
    return next((fix for pattern, fix in _FIXES if pattern.search(text)), otherwise)
