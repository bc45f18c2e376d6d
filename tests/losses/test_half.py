"""float16 and bfloat16: kernels convert in registers, which must give the bits of converting whole arrays."""

import itertools

import ml_dtypes
import numpy as np
import pytest

import lossgen.losses

from .discovery import DEFAULTS, LOSSES, as_list, subject

HALVES = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
FIRST = {loss.structure: loss.name for loss in reversed(LOSSES)}


def _values(it, given):
    return [it.function(**given, reduction="none")]


def _value_and_grad(it, given):
    value, gradient = it.function.value_and_grad(**given)
    return [value, *as_list(gradient)]


def _grad_by_all(it, given):
    floats = tuple(t.name for t in it.variant.program.differentiable)
    return it.function.grad(**given, reduction="sum", wrt=floats)


def _grad_and_hess(it, given):
    return [array for part in it.function.grad_and_hess(**given) for array in as_list(part)]


def _hvp(it, given):
    like = [given[name] for name in it.predictions]
    directions = tuple(np.resize([1.5, -0.75, 0.5, 2], a.shape).astype(a.dtype) for a in like)
    return as_list(it.function.hvp(**given, v=directions if len(directions) > 1 else directions[0]))


OUTPUTS = (_value_and_grad, _values, _grad_by_all, _grad_and_hess, _hvp)


def narrowed(array, dtype):
    with np.errstate(over="ignore"):
        return np.asarray(array).astype(dtype)


def same_bits(first, second):
    """Whether all numbers have equal patterns; NaN is one number."""
    equal = first.view(np.uint16) == second.view(np.uint16)
    return np.all(equal | (np.isnan(first) & np.isnan(second)))


# What a loss may lack, by the kernel that it takes.
NEEDS = {_values: "values", _grad_and_hess: "hessian"}


def cases():
    # Each case compiles a kernel anew: the default tier does so for one loss of each structure.
    for param, dtype, output in itertools.product(DEFAULTS, HALVES, OUTPUTS):
        loss, variant = param.values
        if NEEDS.get(output, "value") not in lossgen.losses.all()[loss.name].entry.default_variant.kinds:
            continue
        one = output is _value_and_grad and dtype == np.float16 and FIRST[loss.structure] == loss.name
        marks = () if one else pytest.mark.full
        yield pytest.param(
            loss, variant, dtype, output, id=f"{loss.name}-{dtype}{output.__name__}", marks=marks
        )


@pytest.mark.parametrize(("loss", "variant", "dtype", "output"), list(cases()))
def test_conversion_in_registers_gives_the_bits_of_conversion_of_arrays(loss, variant, dtype, output):
    it = subject(loss, variant, np.float32)
    floats = {tensor.name for tensor in it.function.entry.tensors if tensor.is_float}
    halves = {n: narrowed(a, dtype) if n in floats else a for n, a in it.given.items()}
    wide = {n: a.astype(np.float32) if n in floats else a for n, a in halves.items()}
    for got, exact in zip(output(it, halves), output(it, wide), strict=True):
        assert got.dtype == dtype
        if np.ndim(exact):
            assert same_bits(got, narrowed(exact, dtype))
        else:
            # A reduced value is rounded once, from float64.
            around = [
                exact,
                np.nextafter(exact, np.float32(-np.inf)),
                np.nextafter(exact, np.float32(np.inf)),
            ]
            assert any(same_bits(np.asarray(got), narrowed(number, dtype)) for number in around)
