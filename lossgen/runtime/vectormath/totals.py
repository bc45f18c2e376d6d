"""Sums in vector registers, in an order that depends on their length alone.

A vector of LLVM has the lanes that it is given, and becomes as many registers of a processor as it needs: the
bits are the same on all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload

from lossgen.runtime.vectormath.inline import inlined
from lossgen.runtime.vectormath.sums import added as one_by_one
from lossgen.runtime.vectormath.sums import two_sum

__all__ = ["added", "added_but", "summed"]

# Running sums beside each other.
_LANES = 32
# From this length on: shorter rows are added one by one, as they are where many rows lie beside each other.
_LONG = 64
_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)


def _two_sum(builder: Any, total: Any, lost: Any, term: Any) -> tuple[Any, Any]:
    """Add a term to a running sum; `lost` collects what rounding took (Knuth's TwoSum)."""
    grown = builder.fadd(total, term)
    back = builder.fsub(grown, total)
    gone = builder.fadd(builder.fsub(total, builder.fsub(grown, back)), builder.fsub(term, back))
    return grown, builder.fadd(lost, gone)


def _half(builder: Any, vector: Any, which: int) -> Any:
    count = vector.type.count // 2
    places = [ir.Constant(ir.IntType(32), which * count + k) for k in range(count)]
    mask = ir.Constant(ir.VectorType(ir.IntType(32), count), places)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def _is_plain(terms: Any) -> bool:
    return isinstance(terms, types.Array) and terms.layout == "C"


def _sum_typing(typingctx: Any, terms: Any) -> Any:
    """Return the sum of a row and what rounding took of it, as float64."""
    single = terms.dtype == types.float32
    narrow = ir.FloatType() if single else _DOUBLE
    entries, wide = ir.VectorType(narrow, _LANES), ir.VectorType(_DOUBLE, _LANES)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(terms)(context, builder, arguments[0])
        count = builder.extract_value(array.shape, 0)
        zero = ir.Constant(wide, None)
        totals, losts = (cgutils.alloca_once_value(builder, zero) for _ in range(2))

        def take(loaded: Any) -> None:
            term = builder.fpext(loaded, wide) if single else loaded
            if single:
                # What rounding of the terms has taken is more than what rounding in float64 takes.
                builder.store(builder.fadd(builder.load(totals), term), totals)
                return
            total, lost = _two_sum(builder, builder.load(totals), builder.load(losts), term)
            builder.store(total, totals)
            builder.store(lost, losts)

        lanes = ir.Constant(_INDEX, _LANES)
        whole = builder.mul(builder.udiv(count, lanes), lanes)
        with cgutils.for_range_slice(builder, ir.Constant(_INDEX, 0), whole, lanes, _INDEX) as (first, _):
            place = builder.bitcast(builder.gep(array.data, [first]), entries.as_pointer())
            take(builder.load(place, align=narrow_bytes))
        with builder.if_then(builder.icmp_unsigned("<", whole, count)):
            rest = builder.trunc(builder.sub(count, whole), ir.IntType(32))
            ahead = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), list(range(_LANES)))
            ends = builder.insert_element(
                ir.Constant(ahead.type, ir.Undefined), rest, ir.Constant(ir.IntType(32), 0)
            )
            ends = builder.shuffle_vector(ends, ends, ir.Constant(ahead.type, None))
            mask = builder.icmp_unsigned("<", ahead, ends)
            place = builder.bitcast(builder.gep(array.data, [whole]), entries.as_pointer())
            name = f"llvm.masked.load.v{_LANES}{'f32' if single else 'f64'}.p0"
            kind = ir.FunctionType(entries, [place.type, ir.IntType(32), mask.type, entries])
            load = cgutils.get_or_insert_function(builder.module, kind, name)
            align = ir.Constant(ir.IntType(32), narrow_bytes)
            take(builder.call(load, [place, align, mask, ir.Constant(entries, None)]))
        total, lost = builder.load(totals), builder.load(losts)
        while total.type.count > 1:
            lost = builder.fadd(_half(builder, lost, 0), _half(builder, lost, 1))
            total, lost = _two_sum(builder, _half(builder, total, 0), lost, _half(builder, total, 1))
        first = ir.Constant(ir.IntType(32), 0)
        parts = [builder.extract_element(one, first) for one in (total, lost)]
        return context.make_tuple(builder, signature.return_type, parts)

    narrow_bytes = 4 if single else 8
    return types.UniTuple(types.float64, 2)(terms), emit


_plain_sum: Any = intrinsic(_sum_typing)


def _row_sum(terms: Any) -> tuple[float, float]:
    """Return the sum of a row and what rounding took of it, as float64."""
    raise NotImplementedError("compiled code alone calls this")


@overload(_row_sum, jit_options={"forceinline": True, "error_model": "numpy"})
def _sum_of(terms: Any) -> Any:
    def of_plain(terms: Any) -> Any:
        return _plain_sum(terms)

    def of_others(terms: Any) -> Any:
        # Entries that do not lie together, or that are kept in 16 bits.
        copied = np.empty(terms.shape[0], terms.dtype)
        for i in range(terms.shape[0]):
            copied[i] = terms[i]
        return _plain_sum(copied)

    return of_plain if _is_plain(terms) else of_others


@inlined
def added(total: Any, lost: Any, terms: Any) -> Any:
    """Take a row into a compensated sum in float64, the same bits on every processor."""
    if terms.shape[0] < _LONG:
        return one_by_one(total, lost, terms)
    more, more_lost = _row_sum(terms)
    return two_sum(total, lost + more_lost, more)


@inlined
def added_but(total: Any, lost: Any, terms: Any, place: Any) -> Any:
    """As `added`, without the number at one place; that place counts as 0 meanwhile."""
    if terms.shape[0] > 0:
        apart = terms[place]
        terms[place] = terms.dtype.type(0)
        total, lost = added(total, lost, terms)
        terms[place] = apart
    return total, lost


@inlined
def summed(terms: Any) -> Any:
    """Compensated sum of an array in float64, the same bits on every processor."""
    total, lost = added(0.0, 0.0, terms)
    # After an overflow the lost part is NaN and says nothing.
    return total + lost if lost == lost else total
