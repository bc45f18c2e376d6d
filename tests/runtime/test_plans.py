"""Plans of plain calls skip nothing that a call could be wrong in, and keep nothing alive."""

import gc
import threading
import weakref

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossError
from lossgen.runtime import loss as objects
from lossgen.runtime.plan import kind_of

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(2, 50))
ROWS, CLASSES = RNG.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, -100])


def planned(operation, *args, **kwargs):
    """Whether such a call has a plan, after it was made."""
    operation(*args, **kwargs)
    return operation._plans.get(kind_of(args, kwargs)) is not None


WRONG = [
    ({"delta": 1.0}, (X, Y[:-1]), {"delta": 1.0}),
    ({"delta": 1.0}, (X, Y), {"delta": True}),
    ({"delta": 1}, (X, Y), {"delta": -1}),
    ({"delta": 1}, (X, Y), {"delta": float("nan")}),
    ({"delta": 1}, (X, Y), {"delta": "1"}),
    ({"delta": 1}, (X, Y), {"deltas": 1}),
    ({"reduction": "sum"}, (X, Y), {"reduction": "sums"}),
    ({"reduction": "none"}, (X, Y), {"reduction": None}),
    ({}, (X, Y + 1j), {}),
    ({}, (X, np.ma.array(Y)), {}),
    ({}, (X, Y, X), {}),
    ({"weight": 2.0}, (X, Y), {"weight": "2.0"}),
    ({"upstream": 2.0}, (X, Y), {"upstream": X}),
    ({"out": np.empty(50)}, (X, Y), {"out": np.empty(49)}),
    ({"out": np.empty(50)}, (X, Y), {"out": np.empty(50, np.float32)}),
    ({"out": np.empty(50)}, (X, Y), {"out": np.frombuffer(bytes(400))}),
]


@pytest.mark.parametrize(("right", "args", "kwargs"), WRONG)
def test_a_wrong_call_after_a_right_one_is_told_the_same(right, args, kwargs):
    operation = L.elementwise_case.value_and_grad
    assert planned(operation, X, Y, **right)
    with pytest.raises(LossError) as alone:
        operation._general(None, args, kwargs)
    with pytest.raises(LossError) as after:
        operation(*args, **kwargs)
    assert (type(after.value), str(after.value)) == (type(alone.value), str(alone.value))


@pytest.mark.parametrize("operation", [L.row_case, L.row_case.grad, L.row_case.value_and_grad])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_every_index_is_looked_at(operation, reduction):
    wrong = CLASSES.copy()
    wrong[4] = 3
    operation = getattr(operation, "_value", operation)
    assert planned(operation, ROWS, CLASSES, reduction=reduction)
    with pytest.raises(IndexError, match=r"y\[4\] = 3 is out of range"):
        operation(ROWS, wrong, reduction=reduction)
    nothing = operation(ROWS, np.full_like(CLASSES, -100), reduction=reduction)
    general = operation._general(None, (ROWS, np.full_like(CLASSES, -100)), {"reduction": reduction})
    np.testing.assert_equal(nothing, general)


def test_numbers_that_compare_equal_are_different_arguments():
    operation = L.row_case._value
    for penalty in (0.0, -0.0, 0, 1.0, 1):
        assert planned(operation, ROWS, CLASSES, penalty=penalty)
    kinds = {kind_of((X,), {"penalty": value}) for value in (0.0, -0.0, 0, False, 1.0, 1, True, None, "None")}
    assert len(kinds) == 9


def test_an_output_over_an_input_is_written_last():
    x, expected = X.copy(), L.elementwise_case.grad(X, Y)
    assert planned(L.elementwise_case.grad, X, Y, out=np.empty_like(X))
    for out in (x, x[::1]):
        x[...] = X
        np.testing.assert_array_equal(L.elementwise_case.grad(x, Y, out=out), expected)
        np.testing.assert_array_equal(x, expected)


def test_arrays_by_keyword_and_several_outputs_take_the_short_way():
    operation = L.elementwise_case.grad_and_hess
    expected = operation(X, Y, delta=0.5)
    out = np.empty_like(X), np.empty_like(X)
    for _ in range(2):  # the second time there is a plan
        found = operation(y=Y, x=X, delta=0.5, out=out)
        assert all(one is given for one, given in zip(found, out, strict=True))
        np.testing.assert_array_equal(found, expected)
        assert operation._plans[kind_of((X, Y), {"delta": 0.5, "out": out})] is not None
    x = X.copy()
    np.testing.assert_array_equal(operation(x, Y, delta=0.5, out=(out[0], x)), expected)
    with pytest.raises(LossError) as alone:
        operation._general(None, (X, Y), {"delta": 0.5, "out": (out[0], out[0])})
    with pytest.raises(LossError) as after:
        operation(X, Y, delta=0.5, out=(out[0], out[0]))
    assert str(after.value) == str(alone.value)


def test_plans_keep_no_array_alive_and_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(objects, "MOST_PLANS", 4)
    operation = L.elementwise_case.value_and_grad
    for count in range(60, 70):
        x = RNG.normal(size=count)
        assert planned(operation, x, x)
        assert len(operation._plans) <= 4
    held = weakref.ref(x)
    del x
    gc.collect()
    assert held() is None


def test_python_threads_share_a_plan():
    expected = L.elementwise_case.value_and_grad(X, Y)
    found = []

    def work():
        found.extend(L.elementwise_case.value_and_grad(X, Y) for _ in range(300))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(found) == 1200
    for value, gradient in found:
        assert value == expected[0]
        np.testing.assert_array_equal(gradient, expected[1])
