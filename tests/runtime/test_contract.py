"""What reaches a kernel keeps the calling convention: order, shapes, dtypes and memory of every argument."""

from typing import Any

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen.runtime.evaluate import OPERATIONS
from lossgen.runtime.vectormath import LANES

RNG = np.random.default_rng(5)


class Recorder:
    """Stands in for compiled kernels and keeps what they were given."""

    def __init__(self, real):
        self.real = real
        self.calls: list[tuple[str, str, list[Any], int, int]] = []
        self.prepass_arguments: list[Any] = []

    def serial(self, kind, suffix):
        kernel = self.real.serial(kind, suffix)

        def recorded(*arguments):
            self.prepass_arguments = list(arguments)
            return kernel(*arguments)

        return recorded

    def beside(self, *size):
        return self.real.beside(*size)

    def reduced(self, *arguments):
        return self.real.reduced(*arguments)

    def direct(self, kind, suffix, *how):
        return lambda *arguments: self.run(kind, suffix, arguments, *how)

    @staticmethod
    def entry(kernel, arguments):
        return kernel

    def run(self, kind, suffix, arguments, elements, blocks, divisible, cuts):
        assert len(cuts) == len(arguments)
        self.calls.append((kind, suffix, arguments, elements, blocks))
        self.real.run(kind, suffix, arguments, elements, blocks, divisible, cuts)


@pytest.fixture
def record(monkeypatch):
    def start(loss):
        recorder = Recorder(loss.kernels)
        monkeypatch.setitem(vars(loss), "kernels", recorder)
        # Plans that were made before, or are made here, run the kernels that they have met.
        for called in (loss, *(getattr(loss, name) for name in OPERATIONS if name != "value"), loss._value):
            monkeypatch.setattr(called, "_plans", {})
        return recorder

    return start


def shapes(arguments):
    return [argument.shape for argument in arguments if isinstance(argument, np.ndarray)]


def check_memory(arguments, compute):
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            assert argument.flags.carray
            assert argument.dtype in (compute, np.float64, np.int64, np.bool_)


def test_uniform_calls_pass_numbers_as_arrays_of_one(record):
    recorder = record(L.elementwise_case)
    x = RNG.normal(size=(30, 40)).astype(np.float32)
    L.elementwise_case.value_and_grad(x[::2], np.asfortranarray(x[::2]), weight=2.0, delta=1.5)
    (kind, suffix, arguments, elements, blocks), *_ = recorder.calls
    assert (kind, suffix, elements, blocks) == ("gradient", "", 600, 1)
    # x, y, delta, weight, mask, scales, gradient, partials, block
    assert shapes(arguments) == [(600,), (600,), (1,), (1,), (1,), (1,), (600,), (1, 1)]
    assert [a.dtype for a in arguments[:5]] == [np.float32] * 4 + [np.bool_]
    assert arguments[5].dtype == arguments[7].dtype == np.float64
    assert arguments[8] == 4096
    check_memory(arguments, np.float32)


@pytest.mark.parametrize(
    "options",
    [
        {"weight": np.ones(40)},
        {"where": np.ones((30, 1), bool)},
        {"delta": np.ones((30, 1))},
        {"where": True},
    ],
    ids=["weight", "where", "delta", "where-scalar"],
)
def test_general_calls_pass_one_entry_per_sample(record, options):
    recorder = record(L.elementwise_case)
    x = RNG.normal(size=(30, 40))
    L.elementwise_case.grad(x, x, wrt=("delta", "y"), **options)
    (kind, _, arguments, _, _), *_ = recorder.calls
    assert kind == "gradient_all"
    assert shapes(arguments) == [(1200,)] * 5 + [(1,)] + [(1200,)] * 3 + [(1, 1)]
    check_memory(arguments, np.float64)


def test_other_kinds_have_their_own_outputs(record):
    recorder = record(L.elementwise_case)
    x = RNG.normal(size=50)
    L.elementwise_case(x, x, reduction="none")
    L.elementwise_case(x, x)
    L.elementwise_case(x, x, log_target=True)
    L.elementwise_case.grad_and_hess(x, x)
    L.elementwise_case.hvp(x, x, x)
    head = [(50,), (50,), (1,)]
    fixed = [(1,), (1,), (1,)]
    assert [(kind, suffix, shapes(arguments)) for kind, suffix, arguments, _, _ in recorder.calls] == [
        ("values", "", [*head, *fixed, (50,)]),
        ("value", "", [*head, *fixed, (1, 1)]),
        ("value", "log_target", [*head, *fixed, (1, 1)]),
        ("hessian", "", [*head, *fixed, (50,), (50,)]),
        ("hvp", "", [*head, (50,), *fixed, (50,)]),
    ]


def test_scales_hold_coefficient_times_upstream_over_divisor(record):
    recorder = record(L.two_terms_case)
    x = RNG.normal(size=(2, 3, 4, 5))
    L.two_terms_case.grad(x, x, upstream=2.0)
    arguments = recorder.calls[0][2]
    assert shapes(arguments) == [(6, 20), (6, 20), (1,), (1,), (2,), (6, 20), (1, 2)]
    np.testing.assert_allclose(arguments[4], [0.5 * 2 / 6, 0.25 * 2 / 120])
    assert arguments[-1] == 4096 // 20 // LANES * LANES


def test_rows_and_their_prepass(record):
    recorder = record(L.row_case)
    x, y = RNG.normal(size=(5, 3, 7)), np.zeros((5, 7), np.int32)
    L.row_case.grad(x, y, wrt="class_weight", weight=RNG.uniform(size=(5, 7)))
    arguments = recorder.calls[0][2]
    # x, y, class_weight, ignore_index, penalty, weight, mask, scales, three gradients, partials
    assert shapes(arguments) == [
        (35, 3),
        (35,),
        (3,),
        (35,),
        (35,),
        (35,),
        (35,),
        (1,),
        (35, 3),
        (35, 3),
        (35,),
        (1, 1),
    ]
    assert arguments[1].dtype == arguments[3].dtype == np.int64
    # y, class_weight, ignore_index, weight, mask, mean_scale: the weight divides only in a weighted mean.
    assert shapes(recorder.prepass_arguments) == [(35,), (3,), (35,), (35,), (35,), (0,)]
    assert (recorder.prepass_arguments[3] == 1).all()
    L.row_case(x, y, weight=np.full((5, 7), 3.0), reduction="weighted_mean")
    assert (recorder.prepass_arguments[3] == 3).all()


def test_items_get_full_weights_and_a_single_mask(record):
    recorder = record(L.item_case)
    a = RNG.normal(size=(4, 3, 5))
    L.item_case.grad(a, a)
    arguments = recorder.calls[0][2]
    # a, b, factor, weight, mask, scales, two gradients, partials
    assert shapes(arguments) == [(5, 4, 3), (5, 4, 3), (1,), (5, 4), (1,), (1,), (5, 4, 3), (5, 4, 3), (1, 1)]


def test_a_mean_scale_makes_the_call_general(record):
    recorder = record(L.sequence_case)
    x, y = RNG.normal(size=(5, 3, 4)), np.ones((3, 2), int)
    L.sequence_case(x, y)
    # x, y, both lengths, blank, weight, mask, scales, partials
    assert shapes(recorder.calls[0][2]) == [(3, 5, 4), (3, 2), (3,), (3,), (3,), (3,), (3,), (1,), (1, 1)]
    np.testing.assert_allclose(recorder.calls[0][2][5], 0.5)
    assert recorder.prepass_arguments[-1].shape == (3,)
    L.sequence_case(x, y, reduction="sum")
    assert shapes(recorder.calls[1][2])[4:7] == [(1,), (1,), (1,)]


@pytest.mark.parametrize("samples", [1, 4096, 4097, 20_000])
def test_blocks_depend_on_shapes_alone(record, samples):
    recorder = record(L.elementwise_case)
    x = np.ones(samples)
    for _ in range(2):
        L.elementwise_case(x, x)
    for _, _, arguments, elements, blocks in recorder.calls:
        assert arguments[-1] == 4096
        assert blocks == -(-samples // 4096) == arguments[-2].shape[0]
        assert elements == samples
