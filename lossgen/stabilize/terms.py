"""Taking sums and products apart: the matching that rules share.

SymPy distributes numbers over sums and reorders arguments, so rules never compare text: they subtract
what they look for and see whether terms vanish.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from lossgen.algebra.axes import Index
from lossgen.algebra.nodes import Reduction, replace_index
from lossgen.algebra.tensors import elements


def open_body(reduction: Reduction) -> tuple[Index, sp.Expr]:
    """Return an index and the body written with it.

    The index is named by the height of the binder: enclosing binders are higher, so it is free nowhere in
    the body, and unlike `fresh` it does not depend on history, so that sorted arguments come out alike in
    every run.
    """
    index = Index(f"{reduction.index.axis.name.lower()}%{reduction.height}", reduction.index.axis)
    return index, replace_index(reduction.body, reduction.index, index)


def count(expr: sp.Expr) -> int:
    """Return the number of terms of a sum; 0 has none."""
    return 0 if expr == 0 else len(sp.Add.make_args(expr))


def is_polynomial(expr: sp.Expr) -> bool:
    """Whether an expression without functions is a polynomial in its elements, constants to SymPy."""
    return all(power.exp.is_Integer and power.exp.is_positive for power in expr.atoms(sp.Pow))


def take(expr: sp.Expr, part: sp.Expr) -> sp.Expr | None:
    """Return ``expr - part`` if every term of `part` is in `expr`, else None."""
    rest = expr - part
    if count(rest) == count(expr) - count(part):
        return rest
    # SymPy writes (y - x)*u and -(x - y)*u differently.
    wanted = [_signed(term) for term in sp.Add.make_args(part)]
    kept: list[sp.Expr] = []
    for term in sp.Add.make_args(expr):
        if (signed := _signed(term)) in wanted:
            wanted.remove(signed)
        else:
            kept.append(term)
    return None if wanted else sp.Add(*kept)


def _signed(term: sp.Expr) -> tuple[sp.Expr, ...]:
    """Return the factors of a term, signs of sums among them put in front."""
    sign, parts = sp.S.One, []
    for part in sp.Mul.make_args(term):
        flipped = isinstance(part, sp.Add) and part.could_extract_minus_sign()
        sign, part = (-sign, -part) if flipped else (sign, part)
        parts.append(part)
    number = sp.Mul(sign, *(part for part in parts if part.is_number))
    return number, *sorted((part for part in parts if not part.is_number), key=sp.default_sort_key)


def factors(term: sp.Expr, kind: type) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield (factor, cofactor) for each factor of `term` that is a plain `kind` node."""
    parts = sp.Mul.make_args(term)
    for k, part in enumerate(parts):
        if isinstance(part, kind):
            yield part, sp.Mul(*parts[:k], *parts[k + 1 :])


def terms_with(expr: sp.Expr, kind: type) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Yield (node, coefficient) for each term ``coefficient * node`` of a sum with a factor of that kind."""
    for term in sp.Add.make_args(expr):
        yield from factors(term, kind)


def exp_term(term: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Write a term as ``coefficient * exp(exponent)``; the exponent is 0 if it has no exponential."""
    parts = sp.Mul.make_args(term)
    exponent = sp.Add(*(part.args[0] for part in parts if isinstance(part, sp.exp)))
    return sp.Mul(*(part for part in parts if not isinstance(part, sp.exp))), exponent


def linear_part(expr: sp.Expr, core: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return (slope, rest) with ``expr = slope * core + rest``, from the terms that have `core` as a plain
    factor.
    """
    slope: list[sp.Expr] = []
    rest: list[sp.Expr] = []
    for term in sp.Add.make_args(expr):
        found = [cofactor for factor, cofactor in factors(term, type(core)) if factor == core]
        (slope if found else rest).append(found[0] if found else term)
    return sp.Add(*slope), sp.Add(*rest)


def instances(reduction: Reduction, expr: sp.Expr) -> list[sp.Expr]:
    """Return the positions at which the reduction's body may occur in `expr`: elements are matched."""
    index = reduction.index
    patterns = [element for element in elements(reduction.body) if index in element.positions]
    found: list[sp.Expr] = []
    for element in sorted(elements(expr), key=sp.default_sort_key):
        for pattern in patterns:
            if element.tensor != pattern.tensor:
                continue
            for mine, theirs in zip(pattern.positions, element.positions, strict=True):
                if mine == index and theirs not in found:
                    found.append(theirs)
    return found


def square_root(expr: sp.Expr) -> sp.Expr | None:
    """Return f with ``f**2 == expr`` if `expr` is a product of even powers and positive factors, one even
    power at least.
    """
    roots, square = [], False
    for part in sp.Mul.make_args(expr):
        base, exponent = part.as_base_exp()
        if exponent.is_Integer and exponent.is_even and base.is_extended_real:
            roots.append(base ** (exponent / 2))
            square = square or exponent.is_positive
        elif part.is_positive or (exponent.is_negative and base.is_nonnegative):
            roots.append(sp.sqrt(part))
        else:
            return None
    return sp.Mul(*roots) if square else None
