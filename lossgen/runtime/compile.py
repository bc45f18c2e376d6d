"""``lossgen.compile``: any formula as a loss, compiled now and remembered for the next process."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossgen.runtime.loss import Loss

__all__ = ["compile"]

# Brings NumPy, so it is imported with the first call.
_MODULE = "lossgen.runtime.compiled"


def compile(
    formula: Any,
    *,
    domains: Mapping[str, str] | None = None,
    defaults: Mapping[str, float] | None = None,
) -> Loss:
    """Return a formula as a loss, the same kind of object as those of `lossgen.losses`.

    Parameters
    ----------
    formula : str, SymPy expression, or declaration
        The loss of one sample. In strings and bare expressions ``x`` is the prediction, ``y`` the target and
        every other symbol a parameter. A declaration is a function decorated with ``@loss`` of
        `lossgen.spec`, the ``spec`` of a shipped loss, or a weighted sum of such.
    domains : mapping, optional
        Where symbols lie: ``"real"`` (the default), ``"positive"``, ``"nonnegative"``, ``"unit"`` ([0, 1]) or
        ``"sign"`` (-1 or 1).
    defaults : mapping, optional
        Defaults of parameters; one without must be given in every call.

    Raises
    ------
    LossError
        If it is no formula (the message marks the place), or too much for the generator.

    Notes
    -----
    Kernels are kept on disk, in a private folder below the user's cache folder or ``LOSSGEN_CACHE_DIR``, so
    that the next process finds them in milliseconds and without SymPy. Text is parsed, never evaluated.

    Examples
    --------
    >>> import lossgen
    >>> smooth = lossgen.compile("log(cosh(x - y))")
    >>> smooth.grad([1.0, 2.0], [1.0, 2.0], reduction="sum")
    array([0., 0.])
    """
    loss: Loss = importlib.import_module(_MODULE).compiled(formula, domains, defaults)
    return loss
