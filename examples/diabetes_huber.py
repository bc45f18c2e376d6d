"""Robust linear regression on the diabetes data: Newton's method with `huber.grad_and_hess`.

Minimises mean(huber(prediction, target)). The second derivative of the loss is 1 for residuals below
`delta` and 0 beyond, so a Newton step solves a least-squares problem over the inliers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes

import lossgen.losses as L

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Coefficients (the intercept last) and how they were found."""

    coefficients: Array
    objective: float
    slope: float
    steps: int


def data() -> tuple[Array, Array]:
    """Ten standardised measurements and a column of ones; how far the disease got within a year."""
    measured, progress = load_diabetes(return_X_y=True, scaled=False)
    measured = (measured - measured.mean(axis=0)) / measured.std(axis=0)
    return np.column_stack([measured, np.ones(len(measured))]), progress


def fit(design: Array, target: Array, delta: float, tolerance: float = 1e-10, limit: int = 100) -> Fit:
    """Newton's method from the least-squares solution, safeguarded far from the optimum."""
    coefficients = np.linalg.lstsq(design, target, rcond=None)[0]
    for step in range(1, limit + 1):
        prediction = design @ coefficients
        grad, hess = L.huber.grad_and_hess(prediction, target, delta=delta)
        slope = design.T @ grad
        size = float(np.abs(slope).max()) / len(target)
        if size < tolerance:
            value = float(L.huber(design @ coefficients, target, delta=delta))
            return Fit(coefficients, value, size, step)
        # grad / residual is the curvature of the parabola that touches the loss from above: its step always
        # goes down, Newton's lands on the optimum once it knows the inliers. The lower end point wins.
        residual = prediction - target
        above = np.divide(grad, residual, out=np.ones_like(grad), where=residual != 0)
        ends = [
            coefficients - np.linalg.lstsq(design.T @ (curvature[:, None] * design), slope, rcond=None)[0]
            for curvature in (hess, above)
        ]
        coefficients = min(ends, key=lambda end: float(L.huber(design @ end, target, delta=delta)))
    raise RuntimeError(f"no optimum within {limit} steps: the slope is still {size:.1e}")


def main() -> None:
    """Fit and compare with least squares, before and after one record is damaged."""
    design, target = data()
    damaged = target.copy()
    damaged[0] = 1e4
    print(f"{len(target)} patients, {design.shape[1] - 1} measurements")
    plain = np.linalg.lstsq(design, target, rcond=None)[0]
    plain_moved = np.linalg.lstsq(design, damaged, rcond=None)[0] - plain
    robust = fit(design, target, delta=60.0)
    robust_moved = fit(design, damaged, delta=60.0).coefficients - robust.coefficients
    print(f"objective {robust.objective:.9f} after {robust.steps} Newton steps, slope {robust.slope:.0e}")
    print("one damaged record moves the coefficients by at most")
    print(f"  least squares {np.abs(plain_moved).max():8.2f}")
    print(f"  huber         {np.abs(robust_moved).max():8.2f}")


if __name__ == "__main__":
    main()
