"""Pieces of a log-sum-exp that expressions refer to while they are lowered; they exist in no formula.

With m the largest term and s the sum of exp(g - m) over all others, ``lse = m + log1p(s)``: both parts
keep every digit.
"""

from __future__ import annotations

import sympy as sp


class shifted(sp.Function):
    """``shifted(a, L)`` = a - m, one rounding; an atom, because SymPy would merge the difference with the
    terms of `a`.
    """

    nargs = (2,)


class lifted(sp.Function):
    """``lifted(a, L)`` = a - m, or `a` itself for an infinite m: what the terms of the sum are made of."""

    nargs = (2,)


class total(sp.Function):
    """``total(L)`` = exp(lifted(m)) + s, the sum of exp(lifted(g)); the first term is 1 for a finite m."""

    nargs = (1,)


class log_total(sp.Function):
    """``log_total(L)`` = log1p(s)."""

    nargs = (1,)


class full_size(sp.Function):
    """``full_size(axis)``: extent of the array, where ``axis`` alone is that of this sample."""

    nargs = (1,)
