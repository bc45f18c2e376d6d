"""Plain calls take a short way; what it gives has the bits of the general way."""

import numpy as np
import pytest

from lossgen.runtime.plan import kind_of

from .discovery import TYPED, as_list, subject


def plain(it):
    """Return the arguments of a plain call: arrays by position, numbers and words by keyword."""
    given = dict(it.given)
    names = [tensor.name for tensor in it.function.entry.tensors if tensor.name in given]
    arrays = [np.ascontiguousarray(given.pop(name)) for name in names]
    shaped = [name for name, value in given.items() if np.ndim(value)]
    # Numbers along an axis are left to their defaults.
    return arrays, {name: value for name, value in given.items() if name not in shaped}


def bits(result):
    return [(array.dtype, array.shape, array.tobytes()) for array in flat(result)]


def flat(result):
    return [array for part in as_list(result) for array in as_list(part)]


@pytest.mark.parametrize(("loss", "variant", "dtype"), TYPED)
def test_planned_calls_have_the_bits_of_general_ones(loss, variant, dtype):
    it = subject(loss, variant, dtype)
    arrays, options = plain(it)
    for name, more in calls(it):
        operation = it.function._value if name == "value" else getattr(it.function, name)
        keywords = {**options, **more}
        general = operation._general(None, arrays, keywords)
        assert bits(operation(*arrays, **keywords)) == bits(general)
        # Other numbers: nothing of the first call may be left in the plan.
        others = [array[::-1].copy() if array.dtype == dtype else array for array in arrays]
        # Where there are no axes, arrays are always read as they lie.
        assert it.function.entry.axes or operation._plans[kind_of(arrays, keywords)]
        planned, general = operation(*others, **keywords), operation._general(None, others, keywords)
        assert bits(planned) == bits(general), (name, more)


def calls(it):
    reductions = ["mean", "sum", "batchmean", "weighted_mean", *(["none"] if it.has_values else [])]
    for reduction in reductions:
        yield "value", {"reduction": reduction}
        yield "grad", {"reduction": reduction, "upstream": 0.5}
        yield "value_and_grad", {"reduction": reduction, "weight": 2.0}
    if it.has_hessian:
        yield "grad_and_hess", {}
