"""Mistakes raise errors that name the argument, its value and the fix, before any kernel runs."""

import numpy as np
import pytest

import tests.runtime.fixtures.cases as L
from lossgen import LossError, LossIndexError, LossTypeError, LossValueError, SpecError

X, Y = np.ones((3, 2)), np.zeros((3, 2))
SCORES, CLASSES = np.ones((3, 2)), np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"delta": 0.0}, LossValueError, "delta=0.0 is not allowed: delta must be greater than 0"),
        ({"delta": -2}, LossValueError, "delta=-2 is not allowed"),
        ({"delta": float("nan")}, LossValueError, "delta=nan is not allowed"),
        ({"delta": np.array([1.0, -0.5])}, LossValueError, r"delta\[1\]=-0.5 is not allowed"),
        (
            {"delta": np.ones(5)},
            LossValueError,
            r"delta has shape \(5,\), which does not broadcast to \(3, 2\)",
        ),
        ({"delta": "1"}, LossTypeError, "delta has dtype"),
        ({"delta": True}, LossTypeError, "delta has dtype bool"),
        ({"delta": None}, LossTypeError, "delta is None"),
        ({"detla": 1.0}, LossTypeError, "no argument 'detla'; did you mean 'delta'"),
        ({"reduction": "avg"}, LossValueError, "reduction='avg' does not exist"),
        ({"reduction": "men"}, LossValueError, "did you mean 'mean'"),
        ({"reduction": None}, LossValueError, "reduction=None does not exist"),
        ({"log_target": 1}, LossTypeError, "log_target=1 is not a choice: use False or True"),
        ({"log_target": "yes"}, LossTypeError, "log_target='yes' is not a choice"),
        ({"log_target": True, "factor": 2.0}, LossError, "no kernels for.*Combinations that exist"),
        ({"weight": np.ones(4)}, LossValueError, r"weight has shape \(4,\), which does not broadcast"),
        ({"weight": np.ones((2, 3, 2))}, LossValueError, "weight has shape"),
        ({"weight": 1j}, LossTypeError, "weight has dtype complex"),
        ({"where": np.ones((3, 2))}, LossTypeError, "where has dtype float64, booleans are needed"),
        ({"where": np.ones(5, bool)}, LossValueError, r"where has shape \(5,\)"),
        ({"upstream": 1.0}, LossTypeError, "takes no upstream: value_and_grad"),
        ({"wrt": "x"}, LossTypeError, "takes no wrt"),
        ({"axis": 1}, LossTypeError, "takes no axis: this loss has no class axis"),
    ],
)
def test_options_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        L.elementwise_case(X, Y, **options)


def test_a_positive_number_that_rounds_to_zero_is_refused():
    assert L.elementwise_case(X, Y, delta=1e-60) > 0
    with pytest.raises(LossValueError, match=r"delta=1e-60 is not allowed \(it becomes 0.0 in float32\)"):
        L.elementwise_case(X.astype(np.float32), Y, delta=1e-60)


@pytest.mark.parametrize("y", [np.zeros(3), np.zeros((3, 1)), np.zeros((2, 3)), 0.0], ids=str)
def test_shapes_must_be_equal(y):
    with pytest.raises(
        LossValueError, match=r"x and y must have equal shapes.*\(3, 2\).*" + str(np.shape(y))[1:-1]
    ):
        L.elementwise_case(X, y)


def test_arguments_must_be_there_once():
    with pytest.raises(LossTypeError, match="misses the argument y"):
        L.elementwise_case(X)
    with pytest.raises(LossTypeError, match="got x twice"):
        L.elementwise_case(X, Y, x=X)
    with pytest.raises(
        LossTypeError, match=r"takes 2 array\(s\) by position.*pass parameters by keyword.*delta="
    ):
        L.elementwise_case(X, Y, 1.0)
    with pytest.raises(LossTypeError, match="misses the direction v"):
        L.elementwise_case.hvp(X, Y)
    with pytest.raises(LossValueError, match=r"v has shape \(3,\), but x has shape \(3, 2\)"):
        L.elementwise_case.hvp(X, Y, np.ones(3))


@pytest.mark.parametrize(
    ("wrt", "error", "message"),
    [
        ("z", LossValueError, "wrt='z'.*allowed: x, y, delta"),
        ("detla", LossValueError, "did you mean 'delta'"),
        ("log_target", LossValueError, "no derivative by that name"),
        ((), LossValueError, "wrt is empty"),
        (("x", "x"), LossValueError, "twice"),
        (3, LossTypeError, "wrt=3"),
    ],
)
def test_wrt_is_checked(wrt, error, message):
    with pytest.raises(error, match=message):
        L.elementwise_case.grad(X, Y, wrt=wrt)


def test_upstream_must_fit_the_reduction():
    with pytest.raises(LossValueError, match=r"upstream has shape.*reduction='mean' gives one number"):
        L.elementwise_case.grad(X, Y, upstream=np.ones((3, 2)))
    with pytest.raises(LossValueError, match=r"upstream has shape \(5,\), which does not broadcast"):
        L.elementwise_case.grad(X, Y, upstream=np.ones(5), reduction="none")


def test_operations_that_a_loss_does_not_have():
    with pytest.raises(LossTypeError, match=r"couples the classes of a row.*row_case.hvp"):
        L.row_case.grad_and_hess(SCORES, CLASSES)
    with pytest.raises(
        LossValueError, match=r"curvature='bound' does not exist.*'exact', which may be 0 or neg"
    ):
        L.elementwise_case.grad_and_hess(X, Y, curvature="bound")
    with pytest.raises(LossTypeError, match="takes no reduction: it works element by element"):
        L.elementwise_case.grad_and_hess(X, Y, reduction="sum")
    with pytest.raises(LossTypeError, match="no hvp kernel"):
        L.two_terms_case.hvp(*[np.ones((1, 1, 2))] * 3)


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ([0, 1, 2], LossIndexError, r"y\[2\] = 2 is out of range.*between 0 and 1"),
        ([0, -1, 1], LossIndexError, r"y\[1\] = -1 is out of range"),
        ([0.0, 1.0, 1.0], LossTypeError, r"whole numbers in a float dtype.*astype\(np.int64\)"),
        ([0.5, 1.0, 1.0], LossTypeError, "not scores or one-hot rows"),
        ([True, False, True], LossTypeError, "boolean"),
        ([0, 1], LossValueError, r"without its axis C \(dimension 1\).*needs \(3,\), but it has \(2,\)"),
        ([[0, 1], [0, 1], [0, 1]], LossValueError, r"without its axis C"),
        (np.array([0, 1, 2**63], np.uint64), LossIndexError, "beyond the range of int64"),
    ],
)
def test_classes_are_checked(classes, error, message):
    with pytest.raises(error, match=message):
        L.row_case(SCORES, classes)


@pytest.mark.parametrize("operation", ["value_and_grad", "grad"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum", "weighted_mean"])
def test_classes_are_checked_by_every_operation_before_out_is_written(operation, reduction):
    out = np.full((3, 2), 7.0)
    with pytest.raises(LossIndexError, match=r"y\[2\] = 5"):
        getattr(L.row_case, operation)(SCORES, [0, 1, 5], reduction=reduction, out=out)
    assert (out == 7).all()


def test_the_position_of_a_bad_class_is_that_in_the_users_array():
    classes = np.zeros((2, 4), int)
    classes[1, 2] = 9
    with pytest.raises(LossIndexError, match=r"y\[1, 2\] = 9"):
        L.row_case(np.ones((2, 3, 4)), classes)
    # Neither masked nor ignored rows are looked at.
    classes[0, 0] = -100
    where = classes != 9
    assert np.isfinite(L.row_case(np.ones((2, 3, 4)), classes, where=where))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ignore_index": 1.5}, LossTypeError, "ignore_index=1.5 is not a whole number"),
        ({"ignore_index": 1.0}, LossTypeError, r"an integer is needed: pass int\(ignore_index\)"),
        ({"ignore_index": 2**70}, LossTypeError, f"ignore_index={2**70} is beyond the range of int64"),
        ({"class_weight": [1.0, 2.0, 3.0]}, LossValueError, r"class_weight has shape \(3,\).*axis C"),
        ({"class_weight": [1.0, -2.0]}, LossValueError, r"class_weight\[1\]=-2.0"),
        ({"penalty": -1.0}, LossValueError, "penalty must be 0 or greater"),
        ({"axis": 2}, LossValueError, r"x has 2 dimension\(s\).*choose another axis"),
        ({"axis": 1.0}, LossTypeError, "axis=1.0 is not allowed"),
    ],
)
def test_parameters_of_rows_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        L.row_case(SCORES, CLASSES, **options)


def test_an_empty_class_axis_has_no_valid_class():
    with pytest.raises(LossIndexError, match="axis C is empty"):
        L.row_case(np.ones((3, 0)), CLASSES)


def test_a_parameter_without_effect_is_refused():
    with pytest.raises(LossTypeError, match="no argument 'factor'"):
        L.row_case(SCORES, CLASSES, factor=2.0)


def test_errors_are_builtin_exceptions_too():
    assert issubclass(LossValueError, ValueError)
    assert issubclass(LossTypeError, TypeError)
    assert issubclass(LossIndexError, IndexError)
    error = SpecError("is unknown", file="a.py", line=3, loss="mine", argument="x", fix="write Pred")
    assert str(error) == "a.py:3: loss 'mine', argument 'x': is unknown\n  fix: write Pred"
    assert isinstance(error, LossError)
