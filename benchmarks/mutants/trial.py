"""One variant of a loss, of which altered kernels are put before the loss's own tests.

The first test is that of `tests/losses/test_accuracy.py`: the same samples of every kind, judged by the same
rule against the exact expression, in both precisions. Numbers that have the bits of the unaltered kernel
are not judged again. What it lets through meets the other tests of the loss.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import lossgen.losses
from benchmarks.mutants.alter import Mutation, altered, chosen
from benchmarks.mutants.everything import everything
from benchmarks.mutants.interpret import in_place
from benchmarks.mutants.own import own_tests
from lossgen.backends.base import Kernel, Unit
from lossgen.backends.numba_cpu import BACKEND
from lossgen.emit.render import module_text
from lossgen.oracle.judge import BOUNDS, WIDER, Verdict, judge
from lossgen.oracle.samplers import SAMPLERS, Batch, batches
from lossgen.oracle.verify import Probe
from lossgen.oracle.weights import oracle as knowing_most
from lossgen.pipeline.names import kernel_names, with_names
from lossgen.pipeline.variant import compile_variant
from lossgen.spec.model import Loss, Variant

DTYPES = (np.float32, np.float64)
# Samples of each kind: those of the default tier, and those that survivors meet.
POINTS, MORE_POINTS = 16, 192


@dataclass(frozen=True)
class Outcome:
    """What became of one altered kernel.

    Attributes
    ----------
    loss, variant, kind : str
        Which kernel.
    what, text : str
        How it was altered: in words, and before and after.
    caught : str
        The test that noticed, with what it said; empty if none did.
    bound : bool
        Whether the bound of a branch was moved.
    numbers, changed : int
        For a survivor, how many numbers the tests compared, and how many had other bits.
    same : int
        In how many numbers of `benchmarks.mutants.everything` it has the bits of the unaltered kernel: all of
        them, or 0 where some differ.
    """

    loss: str
    variant: str
    kind: str
    what: str
    text: str
    caught: str = ""
    bound: bool = False
    numbers: int = 0
    changed: int = 0
    same: int = 0


class Noticed(Exception):
    """A number of an altered kernel fails where that of the unaltered one passes."""


class _Compared(Probe):
    """Judges numbers that differ from those of the unaltered kernel; without those it takes them down."""

    def prepare(self, known: dict[Any, Any] | None) -> _Compared:
        self.known, self.numbers, self.changed = known, {}, 0
        return self

    def judge(self, output: str, sampler: str, case: Any, request: Any, got: Any) -> None:
        count = 0
        while (key := (id(case), output, request, count)) in self.numbers:
            count += 1
        self.numbers[key] = got
        # A gradient that is written a second time is judged where it differs from the first.
        before = None if self.known is None else self.known.get(key)
        if self.known is None or (before is not None and _bits(got) == _bits(before)):
            return
        self.changed += 1
        bound = (BOUNDS if sampler == "practical" else WIDER)[request.kind]

        def verdict(number: Any) -> Verdict:
            return judge(self.oracle, case, request, number, self.dtype, bound)

        found = verdict(got)
        if not found.passed and (before is None or verdict(before).passed):
            unaltered = "nothing" if before is None else repr(float(before))
            raise Noticed(
                f"{output} in {self.dtype.name}, {sampler}: {float(got)!r}, exact {found.truth!r}, "
                f"unaltered {unaltered}"
            )


def _array(number: Any) -> Any:
    return np.asarray(number)


def _bits(number: Any) -> bytes:
    return bytes(np.asarray(number).tobytes())


class Subject:
    """A variant with its lowered kernels, its samples, and what its unaltered kernels make of them."""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        self.loss, self.variant = loss, variant
        safe = with_names(loss, kernel_names(loss))
        self.safe = safe
        place = loss.variants.index(variant)
        self.compiled = compile_variant(safe, safe.variants[place]).kernels
        self.oracle = knowing_most(variant.program)
        self._batches: dict[tuple[Any, int], list[Batch]] = {}
        self._known: dict[tuple[Any, int], dict[Any, Any]] = {}
        self._sound: dict[str, bool] = {}

    @property
    def kernels(self) -> list[Kernel]:
        """Every kernel that can be altered."""
        before = self.compiled.prepass
        reached = [one for one in self.compiled.kernels if one.kind != "gradient_all" or self._differentiable]
        return [*reached, *([] if before is None else [before])]

    @property
    def _differentiable(self) -> bool:
        """Whether there is more than predictions to differentiate by, for which a kernel of its own runs."""
        entry = lossgen.losses.all()[self.loss.name].entry
        built = next(one for one in entry.variants if one.suffix == self.variant.suffix)
        return set(built.wrt_all) > {tensor.name for tensor in self.variant.program.predictions}

    def outcome(self, seed: int) -> Outcome | None:
        """Alter one kernel at one place, both by chance, and see what notices; None if there is no place."""
        rng = random.Random(seed)
        kernel = rng.choice(self.kernels)
        mutation = chosen(kernel.function, rng)
        return None if mutation is None else self.tried(kernel, mutation)

    def tried(self, kernel: Kernel, mutation: Mutation | None) -> Outcome:
        """Alter a kernel, or leave it as it is, and see what notices."""
        function, said = kernel.function, ""
        if mutation is not None:
            function, said = altered(function, mutation)
        text = self._text(kernel, replace(kernel, function=function))
        caught, numbers, changed = self._noticed(text)
        return Outcome(
            self.loss.name,
            self.variant.suffix,
            kernel.kind,
            "nothing" if mutation is None else mutation.what,
            said,
            caught,
            mutation is not None and mutation.bound,
            numbers,
            changed,
            0 if caught or changed else self._same(text),
        )

    def _text(self, kernel: Kernel, other: Kernel) -> str:
        compiled = replace(
            self.compiled,
            kernels=tuple(other if one is kernel else one for one in self.compiled.kernels),
            prepass=other if self.compiled.prepass is kernel else self.compiled.prepass,
        )
        unit = Unit(self.safe, "", (compiled,))
        return module_text(BACKEND, unit)

    def _running(self, text: str | None) -> Any:
        return in_place(
            self.loss.name,
            {one.suffix: text if one is self.variant else None for one in self.loss.variants},
        )

    def _noticed(self, text: str) -> tuple[str, int, int]:
        """Return what notices an altered module; numbers compared, and changed, are those of a survivor."""
        numbers = changed = 0
        for step in (
            lambda: self._judged(text, POINTS),
            lambda: self._tested(text),
            lambda: self._judged(text, MORE_POINTS),
        ):
            result = step()
            if isinstance(result, str):
                if result:
                    return result, 0, 0
            else:
                numbers, changed = numbers + result[0], changed + result[1]
        return "", numbers, changed

    def _same(self, text: str) -> int:
        """Return how many numbers were compared, if all of them have the same bits; else 0."""
        compared = 0
        for dtype in DTYPES:
            samples = self._samples(dtype, MORE_POINTS)
            results = []
            for one in (None, text):
                with self._running(one) as function:
                    made = everything(function, self.loss, self.variant, samples, dtype)
                    results.append([_array(number) for number in made])
            for before, after in zip(*results, strict=True):
                if before.tobytes() != after.tobytes():
                    return 0
                compared += before.size
        return compared

    def _judged(self, text: str, points: int) -> str | tuple[int, int]:
        numbers = changed = 0
        for dtype in DTYPES:
            known = self._numbers(dtype, points)
            with self._running(text) as function:
                probe = self._probe(function, dtype).prepare(known)
                try:
                    for batch in self._samples(dtype, points):
                        probe.measure(batch)
                except Noticed as noticed:
                    return f"exact expression, {points} points: {noticed}"
                except Exception as error:
                    return f"exact expression, {points} points: {type(error).__name__}: {error}"
            numbers, changed = numbers + len(probe.numbers), changed + probe.changed
        return numbers, changed

    def _numbers(self, dtype: Any, points: int) -> dict[Any, Any]:
        key = (dtype, points)
        if key not in self._known:
            with self._running(None) as function:
                probe = self._probe(function, dtype).prepare(None)
                for batch in self._samples(dtype, points):
                    probe.measure(batch)
            self._known[key] = probe.numbers
        return self._known[key]

    def _samples(self, dtype: Any, points: int) -> list[Batch]:
        key = (dtype, points)
        if key not in self._batches:
            self._batches[key] = [
                batch
                for sampler in SAMPLERS
                for batch in batches(self.loss, self.variant, self.oracle, sampler, points, dtype, 0)
            ]
        return self._batches[key]

    def _probe(self, function: Any, dtype: Any) -> _Compared:
        rng = np.random.default_rng(0)
        return _Compared(self.loss, self.variant, function, self.oracle, np.dtype(dtype), rng)

    def _tested(self, text: str) -> str:
        """Return the test of the loss that fails, but passes without the alteration."""
        for name, test in own_tests(self.loss, self.variant):
            said = self._failure(text, test)
            if said and self._is_sound(name, test):
                return f"{name}: {said}"
        return ""

    def _is_sound(self, name: str, test: Callable[[], None]) -> bool:
        if name not in self._sound:
            self._sound[name] = not self._failure(None, test)
        return self._sound[name]

    def _failure(self, text: str | None, test: Callable[[], None]) -> str:
        with self._running(text):
            try:
                test()
            except pytest.skip.Exception:
                return ""
            except (Exception, pytest.fail.Exception) as error:  # whatever a wrong kernel leads to
                lines = str(error).strip().splitlines()
                return f"{type(error).__name__} {lines[0] if lines else ''}".strip()
        return ""


def outcomes(subject: Subject, seeds: list[int]) -> Iterator[Outcome]:
    """Yield what becomes of as many altered kernels as there are seeds."""
    for seed in seeds:
        for attempt in range(20):
            found = subject.outcome(seed + attempt * 1_000_003)
            if found is not None:
                yield found
                break
