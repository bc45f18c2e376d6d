"""How each function of the vocabulary is written for Numba: in place, or as a helper that goes into the
generated module.

Helpers are text, because Numba's disk cache does not see changes in other files: every generated module
carries those that it uses.
``real`` is the type of the arguments, so one text serves float32 and float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from lossgen.backends.numba_cpu.helpers_elementary import ELEMENTARY
from lossgen.backends.numba_cpu.helpers_exponential import EXPONENTIAL
from lossgen.backends.numba_cpu.helpers_gamma import GAMMA
from lossgen.backends.numba_cpu.helpers_sums import SUM_NEEDS, SUMS
from lossgen.backends.numba_cpu.helpers_tails import TAIL_NEEDS, TAILS
from lossgen.errors import LossError

__all__ = ["HELPERS", "NEEDS", "SPELLINGS", "Spelling", "looked_up", "spelling", "with_needed"]

HELPERS: dict[str, str] = {**ELEMENTARY, **EXPONENTIAL, **GAMMA, **TAILS, **SUMS}
# Helpers that call other helpers.
NEEDS: dict[str, tuple[str, ...]] = {**SUM_NEEDS, **TAIL_NEEDS}


@dataclass(frozen=True)
class Spelling:
    """A format string for a call in place, and the helpers it needs."""

    text: str
    helpers: tuple[str, ...] = ()


def _in_math(*names: str) -> dict[str, Spelling]:
    return {name: Spelling(f"math.{name}({{0}})") for name in names}


def _by_helper(*names: str) -> dict[str, Spelling]:
    return {name: Spelling(f"_{name}({{0}})", (name,)) for name in names}


def _by_helper2(*names: str) -> dict[str, Spelling]:
    return {name: Spelling(f"_{name}({{0}}, {{1}})", (name,)) for name in names}


SPELLINGS: dict[str, Spelling] = {
    **_in_math("exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan"),
    **_in_math("sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "gamma"),
    # Of a number between 0 and 1, which vector mathematics has a shorter way for.
    "log1p_unit": Spelling("math.log1p({0})"),
    "loggamma": Spelling("math.lgamma({0})"),
    "atan2": Spelling("math.atan2({0}, {1})"),
    "abs": Spelling("abs({0})"),
    "pow": Spelling("{0} ** {1}"),
    "mod": Spelling("{0} % {1}"),
    "gap": Spelling("{0} - {1}"),
    "quotient": Spelling("{0} / {1}"),
    "floor": Spelling("np.floor({0})"),
    "ceil": Spelling("np.ceil({0})"),
    "omexp": Spelling("-math.expm1({0})"),
    "max": Spelling("_maximum({0}, {1})", ("maximum",)),
    "min": Spelling("_minimum({0}, {1})", ("minimum",)),
    "sqdiv": Spelling("_sqdiv({0}, {1})", ("sqdiv",)),
    "powered": Spelling("_powered({0}, {1}, {2}, {3})", ("powered",)),
    "timesexpm1": Spelling("_timesexpm1({0}, {1}, {2})", ("timesexpm1",)),
    "expsum": Spelling("_expsum({0}, {1}, {2}, {3})", ("expsum",)),
    "firstshare": Spelling("_firstshare({0}, {1})", ("firstshare",)),
    "sigmoid_tail": Spelling("_sigmoid_tail({0}, {1})", ("sigmoid_tail",)),
    "softplus_tail": Spelling("_softplus_tail({0}, {1})", ("softplus_tail",)),
    **_by_helper("sign", "sigmoid", "softplus", "log1mexp", "logsoftplus", "logcosh", "sech2"),
    **_by_helper("xmlog1p", "expm1mx", "log1psq", "alive", "normal", "finite_or_zero", "nan_or_zero"),
    **_by_helper("lifted_exp", "softplusrest"),
    **_by_helper("inv1psq", "over1psq", "sq1psq", "log1psqrest", "digamma", "trigamma"),
    **_by_helper("tail", "logerfc", "loghalferfc", "inverfcx", "loginverfcx", "erfcxgap"),
    **_by_helper("log1mexpexp", "expshare", "expshareslope"),
    **_by_helper2("logaddexp", "xlogy", "xlog1py", "hypot", "gated", "abspow", "signpow", "timesexp"),
    **_by_helper2("logratio", "outgrown", "entropygap", "expgap", "timessech2", "timesinv1psq"),
}


def spelling(name: str) -> Spelling:
    """Return how a function is written."""
    return looked_up(name, SPELLINGS, "numba_cpu")


def looked_up(name: str, table: Mapping[str, Spelling], backend: str) -> Spelling:
    """Return how a backend writes a function; a missing row stops the build."""
    if name not in table:
        raise LossError(
            f"the {backend} backend has no spelling of {name!r}: add a row to "
            f"lossgen/backends/{backend}/spelling.py"
        )
    return table[name]


def with_needed(
    helpers: Set[str], table: Mapping[str, str] = HELPERS, needs: Mapping[str, Sequence[str]] = NEEDS
) -> list[str]:
    """Return helpers and what they call, in the order of their table, those that others call first."""
    depth: dict[str, int] = {}

    def look(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max(map(look, needs.get(name, ())), default=0)
        return depth[name]

    for name in helpers:
        look(name)
    return sorted((name for name in table if name in depth), key=depth.__getitem__)
