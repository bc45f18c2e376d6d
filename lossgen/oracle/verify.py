"""Measure the generated kernels, through their public functions, against the exact expressions.

This is the one place of the build side that imports the user side (``lossgen.losses`` or a package built with
``--out``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import lossgen.losses
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.evaluate import Array, Case, Oracle, Request, sizes_of
from lossgen.oracle.judge import BOUNDS, WIDER, Verdict, judge
from lossgen.oracle.rows import VerifyRow
from lossgen.oracle.samplers import SAMPLERS, Batch, batches
from lossgen.oracle.weights import oracle as knowing_most
from lossgen.spec.model import Loss, Variant

# Entries judged of each derivative at each sample, chosen at random.
ENTRIES = 3
# Targets that take two values only are not differentiated by.
_DISCRETE = ("binary", "sign")


def verify(
    losses: Iterable[Loss],
    package: Any = None,
    dtypes: Sequence[Any] = (np.float32, np.float64),
    points: int = 64,
    samplers: Sequence[str] = SAMPLERS,
) -> list[VerifyRow]:
    """Judge losses by their exact expressions.

    Parameters
    ----------
    losses : iterable of Loss
        Their declarations.
    package : module, optional
        The generated package; ``lossgen.losses`` if left out.
    points : int
        Samples per sampler and dtype.
    """
    return [
        row
        for loss in losses
        for variant in loss.variants
        for row in verify_variant(loss, variant, package, dtypes, points, samplers=samplers)
    ]


def verify_variant(
    loss: Loss,
    variant: Variant,
    package: Any = None,
    dtypes: Sequence[Any] = (np.float32, np.float64),
    points: int = 64,
    seed: int = 0,
    samplers: Sequence[str] = SAMPLERS,
) -> list[VerifyRow]:
    """Judge one variant of a loss; see `verify`."""
    function = (lossgen.losses if package is None else package).all()[loss.name]
    oracle = knowing_most(variant.program)
    rows: list[VerifyRow] = []
    for dtype in map(np.dtype, dtypes):
        probe = Probe(loss, variant, function, oracle, dtype, np.random.default_rng(seed))
        for sampler in samplers:
            for batch in batches(loss, variant, oracle, sampler, points, dtype, seed):
                probe.measure(batch)
        rows += probe.rows.values()
    return rows


class Probe:
    """Calls one function on batches and judges what comes back, number by number."""

    def __init__(
        self,
        loss: Loss,
        variant: Variant,
        function: Any,
        oracle: Oracle,
        dtype: np.dtype[Any],
        rng: np.random.Generator,
    ) -> None:
        self.loss, self.variant, self.function = loss, variant, function
        self.oracle, self.dtype, self.rng = oracle, dtype, rng
        self.arrangement = Arrangement(loss, variant)
        self.rows: dict[str, VerifyRow] = {}
        built = next(v for v in function.entry.variants if v.suffix == variant.suffix)
        self.has_values, self.has_hvp = "values" in built.kinds, "hvp" in built.kinds
        self.has_all = "gradient_all" in built.kinds
        self._own: dict[str, Array] = {}
        # By curvature rule, what the oracle is asked for.
        self.curvatures = {"exact": "hessian"} if "hessian" in built.kinds else {}
        self.curvatures |= {name: name for name, rule in built.curvature.items() if rule.kind}

    def measure(self, batch: Batch) -> None:
        """Judge every output on a batch."""
        step = len(batch.cases) if self.arrangement.batched and self.has_values else 1
        for start in range(0, len(batch.cases), step):
            cases = batch.cases[start : start + step]
            given = self.arrangement.arrays(cases)
            self._values(batch.sampler, cases, given)
            self._gradients(batch.sampler, cases, given)
            for rule, kind in self.curvatures.items():
                self._curvatures(rule, kind, batch.sampler, cases, given)
            if self.has_hvp:
                self._products(batch.sampler, cases, given)

    def _values(self, sampler: str, cases: Sequence[Case], given: dict[str, Any]) -> None:
        if not self.has_values:
            value = self.function(**given, reduction="sum")
            self.judge("value", sampler, cases[0], Request("value"), value)
            return
        items = [index.axis.name for index in self.variant.program.terms[0].items]
        sizes = sizes_of(self.variant.program, cases[0])
        shape = tuple(sizes[item] for item in items)
        values = self.arrangement.split_values(self.function(**given, reduction="none"), items, shape)
        for case, row in zip(cases, values, strict=True):
            for item in self.some(shape):
                self.judge("value", sampler, case, Request("value", item=item), row[item])

    def _gradients(self, sampler: str, cases: Sequence[Case], given: dict[str, Any]) -> None:
        predictions = [tensor.name for tensor in self.variant.program.predictions]
        own = self.function.grad(**given, reduction="sum", wrt=tuple(predictions))
        self._entries("gradient", sampler, cases, predictions, own)
        self._own = dict(zip(predictions, map(np.asarray, own), strict=True))
        if self.has_all:
            self._all(sampler, cases, given, predictions)
            for case in cases:
                self._per_class(sampler, case)

    def _all(
        self, sampler: str, cases: Sequence[Case], given: dict[str, Any], predictions: Sequence[str]
    ) -> None:
        """Judge derivatives by targets and parameters, and those that come with them."""
        inputs = self.variant.program.inputs
        targets = [t.name for t in inputs if t.role == "target" and t.domain not in _DISCRETE]
        numbers = [t.name for t in inputs if t.role == "param" and t.dtype == "float"]
        others = [*targets, *numbers, *(t.name for t in inputs if t.role == "per_class")]
        if not others:
            return
        if self.arrangement.batched:
            # As arrays over the batch, parameters have one gradient for each sample.
            shape = (len(cases), *(1 for _ in self.arrangement.reference.batch[1:]))
            given = {**given, **{name: np.full(shape, given[name], self.dtype) for name in numbers}}
        gradients = self.function.grad(**given, reduction="sum", wrt=(*predictions, *others))
        found = dict(zip((*predictions, *others), gradients, strict=True))
        self._again(sampler, cases, {name: found[name] for name in predictions})
        self._entries("gradient", sampler, cases, targets, [found[name] for name in targets])
        for name in numbers:
            for case, number in zip(cases, np.asarray(found[name]).reshape(-1), strict=True):
                self.judge(f"gradient {name}", sampler, case, Request("gradient", (name, ())), number)

    def _again(self, sampler: str, cases: Sequence[Case], gradients: Mapping[str, Any]) -> None:
        """Judge gradients that a kernel writes beside something else, where they have bits of their own."""
        for name, gradient in gradients.items():
            shape = cases[0].inputs[name].shape
            first, other = (self.arrangement.split(name, one, shape) for one in (self._own[name], gradient))
            for case, one, two in zip(cases, first, other, strict=True):
                differing = np.argwhere((one != two) & ~(np.isnan(one) & np.isnan(two)))
                for position in (tuple(map(int, place)) for place in differing[:ENTRIES]):
                    request = Request("gradient", (name, position))
                    self.judge(f"gradient {name}", sampler, case, request, two[position])

    def _per_class(self, sampler: str, case: Case) -> None:
        # All samples of a call share these; one entry of each is judged.
        names = [t.name for t in self.variant.program.inputs if t.role == "per_class"]
        if not names:
            return
        gradients = self.function.grad(**self.arrangement.arrays([case]), reduction="sum", wrt=tuple(names))
        for name, gradient in zip(names, gradients, strict=True):
            position = (int(self.rng.integers(len(gradient))),)
            request = Request("gradient", (name, position))
            self.judge(f"gradient {name}", sampler, case, request, gradient[position])

    def _curvatures(
        self, rule: str, kind: str, sampler: str, cases: Sequence[Case], given: dict[str, Any]
    ) -> None:
        names = [t.name for t in self.variant.program.predictions]
        gradients, found = self.function.grad_and_hess(**given, curvature=rule)
        single = len(names) == 1
        self._again(sampler, cases, dict(zip(names, (gradients,) if single else gradients, strict=True)))
        self._entries(kind, sampler, cases, names, (found,) if single else found)

    def _products(self, sampler: str, cases: Sequence[Case], given: dict[str, Any]) -> None:
        names = [t.name for t in self.variant.program.predictions]
        tangents = [
            {
                name: self.rng.choice((0.0, 1.0, -0.75, 1.5), case.inputs[name].shape).astype(self.dtype)
                for name in names
            }
            for case in cases
        ]
        vectors = tuple(
            self.arrangement.join(name, [tangent[name] for tangent in tangents]) for name in names
        )
        products = self.function.hvp(**given, v=vectors if len(names) > 1 else vectors[0], reduction="sum")
        self._entries("hvp", sampler, cases, names, products if len(names) > 1 else (products,), tangents)

    def _entries(
        self,
        kind: str,
        sampler: str,
        cases: Sequence[Case],
        names: Sequence[str],
        results: Sequence[Any],
        tangents: Sequence[dict[str, Array]] | None = None,
    ) -> None:
        for name, result in zip(names, results, strict=True):
            shape = cases[0].inputs[name].shape
            rows = self.arrangement.split(name, result, shape)
            for number, (case, row) in enumerate(zip(cases, rows, strict=True)):
                tangent = (
                    ()
                    if tangents is None
                    else tuple(
                        ((n, p), float(v[p]))
                        for n, v in tangents[number].items()
                        for p in np.ndindex(v.shape)
                        if v[p]
                    )
                )
                for position in self.some(shape):
                    request = Request(kind, (name, position), tangent=tangent)
                    self.judge(f"{kind} {name}", sampler, case, request, row[position])

    def some(self, shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield a few entries of a tensor, by chance."""
        places = list(np.ndindex(shape))
        if len(places) > ENTRIES:
            places = [places[k] for k in self.rng.choice(len(places), ENTRIES, replace=False)]
        yield from places

    def judge(self, output: str, sampler: str, case: Case, request: Request, got: Any) -> None:
        """Judge one number that was computed."""
        row = self.rows.setdefault(
            output, VerifyRow(self.loss.name, self.variant.suffix, output, self.dtype.name)
        )
        bound = (BOUNDS if sampler == "practical" else WIDER)[request.kind]
        verdict = judge(self.oracle, case, request, got, self.dtype, bound)
        point = ""
        if not verdict.passed or verdict.ulps > row.worst_ulp or not row.worst_point:
            point = _described(sampler, case, request, got, verdict)
        row.add(verdict, point, sampler)


def _described(sampler: str, case: Case, request: Request, got: Any, verdict: Verdict) -> str:
    inputs = ", ".join(f"{name}={array.tolist()!r}" for name, array in case.inputs.items())
    place = "" if request.place is None else f" at {request.place[0]}{list(request.place[1])}"
    vector = "" if not request.tangent else f", v={[(n, *p, s) for (n, p), s in request.tangent]}"
    ulps = "inf" if math.isinf(verdict.ulps) else f"{verdict.ulps:.3g}"
    result = f"computed {float(got)!r}, exact {verdict.truth!r} ({ulps} ulp, {verdict.reason})"
    return f"{sampler}{place}: {result}; {inputs}{vector}"
