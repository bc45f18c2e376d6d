"""Arrays of 16-bit floats for kernels: they hold patterns, and entries are read and written as float32.

To a kernel such an array looks like one of float32, so one generated text serves every dtype. Numba compiles
a version of it for each combination of dtypes that is met, with the conversion in registers.
"""

from __future__ import annotations

import operator
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed, lower_getattr
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import (
    NativeValue,
    intrinsic,
    make_attribute_wrapper,
    models,
    overload,
    overload_attribute,
    register_model,
    unbox,
)

from lossgen.runtime import half_bits
from lossgen.runtime.arrays import Array

__all__ = ["HalfArray"]

# Numba's disk cache sees no change of these files, so their content is part of the name of the type.
_DIGEST = zlib.crc32(Path(__file__).read_bytes() + Path(half_bits.__file__).read_bytes())


class HalfArray:
    """What a kernel gets for a C-contiguous array of float16 or bfloat16.

    Parameters
    ----------
    array : ndarray
        The array; kernels read and write its memory.
    """

    __slots__ = ("_numba_type_", "bits", "dtype")

    def __init__(self, array: Array) -> None:
        self.bits = array.view(np.uint16)
        self.dtype = array.dtype
        self._numba_type_ = _type_of(array.dtype, array.ndim)

    def __getitem__(self, samples: slice) -> HalfArray:
        return HalfArray(self.bits[samples].view(self.dtype))


class HalfArrayType(types.Type):
    """The type of such arrays in kernels: `bits` is the type of the patterns."""

    def __init__(self, encoding: str, bits: Any) -> None:
        self.encoding = encoding
        self.bits = bits
        super().__init__(name=f"HalfArray({encoding}, {bits}, {_DIGEST:08x})")


@lru_cache
def _type_of(dtype: np.dtype[Any], rank: int) -> HalfArrayType:
    return HalfArrayType(dtype.name, types.Array(types.uint16, rank, "C"))


@register_model(HalfArrayType)
class _Model(models.StructModel):
    def __init__(self, manager: Any, kind: HalfArrayType) -> None:
        super().__init__(manager, kind, [("bits", kind.bits)])


make_attribute_wrapper(HalfArrayType, "bits", "bits")


@unbox(HalfArrayType)  # type: ignore[untyped-decorator]
def _unboxed(kind: HalfArrayType, instance: Any, c: Any) -> NativeValue:
    bits = c.pyapi.object_getattr_string(instance, "bits")
    native = c.unbox(kind.bits, bits)
    c.pyapi.decref(bits)  # the caller's instance keeps it alive
    struct = cgutils.create_struct_proxy(kind)(c.context, c.builder)
    struct.bits = native.value
    return NativeValue(struct._getvalue(), is_error=native.is_error, cleanup=native.cleanup)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = HalfArrayType

    def resolve_dtype(self, _kind: HalfArrayType) -> Any:
        """Kernels ask for the type to compute in."""
        return types.DType(types.float32)


@lower_getattr(HalfArrayType, "dtype")  # type: ignore[untyped-decorator]
def _dtype(context: Any, _builder: Any, _kind: Any, _value: Any) -> Any:
    return context.get_dummy_value()


@overload_attribute(HalfArrayType, "shape")
def _shape(array: Any) -> Callable[..., Any]:
    def shape(array: Any) -> Any:
        return array.bits.shape

    return shape


def _typed_part(_context: Any, array: Any, bits: Any) -> Any:
    kind = HalfArrayType(array.encoding, bits)

    def build(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        struct = cgutils.create_struct_proxy(kind)(context, builder)
        struct.bits = values[1]
        return impl_ret_borrowed(context, builder, kind, struct._getvalue())

    return kind(array, bits), build


# Gives a view of patterns the encoding of the array that it is a part of.
_part: Any = intrinsic(_typed_part)


def _is_entry(array: HalfArrayType, place: Any) -> bool:
    """Whether an index names one entry, not a view of several."""
    places = getattr(place, "types", (place,))
    return len(places) == array.bits.ndim and all(isinstance(item, types.Integer) for item in places)


@overload(operator.getitem)
def _read(array: Any, place: Any) -> Callable[..., Any] | None:
    if not isinstance(array, HalfArrayType):
        return None
    widen = half_bits.WIDEN[array.encoding]

    def entry(array: Any, place: Any) -> Any:
        return widen(array.bits[place])

    def part(array: Any, place: Any) -> Any:
        return _part(array, array.bits[place])

    return entry if _is_entry(array, place) else part


@overload(operator.setitem)
def _write(array: Any, place: Any, number: Any) -> Callable[..., Any] | None:
    if not isinstance(array, HalfArrayType):
        return None
    narrow = half_bits.NARROW[array.encoding]

    def write(array: Any, place: Any, number: Any) -> None:
        array.bits[place] = narrow(number)

    return write
