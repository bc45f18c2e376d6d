"""Names of temporaries, from what they hold: ``exp_neg_abs``, ``log_share``, ``sum_x_y``; a number only as
the last resort.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.nodes import Detach, Reduction, Where
from lossgen.algebra.tensors import Element
from lossgen.algebra.vocabulary import logshare

_LONGEST = 28

# Words of Python and of the generated modules, which no temporary may shadow.
RESERVED = frozenset(
    [
        "and",
        "as",
        "assert",
        "async",
        "await",
        "break",
        "class",
        "continue",
        "def",
        "del",
        "elif",
        "else",
        "except",
        "False",
        "finally",
        "for",
        "from",
        "global",
        "if",
        "import",
        "in",
        "is",
        "lambda",
        "None",
        "nonlocal",
        "not",
        "or",
        "pass",
        "raise",
        "return",
        "True",
        "try",
        "while",
        "with",
        "yield",
        "abs",
        "bool",
        "float",
        "int",
        "len",
        "max",
        "min",
        "range",
        "real",
        "round",
        "sum",
        "type",
        "math",
        "np",
        "njit",
        "inlined",
        "vm",
        "prange",
        "numba",
        "check_abi",
        "block",
        "blocks",
        "count",
        "first",
        "last",
        "mask",
        "part",
        "partials",
        "places",
        "scales",
        "state",
        "states",
        "term",
        "terms",
        "k",
        "i",
        "numerator",
        "cuda",
        "LANES",
        "lane",
        "totals",
        "losts",
        "firsts",
        "found",
        "outside",
    ]
)

_WORDS = {"Abs": "abs", "Max": "max", "Min": "min", "Pow": "power", "ceiling": "ceil"}


class Names:
    """Hands out each name once; the same expression always gets the same name."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self.taken = set(reserved) | RESERVED
        self._given: dict[object, str] = {}

    def of(self, key: object, suggestion: str) -> str:
        """Return the name of `key`, new from `suggestion` at the first call."""
        if key not in self._given:
            self._given[key] = self.fresh(suggestion)
        return self._given[key]

    def retire(self, key: object) -> None:
        """Let the next use of `key` have a new name."""
        self._given.pop(key, None)

    def fresh(self, suggestion: str) -> str:
        """Return `suggestion`, with a number if it is taken."""
        name, number = suggestion, 2
        while name in self.taken:
            name, number = f"{suggestion}_{number}", number + 1
        self.taken.add(name)
        return name


def describe(expr: sp.Basic) -> str:
    """Return a short name for what `expr` is."""
    for depth in (3, 2, 1):
        name = _describe(expr, depth).strip("_")
        if name and len(name) <= _LONGEST:
            return name
    return "part"


def _describe(expr: sp.Basic, depth: int) -> str:
    if isinstance(expr, Element):
        inside = [_position(p, depth) for p in expr.positions if not isinstance(p, Index)]
        return "_".join([expr.tensor.name, *(["at", *inside] if inside and depth > 1 else [])])
    if isinstance(expr, sp.Symbol):
        return f"size_{expr.name.lower()}" if isinstance(expr, Axis) else expr.name
    if isinstance(expr, sp.Number):
        return _number(expr)
    if isinstance(expr, Detach):
        return _describe(expr.args[0], depth)
    if isinstance(expr, Where):
        return _join("chosen", _describe(expr.args[1], depth - 1)) if depth > 1 else "chosen"
    if isinstance(expr, Reduction):
        return _join(expr.op, _describe(expr.body, depth - 1)) if depth > 1 else expr.op
    if isinstance(expr, logshare):
        return _join("log_share", _share_of(expr, depth))
    if isinstance(expr, sp.exp) and isinstance(expr.args[0], logshare):
        return _join("share", _share_of(expr.args[0], depth))
    if isinstance(expr, Boolean):
        return "condition"
    return _compound(expr, depth)


def _compound(expr: sp.Basic, depth: int) -> str:
    if isinstance(expr, sp.Add):
        return _sum_name(expr, depth)
    if isinstance(expr, sp.Mul):
        return _product_name(expr, depth)
    if isinstance(expr, sp.Pow):
        words = {sp.Rational(1, 2): "sqrt", sp.Integer(2): "sq", sp.Integer(-1): "inv"}
        return (
            _join(words.get(expr.exp, "power"), _describe(expr.base, depth - 1))
            if depth > 1
            else words.get(expr.exp, "power")
        )
    word = _WORDS.get(type(expr).__name__, type(expr).__name__)
    if depth <= 1 or not expr.args:
        return word
    return _join(word, *(_describe(arg, depth - 1) for arg in expr.args))


def _sum_name(expr: sp.Add, depth: int) -> str:
    positive = [term for term in expr.args if not term.could_extract_minus_sign()]
    negative = [-term for term in expr.args if term.could_extract_minus_sign()]
    loads = all(isinstance(term, Element) for term in (*positive, *negative))
    if len(positive) == len(negative) == 1 and loads:
        roles = {positive[0].tensor.role, negative[0].tensor.role}
        return (
            "residual"
            if roles == {"pred", "target"}
            else _join("difference", *(_describe(t, depth - 1) for t in (*positive, *negative)))
        )
    if depth <= 1:
        return "sum"
    if expr.args[0] == 1 and len(negative) == 1 and len(positive) == 1:
        return _join("one_minus", _describe(negative[0], depth - 1))
    kind = "difference" if negative and positive else "sum"
    return _join(
        kind, *sorted(_describe(t, depth - 2) for t in (*positive, *negative) if not t.is_number)[:2]
    )


def _product_name(expr: sp.Mul, depth: int) -> str:
    coefficient, rest = expr.as_coeff_Mul()
    if coefficient == -1:
        return _join("neg", _describe(rest, depth))
    roles = (
        {f.tensor.role for f in rest.args if isinstance(f, Element)}
        if isinstance(rest, sp.Mul)
        else {rest.tensor.role}
        if isinstance(rest, Element)
        else set()
    )
    if roles & {"scale", "weight"}:
        others = [
            f
            for f in sp.Mul.make_args(rest)
            if not (isinstance(f, Element) and f.tensor.role in ("scale", "weight"))
        ]
        word = "scaled" if "scale" in roles else "weighted"
        if not others:
            return "scaled_weight" if roles == {"scale", "weight"} else word
        return _join(word, *sorted(_describe(f, depth - 2) for f in others)[:2])
    if depth <= 1:
        return "product"
    factors = sp.Mul.make_args(rest)
    if len(factors) == 1:
        return _join(_number(abs(coefficient)), _describe(factors[0], depth))
    return _join(*sorted(_describe(f, depth - 1) for f in factors)[:3])


def _share_of(expr: sp.Basic, depth: int) -> str:
    of = expr.args[0]
    gathered = isinstance(of, Element) and any(not isinstance(p, Index) for p in of.positions)
    return (
        _join("at", *(_position(p, depth) for p in of.positions if not isinstance(p, Index)))
        if gathered
        else ""
    )


def _position(position: sp.Expr, depth: int) -> str:
    if isinstance(position, Element):
        return position.tensor.name
    return describe_short(position) if depth > 1 else "there"


def describe_short(expr: sp.Expr) -> str:
    """Name an integer position in one word."""
    if isinstance(expr, sp.Integer):
        return str(expr) if expr >= 0 else f"minus{-expr}"
    coefficient, rest = expr.as_coeff_Add()
    if isinstance(rest, sp.Symbol) and coefficient.is_Integer:
        word = (
            "last"
            if isinstance(rest, Axis) and coefficient == -1
            else "before"
            if coefficient < 0
            else "after"
        )
        return word if abs(coefficient) == 1 else f"{word}{abs(coefficient)}"
    return "there"


def _number(value: sp.Number) -> str:
    if value == sp.Rational(1, 2):
        return "half"
    if value == 2:
        return "twice"
    return ""


def _join(*parts: str) -> str:
    words: list[str] = []
    for word in "_".join(part for part in parts if part).replace("__", "_").split("_"):
        if word and (not words or words[-1] != word):
            words.append(word)
    return "_".join(words)
