"""The operator table: stable functions with their exact meaning, derivative and notation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lossgen.algebra.entropies import entropygap as entropygap
from lossgen.algebra.entropies import expgap as expgap
from lossgen.algebra.extremes import logratio as logratio
from lossgen.algebra.extremes import outgrown as outgrown
from lossgen.algebra.gammas import digamma as digamma
from lossgen.algebra.gammas import trigamma as trigamma
from lossgen.algebra.nodes import Where
from lossgen.algebra.operators import OPERATORS as OPERATORS
from lossgen.algebra.operators import Operator as Operator
from lossgen.algebra.operators import StableFunction as StableFunction
from lossgen.algebra.operators import row, zero_at_zero
from lossgen.algebra.powers import abspow as abspow
from lossgen.algebra.powers import expsum as expsum
from lossgen.algebra.powers import normal as normal
from lossgen.algebra.powers import powered as powered
from lossgen.algebra.powers import signpow as signpow
from lossgen.algebra.powers import timesexp as timesexp
from lossgen.algebra.powers import timesexpm1 as timesexpm1
from lossgen.algebra.squares import inv1psq as inv1psq
from lossgen.algebra.squares import log1psq as log1psq
from lossgen.algebra.squares import log1psqrest as log1psqrest
from lossgen.algebra.squares import over1psq as over1psq
from lossgen.algebra.squares import sq1psq as sq1psq
from lossgen.algebra.squares import timesinv1psq as timesinv1psq
from lossgen.algebra.tails import erfcxgap as erfcxgap
from lossgen.algebra.tails import expshare as expshare
from lossgen.algebra.tails import expshareslope as expshareslope
from lossgen.algebra.tails import inverfcx as inverfcx
from lossgen.algebra.tails import log1mexpexp as log1mexpexp
from lossgen.algebra.tails import logerfc as logerfc
from lossgen.algebra.tails import loghalferfc as loghalferfc
from lossgen.algebra.tails import loginverfcx as loginverfcx
from lossgen.algebra.tails import tail as tail

log1p: Any = row(
    "log1p",
    lambda a: sp.log(1 + a),
    (lambda a: 1 / (1 + a),),
    ("above_minus_one",),
    "any",
    r"\operatorname{{log1p}}\left({0}\right)",
    zero_at_zero,
)
expm1: Any = row(
    "expm1",
    lambda a: sp.exp(a) - 1,
    (lambda a: sp.exp(a),),
    ("real",),
    "any",
    r"\operatorname{{expm1}}\left({0}\right)",
    zero_at_zero,
)
sigmoid: Any = row(
    "sigmoid",
    lambda a: 1 / (1 + sp.exp(-a)),
    (lambda a: sigmoid(a) * sigmoid(-a),),
    ("real",),
    "positive",
    r"\sigma\left({0}\right)",
    lambda a: sp.Rational(1, 2) if a.is_zero else None,
)
softplus: Any = row(
    "softplus",
    lambda a: sp.log(1 + sp.exp(a)),
    (lambda a: sigmoid(a),),
    ("real",),
    "positive",
    r"\operatorname{{softplus}}\left({0}\right)",
)
# Where softplus underflows its logarithm is the argument itself.
logsoftplus: Any = row(
    "logsoftplus",
    lambda a: sp.log(sp.log(1 + sp.exp(a))),
    (lambda a: sp.exp(-softplus(-a) - logsoftplus(a)),),
    ("real",),
    "any",
    r"\log\operatorname{{softplus}}\left({0}\right)",
)
# What softplus is beyond its slope; of second order in exp(a).
softplusrest: Any = row(
    "softplusrest",
    lambda a: sp.log(1 + sp.exp(a)) - 1 / (1 + sp.exp(-a)),
    (lambda a: sigmoid(a) ** 2,),
    ("real",),
    "nonnegative",
    None,
)
# 1 - exp(a) for a <= 0 as an atom that is never negative, so that its powers do not become 0/0 after
# factoring.
omexp: Any = row(
    "omexp",
    lambda a: 1 - sp.exp(a),
    (lambda a: -sp.exp(a),),
    ("negative",),
    "nonnegative",
    None,
    zero_at_zero,
)
log1mexp: Any = row(
    "log1mexp",
    lambda a: sp.log(1 - sp.exp(a)),
    (lambda a: -sp.exp(a - log1mexp(a)),),
    ("negative",),
    "negative",
    r"\log\left(1 - e^{{{0}}}\right)",
)
logaddexp: Any = row(
    "logaddexp",
    lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
    (lambda a, b: firstshare(a, b), lambda a, b: firstshare(b, a)),
    ("real", "real"),
    "any",
    r"\operatorname{{logaddexp}}\left({0}, {1}\right)",
)
logcosh: Any = row(
    "logcosh",
    lambda a: sp.log(sp.cosh(a)),
    (lambda a: sp.tanh(a),),
    ("real",),
    "nonnegative",
    r"\log\cosh\left({0}\right)",
    zero_at_zero,
)
sech2: Any = row(
    "sech2",
    lambda a: 1 / sp.cosh(a) ** 2,
    (lambda a: -2 * sp.tanh(a) * sech2(a),),
    ("real",),
    "positive",
    r"\operatorname{{sech}}^2\left({0}\right)",
)
# a * sech2(b), in range where either alone is not; 0 where b is infinite.
timessech2: Any = row(
    "timessech2",
    lambda a, b: a / sp.cosh(b) ** 2,
    (lambda a, b: sech2(b), lambda a, b: -2 * sp.tanh(b) * timessech2(a, b)),
    ("real", "real"),
    "any",
    None,
    zero_at_zero,
)
xlogy: Any = row(
    "xlogy",
    lambda a, b: Where(sp.Eq(a, 0), 0, a * sp.log(b)),
    (lambda a, b: sp.log(b), lambda a, b: Where(sp.Eq(a, 0), 0, a / b)),
    ("real", "nonnegative"),
    "any",
    None,
    lambda a, b: sp.S.Zero if a.is_zero or b == 1 else None,
)
xlog1py: Any = row(
    "xlog1py",
    lambda a, b: Where(sp.Eq(a, 0), 0, a * sp.log(1 + b)),
    (lambda a, b: log1p(b), lambda a, b: Where(sp.Eq(a, 0), 0, a / (1 + b))),
    ("real", "above_minus_one"),
    "any",
    None,
    lambda a, b: sp.S.Zero if a.is_zero or b.is_zero else None,
)
hypot: Any = row(
    "hypot",
    lambda a, b: sp.sqrt(a**2 + b**2),
    (
        lambda a, b: Where(sp.Eq(hypot(a, b), 0), 0, a / hypot(a, b)),
        lambda a, b: Where(sp.Eq(hypot(a, b), 0), 0, b / hypot(a, b)),
    ),
    ("real", "real"),
    "nonnegative",
    r"\operatorname{{hypot}}\left({0}, {1}\right)",
)
xmlog1p: Any = row(
    "xmlog1p",
    lambda a: a - sp.log(1 + a),
    (lambda a: a / (1 + a),),
    ("above_minus_one",),
    "nonnegative",
    None,
    zero_at_zero,
)
expm1mx: Any = row(
    "expm1mx",
    lambda a: sp.exp(a) - 1 - a,
    (lambda a: expm1(a),),
    ("real",),
    "nonnegative",
    None,
    zero_at_zero,
)

# exp(a) / (exp(a) + exp(b)): the derivative of logaddexp, which gives 0 (not NaN) where both are minus
# infinity.
firstshare: Any = row(
    "firstshare",
    lambda a, b: 1 / (1 + sp.exp(b - a)),
    (lambda a, b: firstshare(a, b) * firstshare(b, a), lambda a, b: -firstshare(a, b) * firstshare(b, a)),
    ("real", "real"),
    "nonnegative",
    None,
)
# A product whose first factor switches the second one off: 0 where it is 0, also if the second is infinite.
gated: Any = row(
    "gated",
    lambda a, b: a * b,
    (lambda a, b: b, lambda a, b: a),
    ("real", "real"),
    "any",
    None,
    lambda a, b: sp.S.Zero if a.is_zero or b.is_zero else a * b if a.is_number else None,
)
# 1, but 0 where a logarithm is minus infinity: asks whether a quantity kept as its logarithm is positive.
alive: Any = row(
    "alive",
    lambda a: sp.S.One,
    (lambda a: sp.S.Zero,),
    ("real",),
    "nonnegative",
    r"\left[{0} > -\infty\right]",
)
# a**2 / b as a * (a / b), which neither overflows nor vanishes before the result does.
sqdiv: Any = row(
    "sqdiv",
    lambda a, b: a**2 / b,
    (lambda a, b: 2 * a / b, lambda a, b: -((a / b) ** 2)),
    ("real", "positive"),
    "nonnegative",
    None,
    zero_at_zero,
)


# a - b formed before anything else is added: a sum's terms are reordered, which can put the rounding of a
# large intermediate where two nearly equal numbers should have cancelled.
gap: Any = row(
    "gap",
    lambda a, b: a - b,
    (lambda a, b: sp.S.One, lambda a, b: sp.S.NegativeOne),
    ("real", "real"),
    "any",
    None,
    lambda a, b: sp.S.Zero if a == b else a if b.is_zero else None,
)
# a / b formed before anything else is multiplied: where |a| <= |b| nothing overflows.
quotient: Any = row(
    "quotient",
    lambda a, b: a / b,
    (lambda a, b: 1 / b, lambda a, b: -quotient(a, b) / b),
    ("real", "positive"),
    "any",
    None,
    lambda a, b: sp.S.Zero if a.is_zero else sp.S.One if a == b else None,
)


class logshare(sp.Function):
    """``logshare(a, L)`` = a - L with L a ``lse`` reduction that has exp(a) among its terms: the log of a
    softmax entry, never positive.

    An atom, because SymPy would distribute factors over a difference and L must stay a (maximum, rest) pair
    to keep every digit.
    """

    nargs = (2,)

    def _eval_is_real(self) -> bool:
        return True

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_is_nonpositive(self) -> bool:
        return True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Return the partial derivative by an argument, counted from 1."""
        return sp.S.One if argindex == 1 else sp.S.NegativeOne


def exact(expr: sp.Expr, kept: Callable[[sp.Expr], bool] = lambda node: False) -> sp.Expr:
    """Return `expr` with every vocabulary function that is not `kept` replaced by its exact meaning."""
    mapping: dict[sp.Expr, sp.Expr] = {}
    for node in sp.postorder_traversal(expr):
        if kept(node):
            continue
        if isinstance(node, StableFunction):
            mapping[node] = node.row.exact(*(arg.xreplace(mapping) for arg in node.args))
        elif isinstance(node, logshare):
            mapping[node] = node.args[0].xreplace(mapping) - node.args[1].xreplace(mapping)
    return expr.xreplace(mapping)
