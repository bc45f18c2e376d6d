"""A declared loss computed as it is written down: with dual numbers in NumPy, or differentiated by JAX."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.peers.numbers import Number, Space
from lossgen.oracle.evaluate import Case, sizes_of
from lossgen.oracle.source import program_code
from lossgen.spec.model import Loss, Program, Variant

Array = Any


class Naive:
    """The exact expression in NumPy, with dual numbers: one evaluation for each derivative."""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        self.program: Program = variant.program
        self.code = compile(program_code(self.program)[0], "naive", "exec")

    def values(self, cases: Sequence[Case], given: Mapping[str, Any], whole: bool) -> list[Array]:
        """Return each sample's values by item, or their sum."""
        return [self._value(case, whole) for case in cases]

    def gradients(self, cases: Sequence[Case], given: Mapping[str, Any], name: str) -> list[Array]:
        """Return each sample's gradient by a prediction."""
        return [self._gradient(case, name) for case in cases]

    def _value(self, case: Case, whole: bool) -> Array:
        out = self._run(case, self._space(case), self._inputs(case, self._space(case)))
        if whole:
            return np.asarray(self._total(out).value)
        sizes = sizes_of(self.program, case)
        values = np.zeros([sizes[i.axis.name] for i in self.program.terms[0].items], self._dtype(case))
        for item, number in out.items():
            values[item] = number.value
        return values

    def _gradient(self, case: Case, name: str) -> Array:
        space = self._space(case)
        found = np.zeros_like(case.inputs[name])
        for place in np.ndindex(found.shape):
            inputs = self._inputs(case, space)
            inputs[name][place] = Number(inputs[name][place].value, space.real(1), space)
            found[place] = self._total(self._run(case, space, inputs)).slope
        return found

    def _dtype(self, case: Case) -> np.dtype[Any]:
        return case.inputs[self.program.predictions[0].name].dtype

    def _space(self, case: Case) -> Space:
        return Space(np, self._dtype(case).type)

    def _inputs(self, case: Case, space: Space) -> dict[str, dict[tuple[int, ...], Any]]:
        return {
            name: {
                place: int(array[place]) if array.dtype.kind in "iu" else space.constant(array[place])
                for place in np.ndindex(array.shape)
            }
            for name, array in case.inputs.items()
        }

    def _run(self, case: Case, space: Space, inputs: Any) -> dict[tuple[int, ...], Number]:
        """Return the loss of each item, summed over the terms."""
        names = space.names()
        exec(self.code, names)
        outputs = names["loss"](inputs, sizes_of(self.program, case), None)
        found: dict[tuple[int, ...], Number] = {}
        for term, out in zip(self.program.terms, outputs, strict=True):
            for item, parts in out.items():
                one = space.constant(0) if parts is None else parts[0]
                if term.coefficient != 1:
                    one = one * space.constant(float(term.coefficient))
                found[item] = one if item not in found else found[item] + one
        return found

    @staticmethod
    def _total(out: Mapping[tuple[int, ...], Number]) -> Number:
        first, *rest = out.values()
        for one in rest:
            first = first + one
        return first


class Traced(Naive):
    """The exact expression, differentiated by JAX."""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        super().__init__(loss, variant)
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", True)

    def _space(self, case: Case) -> Space:
        return Space(self.jax.numpy, self._dtype(case).type, self.jax.lax.stop_gradient)

    def _gradient(self, case: Case, name: str) -> Array:
        space = self._space(case)
        given = case.inputs[name]

        def total(flat: list[Any]) -> Any:
            inputs = self._inputs(case, space)
            inputs[name] = {
                place: Number(one, None, space)
                for place, one in zip(np.ndindex(given.shape), flat, strict=True)
            }
            return self._total(self._run(case, space, inputs)).value

        numbers = [self.jax.numpy.asarray(one) for one in given.ravel()]
        found = self.jax.grad(total)(numbers)
        return np.asarray([np.asarray(one) for one in found], given.dtype).reshape(given.shape)
