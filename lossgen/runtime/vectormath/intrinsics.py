"""What Numba has no word for: fused multiply-add, bits of floating-point numbers, constants and polynomials
that follow the type of an argument.

Each becomes a few instructions without a branch, in float32 or float64 as its argument is, so that a loop
around it runs in vector registers and one text serves both types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = ["IS_SINGLE", "constant", "fma", "polynomial", "power_of_two", "scaled", "split"]

Number = Callable[[Any], Any]


def _word(typing: Callable[..., Any]) -> Callable[..., Any]:
    """Make a word of compiled code of a function that gives its signature and the function that emits it."""
    word: Any = intrinsic(typing)
    return word


@dataclass(frozen=True)
class _Format:
    """How a type is laid out: LLVM's types, bits of the fraction, bias of the exponent."""

    real: ir.Type
    integer: ir.IntType
    fraction: int
    bias: int

    def number(self, value: float) -> ir.Constant:
        rounded = np.float32(value) if self.fraction == 23 else np.float64(value)
        return ir.Constant(self.real, float(rounded))

    def whole(self, value: int) -> ir.Constant:
        return ir.Constant(self.integer, value)

    @property
    def magic(self) -> float:
        """The number whose last bit counts ones: sums with it are rounded to integers."""
        return 1.5 * 2.0**self.fraction

    @property
    def magic_bits(self) -> int:
        return int(
            np.float32(self.magic).view(np.int32)
            if self.fraction == 23
            else np.float64(self.magic).view(np.int64)
        )


_FORMATS = {
    types.float32: _Format(ir.FloatType(), ir.IntType(32), 23, 127),
    types.float64: _Format(ir.DoubleType(), ir.IntType(64), 52, 1023),
}


def constant(single: float, double: float) -> Number:
    """Return a function of a number that gives a constant of the number's type."""

    @_word
    def value(typingctx: Any, like: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            form = _FORMATS[like]
            return form.number(single if form.fraction == 23 else double)

        return (like(like), emit) if like in _FORMATS else None

    return value


# 1 for float32: the compiler drops branches that are not for the type.
IS_SINGLE = constant(1.0, 0.0)


def polynomial(single: Sequence[float], double: Sequence[float]) -> Number:
    """Return a polynomial by Horner's rule; coefficients of each type from the constant term up."""

    @_word
    def value(typingctx: Any, at: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            form = _FORMATS[at]
            *others, total = map(form.number, single if form.fraction == 23 else double)
            for coefficient in reversed(others):
                total = builder.fma(total, arguments[0], coefficient)
            return total

        return (at(at), emit) if at in _FORMATS else None

    return value


@_word
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return (a(a, b, c), emit) if a == b == c and a in _FORMATS else None


@_word
def power_of_two(typingctx: Any, k: Any) -> Any:
    """Return 2**k for an integer k that is the exponent of a normal number."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        form = _FORMATS[k]
        counted = builder.fadd(arguments[0], form.number(form.magic))
        biased = builder.add(builder.bitcast(counted, form.integer), form.whole(form.bias))
        return builder.bitcast(builder.shl(biased, form.whole(form.fraction)), form.real)

    return (k(k), emit) if k in _FORMATS else None


@_word
def scaled(typingctx: Any, u: Any, beside: Any) -> Any:
    """Return u * 2**k, rounded once, for u between 1/2 and 2 and an integer k, up to twice the largest
    exponent, that is given beside the magic number.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        form = _FORMATS[u]
        # Two factors, for 2**k itself may be no normal number. The bits of the magic number are even, and
        # those of its half are shifted out as well: what is left is half of k, and the rest of k.
        bits = builder.bitcast(arguments[1], form.integer)
        half = builder.lshr(bits, form.whole(1))
        result = arguments[0]
        for part in (half, builder.sub(bits, half)):
            power = builder.shl(builder.add(part, form.whole(form.bias)), form.whole(form.fraction))
            result = builder.fmul(result, builder.bitcast(power, form.real))
        return result

    return (u(u, beside), emit) if u == beside and u in _FORMATS else None


@_word
def split(typingctx: Any, u: Any) -> Any:
    """Return m, k and 2**-k with u = m * 2**k and m between the roots of 1/2 and 2, for a normal positive u;
    2**-k makes sense for k below the largest exponent.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        form = _FORMATS[u]
        root = (
            np.float32(0.5**0.5).view(np.int32)
            if form.fraction == 23
            else np.float64(0.5**0.5).view(np.int64)
        )
        bits = builder.bitcast(arguments[0], form.integer)
        exponent = builder.ashr(builder.sub(bits, form.whole(int(root))), form.whole(form.fraction))
        shift = builder.shl(exponent, form.whole(form.fraction))
        counted = builder.bitcast(builder.add(exponent, form.whole(form.magic_bits)), form.real)
        parts = (
            builder.bitcast(builder.sub(bits, shift), form.real),
            builder.fsub(counted, form.number(form.magic)),
            builder.bitcast(builder.sub(form.whole(form.bias << form.fraction), shift), form.real),
        )
        return context.make_tuple(builder, signature.return_type, parts)

    return (types.UniTuple(u, 3)(u), emit) if u in _FORMATS else None
