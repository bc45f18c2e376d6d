"""What rounding the entries of intermediate tensors may do, beside rounding inputs and terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from flint import arb

from lossgen.oracle.evaluate import Case, Oracle, Request
from lossgen.oracle.moves import Rounded, Through
from lossgen.oracle.series import Ball

# Bits that rounding may cost an entry: a product, a sum and a quotient lie behind it.
_LOST_BITS = 4


def absolute_terms(
    oracle: Oracle, case: Case, request: Request, dtype: Any, moves: Mapping[Any, float] | None = None
) -> Ball:
    """Return the sum of absolute terms of a derivative, which is a sum over all entries of intermediate
    tensors that read the input.
    """
    if request.place is None:
        return arb(0)
    seen = oracle.observed(case)
    asked = [Through(request.place), *(Through(request.place, one) for one in (*seen.stored, *seen.entries))]
    balls = [oracle.truth(case, request, dtype, {**(moves or {}), key: 0.0}).ball for key in asked]
    return sum((abs(ball.mid()) for ball in balls if ball is not None and ball.is_finite()), arb(0))


def rounded(oracle: Oracle, case: Case, request: Request, dtype: Any) -> Iterator[tuple[Ball, Ball]]:
    """Yield the result for rounded entries of the intermediate tensors, with the absolute terms of its sums.

    Beyond 1/eps rounding absorbs what decides between entries: to a kernel they tie.
    """
    seen = oracle.observed(case)
    if not (seen.stored or seen.entries):
        return
    precisions = {np.finfo(dtype).nmant + 1, np.finfo(np.float64).nmant + 1}
    for bits in sorted(full - lost for full in precisions for lost in range(_LOST_BITS)):
        key = {Rounded(bits): 0.0}
        truth = oracle.truth(case, request, dtype, key)
        if truth.ball is not None and truth.ball.is_finite():
            yield truth.ball.mid(), absolute_terms(oracle, case, request, dtype, key)
