"""Every declared parameter is there, takes what its row allows and refuses everything else."""

import inspect
import math

import numpy as np
import pytest

import lossgen.losses
from lossgen.errors import LossError, LossIndexError, LossValueError
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.evaluate import Request, sizes_of
from lossgen.spec.roles import INDEX_ROLES

from .discovery import LOSSES, VARIANTS, as_list, beside, subject

OUTSIDE = {
    "positive": (0.0, -1.0, math.nan),
    "nonnegative": (-1e-30, -1.0, math.nan),
    "unit": (-1e-3, 1.001, math.nan),
    "real": (math.nan,),
}
NUMBERS = [
    beside(p, tensor.name, tensor.name)
    for p in VARIANTS
    for tensor in p.values[1].program.inputs
    if tensor.role in ("param", "per_class") and tensor.dtype == "float"
]


def beyond(limit):
    """Return the first number that a limit does not allow."""
    if limit is None:
        return ()
    return (math.nextafter(limit.number, math.inf) if limit.included else limit.number,)


@pytest.mark.parametrize(("loss", "variant", "name"), NUMBERS)
def test_numbers_outside_the_domain_are_refused(loss, variant, name):
    it = subject(loss, variant, count=2)
    (domain,) = (tensor.domain for tensor in variant.program.inputs if tensor.name == name)
    (declared,) = (p.other or p for p in loss.parameters if p.name == name)
    for value in (*OUTSIDE[domain], *beyond(declared.limit)):
        given = it.given
        given[name] = np.full_like(given[name], value) if np.ndim(given[name]) else value
        with pytest.raises(LossValueError, match=rf"^{name}\b.* is not allowed"):
            it.function(**given)


SPREAD = [
    beside(p, tensor.name, tensor.name)
    for p in VARIANTS
    if Arrangement(*p.values).batched
    for tensor in p.values[1].program.inputs
    if tensor.role == "param" and tensor.dtype == "float" and not tensor.axes
    # Of a choice with other values a number that all samples share may be one with kernels of its own.
    if not any(parameter.other and parameter.name == tensor.name for parameter in p.values[0].parameters)
]


@pytest.mark.parametrize(("loss", "variant", "name"), SPREAD)
def test_one_number_for_all_samples_and_one_for_each_have_the_same_bits(loss, variant, name):
    it = subject(loss, variant, count=4)
    # Kernels may know what to do with small whole numbers that all samples share.
    for value in (it.given[name], 1.0, 2.0):
        try:
            alone = it.function.value_and_grad(**{**it.given, name: value}, reduction="none")
        except LossValueError:  # the domain ends below
            continue
        each = it.function.value_and_grad(**{**it.given, name: np.full(4, value)}, reduction="none")
        for one, other in zip(alone, each, strict=True):
            for first, second in zip(as_list(one), as_list(other), strict=True):
                np.testing.assert_array_equal(first, second)


CHOICES = [
    pytest.param(loss, parameter, id=f"{loss.name}-{parameter.name}")
    for loss in LOSSES
    for parameter in loss.parameters
    if parameter.static and not parameter.optional
]


@pytest.mark.parametrize(("loss", "parameter"), CHOICES)
def test_values_that_are_no_choice_are_refused(loss, parameter):
    it = subject(loss, loss.variants[0], count=2)
    for value in ("no such choice", None, math.nan, *(() if parameter.other else (3.7,))):
        with pytest.raises(LossError, match=rf"^{parameter.name}="):
            it.function(**{**it.given, parameter.name: value})


OPEN = [param for param in CHOICES if param.values[1].other is not None]


@pytest.mark.parametrize(("loss", "parameter"), OPEN)
def test_any_other_value_needs_no_variant_of_its_own(loss, parameter):
    name = parameter.name
    (variant,) = (v for v in loss.variants if dict(v.static)[name] == "any")
    it = subject(loss, variant, count=3)
    values = it.function(**it.given, reduction="none")
    truth = [float(it.oracle.truth(case, Request("value"))) for case in it.cases]
    np.testing.assert_allclose(values, truth, rtol=1e-12)
    # As any parameter: one for each sample, and something to differentiate by.
    each = it.function(**{**it.given, name: np.full(3, it.given[name])}, reduction="none")
    np.testing.assert_array_equal(each, values)
    slope = float(it.function.grad(**it.given, reduction="sum", wrt=name))
    exact = sum(float(it.oracle.truth(case, Request("gradient", (name, ())))) for case in it.cases)
    assert slope == pytest.approx(exact, rel=1e-9)
    # The value at a listed choice is that of its own kernels.
    for choice in parameter.choices:
        near, at = (
            it.function(**{**it.given, name: value}, reduction="none")
            for value in (np.full(3, float(choice)), choice)
        )
        np.testing.assert_allclose(near, at, rtol=1e-12)
        np.testing.assert_array_equal(it.function(**{**it.given, name: float(choice)}, reduction="none"), at)


INDICES = [
    beside(p, tensor.name, tensor.name)
    for p in VARIANTS
    for tensor in p.values[1].program.inputs
    if tensor.role in INDEX_ROLES
]


@pytest.mark.parametrize(("loss", "variant", "name"), INDICES)
def test_indices_out_of_range_are_refused(loss, variant, name):
    it = subject(loss, variant, count=2)
    (over,) = (p.over for p in loss.parameters if p.name == name)
    sizes = sizes_of(variant.program, it.cases[0])
    length = name in {element.tensor.name for _, element in variant.program.extents}
    for value in (-1, sizes[over.name] + length):
        given = it.given
        given[name] = np.full_like(given[name], value)
        with pytest.raises(LossIndexError, match=rf"^{name}\b.* is out of range"):
            it.function(**given)


def test_there_are_parameters_of_every_kind():
    assert NUMBERS
    assert SPREAD
    assert {p.limit.included for loss in LOSSES for p in loss.parameters if p.limit} == {True, False}
    assert OPEN
    assert INDICES


LEFT_OUT = [
    p
    for p in VARIANTS
    if not p.values[1].suffix
    and any(tensor.optional for tensor in lossgen.losses.all()[p.values[0].name].entry.tensors)
]


@pytest.mark.parametrize(("loss", "variant"), LEFT_OUT)
def test_arrays_by_position_come_in_the_order_of_the_signature(loss, variant):
    it = subject(loss, variant, count=2)
    direction = np.ones_like(it.given[it.predictions[0]])
    given = {**it.given, "v": direction}
    arguments = inspect.signature(it.function.hvp).parameters.values()
    order = [argument.name for argument in arguments if argument.kind is argument.POSITIONAL_OR_KEYWORD]
    by_keyword = it.function.hvp(**given)
    for count in range(1, len(order) + 1):
        rest = {name: value for name, value in given.items() if name not in order[:count]}
        by_position = it.function.hvp(*[given[name] for name in order[:count]], **rest)
        np.testing.assert_array_equal(by_position, by_keyword)
