"""Everything that a loss computes, with weights by chance: what altered kernels must change somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lossgen.errors import LossError
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.samplers import Batch
from lossgen.spec.model import Loss, Variant


def everything(
    function: Any, loss: Loss, variant: Variant, samples: Sequence[Batch], dtype: Any
) -> Iterator[Any]:
    """Yield all arrays that the public functions of a loss give for some samples."""
    rng = np.random.default_rng(0)
    built = next(one for one in function.entry.variants if one.suffix == variant.suffix)
    arrangement = Arrangement(loss, variant)
    for batch in samples:
        step = len(batch.cases) if arrangement.batched else 1
        for start in range(0, len(batch.cases), step):
            given = arrangement.arrays(batch.cases[start : start + step])
            given["weight"] = float(rng.choice((0.3, 1.0, 2.7)))
            for way in _ways(function, variant, built, rng, dtype):
                try:
                    yield from _flat(way(given))
                except LossError as error:  # refused: so are altered kernels
                    yield np.frombuffer(str(error).encode(), np.uint8)


def _ways(function: Any, variant: Variant, built: Any, rng: Any, dtype: Any) -> Iterator[Any]:
    names = [tensor.name for tensor in variant.program.predictions]
    if "values" in built.kinds:
        yield lambda given: function(**given, reduction="none")
    for reduction in ("sum", "mean"):
        yield lambda given, r=reduction: function(**given, reduction=r)
        yield lambda given, r=reduction: function.value_and_grad(**given, reduction=r)
        yield lambda given, r=reduction: function.value_and_grad(
            **given, reduction=r, wrt=tuple(built.wrt_all)
        )
    rules = [rule for rule, one in built.curvature.items() if one.kind]
    for rule in (*(["exact"] if "hessian" in built.kinds else []), *rules):
        yield lambda given, c=rule: function.grad_and_hess(**given, curvature=c)
    if "hvp" in built.kinds:

        def product(given: Any) -> Any:
            vectors = [rng.choice((0.0, 1.0, -0.75, 1.5), given[name].shape).astype(dtype) for name in names]
            return function.hvp(
                **given, v=tuple(vectors) if len(vectors) > 1 else vectors[0], reduction="sum"
            )

        yield product


def _flat(results: Any) -> Iterator[Any]:
    if isinstance(results, tuple):
        for one in results:
            yield from _flat(one)
    else:
        yield results
