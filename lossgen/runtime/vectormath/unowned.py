"""Arrays that belong to the caller while a kernel runs, which need not count who refers to them."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

__all__ = ["unowned"]


def _typing(typingctx: Any, array: Any) -> Any:
    """Return an array whose rows are taken without an atomic operation for each."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not isinstance(array, types.Array):
            return impl_ret_borrowed(context, builder, array, arguments[0])
        struct = context.make_array(array)(context, builder, arguments[0])
        struct.meminfo = cgutils.get_null_value(struct.meminfo.type)
        return struct._getvalue()

    return array(array), emit


unowned: Any = intrinsic(_typing)
