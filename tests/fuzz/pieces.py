"""What fuzzing puts together: formulas and declarations that could almost be meant, and noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lossgen.spec.functions import FUNCTIONS

__all__ = ["NOISE", "formula_text", "spec_text"]

Pick = Callable[[Sequence[str]], str]

NOISE = [
    *"xyc0123456789.eE+-*/()<>=!, \t[]{}'\"@:;\\\n\0",
    *(
        "**",
        "//",
        "==",
        "<=",
        " and ",
        " or ",
        " not ",
        "1e9",
        "9**9",
        "pi",
        "_",
        "\N{GREEK SMALL LETTER SIGMA}",
    ),
    *("import", "lambda ", "return ", "raise ", "yield ", "del x", "...", " if ", " else ", " for ", " in "),
]
_BINARY = ["+", "-", "*", "/", "**", "<", ">", "<=", "==", " and ", " or "]
_ATOMS = ["x", "y", "c", "delta", "0", "1", "2", "0.5", "-1", "1e300", "1e-300", "pi", "37", "(x - y)"]
_FUNCTIONS = [*FUNCTIONS, "", "-", "not "]
_SPEC_BINARY = ["+", "-", "*", "/", "**", "<", ">", "==", "[", " if 1 else "]
# Python itself would compute a tower of integer powers: in declarations powers are of floats.
_SPEC_ATOMS = [
    *(
        "x",
        "y",
        "z",
        "c",
        "n",
        "C",
        "N",
        "x[c]",
        "y[c]",
        "x[y]",
        "x[n, c]",
        "y[n]",
        "z[c]",
        "x[n]",
        "x[C - 1]",
    ),
    *(
        "0.0",
        "1.0",
        "2.0",
        "-1.0",
        "0.5",
        "1e300",
        "None",
        "True",
        "'a'",
        "(x, y)",
        "[x]",
        "{}",
        "a",
        "s",
        "r",
    ),
]
_SPEC_FUNCTIONS = [
    *(
        "exp(",
        "log(",
        "Abs(",
        "sqrt(",
        "where(",
        "Eq(",
        "Ne(",
        "Sum(",
        "Max(",
        "Min(",
        "argmax(",
        "logsumexp(",
    ),
    *(
        "detach(",
        "size(",
        "index(",
        "sample(",
        "define('d', c, ",
        "cumsum('s', c, ",
        "sort('o', ",
        "at(",
        "sign(",
    ),
    *(
        "sample(keep=",
        "sample(mean_by=",
        "sample(items=",
        "recurrence('r', (c,), ",
        "float(",
        "(",
        "-(",
        "loss(",
    ),
]
_ROLES = [
    *(
        "Pred",
        "Pred[C]",
        "Target",
        "Target[C]",
        "Class",
        "Positive",
        "Pred",
        "Pred[C]",
        "Target",
        "Target[C]",
    ),
    *(
        "Pred",
        "Pred[C]",
        "Pred[N, C]",
        "Pred[N]",
        "Pred.unit[C]",
        "Pred.positive",
        "Pred.unit[C].real_if('z')",
    ),
    *(
        "Target",
        "Target[C]",
        "Target[N, C]",
        "Target.unit",
        "Class[C]",
        "Labels[C]",
        "Length[C]",
        "PerClass[C]",
    ),
    *(
        "Positive",
        "NonNegative",
        "Unit",
        "Real",
        "Int",
        "Flag",
        "Choice(1, 2)",
        "Choice(1, 2) | Positive",
        "Position",
    ),
    *(
        "Optional[Int]",
        "Optional[Unit]",
        "Choice()",
        "None",
        "x",
        "C",
        "Pred[C, C]",
        "Pred['C']",
        "Target[Pred]",
    ),
]
_DEFAULTS = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    " = 1.0",
    " = 0.5",
    " = None",
    " = True",
    " = -1",
    " = 'a'",
    " = 1",
    " = C",
    " = []",
]
_DECORATIONS = [
    *("", "", ", structure='row'", ", variants=[{'z': True}]", ", variants=[{'z': 2}]", ", variants=1"),
    *(
        ", peers={'torch': 'a'}",
        ", peers=1",
        ", source=x",
        ", nonsense=1",
        ", structure='odd'",
        ", source='s'",
    ),
]
_STATEMENTS = ["", "", "", "a = ", "s = ", "return ", "del ", "raise ", "yield ", "a, s = ", "for a in c: "]
_HEAD = """from lossgen.spec import *
C, N = axis("C", dims="1"), axis("N", dims="0")
c, n = index(C), index(N)
"""


def _expression(pick: Pick, depth: int, tables: tuple[list[str], list[str], list[str]]) -> str:
    atoms, binary, functions = tables
    kind = pick(["atom", "binary", "binary", "call", "call", "noise"]) if depth else "atom"
    if kind == "noise":
        return pick(NOISE) if pick(["", "", "", "", "", "noise"]) else pick(atoms)
    if kind == "atom":
        return pick(atoms)
    parts = [_expression(pick, depth - 1, tables) for _ in range(int(pick("2213")))]
    if kind == "binary":
        operator = pick(binary)
        return f"({operator.join(parts)}{']' if operator == '[' else ''})"
    function = pick(functions)
    opened = function if function.endswith(("(", ", ", "=")) else f"{function}("
    return f"{opened}{', '.join(parts)})"


def formula_text(pick: Pick) -> str:
    """Return a text that is a formula, or almost."""
    return _expression(pick, int(pick("12345")), (_ATOMS, _BINARY, _FUNCTIONS))


def spec_text(pick: Pick) -> str:
    """Return a spec file with one declaration that is right, or almost."""
    tables = (_SPEC_ATOMS, _SPEC_BINARY, _SPEC_FUNCTIONS)
    names = "xyz"[: int(pick("1233"))]
    # Python wants those with a default behind the others.
    defaults = sorted((pick(_DEFAULTS) for _ in names), key=bool)
    roles = [f"{name}: {pick(_ROLES)}{default}" for name, default in zip(names, defaults, strict=True)]
    body = [
        f"    {start}{_expression(pick, int(pick('123')), tables)}"
        for start in (pick(_STATEMENTS) for _ in range(int(pick("0123"))))
        if start
    ]
    body.append(f"    return {_expression(pick, int(pick('1234')), tables)}")
    signature = ", ".join(roles)
    return (
        f'{_HEAD}@loss(family="trial"{pick(_DECORATIONS)})\ndef f({signature}):\n    """Trial."""\n'
        + "\n".join(body)
    )
