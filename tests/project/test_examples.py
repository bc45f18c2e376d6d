"""The examples reach the optimum that scikit-learn reaches."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import HuberRegressor, LogisticRegression

from examples import diabetes_huber, digits_logistic
from tests.project.pages import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def objective(images: np.ndarray, digits: np.ndarray, model: LogisticRegression, penalty: float) -> float:
    """What both minimise, written out without lossgen."""
    scores = images @ model.coef_.T + model.intercept_
    top = scores.max(axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(scores - top).sum(axis=1))
    losses = log_sum - scores[np.arange(len(digits)), digits]
    return float(losses.mean() + penalty / 2 * (model.coef_**2).sum())


def test_logistic_regression_reaches_the_optimum() -> None:
    images, digits = digits_logistic.data()
    penalty = 1 / len(images)
    ours = digits_logistic.fit(images, digits, penalty)
    model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000, solver="newton-cg").fit(images, digits)
    assert ours.objective == pytest.approx(objective(images, digits, model, penalty), abs=1e-8, rel=0)
    assert np.array_equal(ours.predict(images), model.predict(images))


def huber_mean(design: np.ndarray, target: np.ndarray, coefficients: np.ndarray, delta: float) -> float:
    """The robust objective, written out without lossgen."""
    size = np.abs(design @ coefficients - target)
    return float(np.where(size < delta, size**2 / 2, delta * (size - delta / 2)).mean())


def test_robust_regression_reaches_the_optimum() -> None:
    design, target = diabetes_huber.data()
    # scikit-learn fits a scale beside the coefficients; at that scale both minimise the same function.
    model = HuberRegressor(epsilon=1.35, alpha=0.0, tol=1e-9, max_iter=10_000).fit(design[:, :-1], target)
    delta = 1.35 * model.scale_
    ours = diabetes_huber.fit(design, target, delta=delta)
    theirs = np.append(model.coef_, model.intercept_)
    np.testing.assert_allclose(ours.coefficients, theirs, atol=5e-3)
    best = huber_mean(design, target, ours.coefficients, delta)
    assert best == pytest.approx(ours.objective, rel=1e-14)
    assert best <= huber_mean(design, target, theirs, delta) * (1 + 1e-14)
    assert ours.slope < 1e-10


def test_robust_regression_from_a_bad_start() -> None:
    """One record in five damaged: the start is far off and the curvature there is nearly all zero."""
    design, target = diabetes_huber.data()
    damaged = target + 1e5 * (np.arange(len(target)) % 5 == 0)
    fitted = diabetes_huber.fit(design, damaged, delta=30.0)
    assert fitted.slope < 1e-10
    assert (
        np.abs(fitted.coefficients - diabetes_huber.fit(design, target, delta=30.0).coefficients).max() < 50
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_prints_a_short_report(path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert 2 <= len(done.stdout.splitlines()) <= 10
    assert done.stderr == ""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_uses_no_model_of_others(path: Path) -> None:
    """NumPy, SciPy, lossgen and bundled data: nothing else does the work."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module)
    allowed = {"numpy", "numpy.typing", "scipy.optimize", "sklearn.datasets", "lossgen.losses", "dataclasses"}
    assert modules <= allowed
