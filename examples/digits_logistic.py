"""Multinomial logistic regression on handwritten digits: `cross_entropy` inside SciPy's L-BFGS.

Minimises mean(cross entropy) + penalty / 2 * sum(weights**2); intercepts are not penalised. This is what
scikit-learn's LogisticRegression minimises for C = 1 / (penalty * samples).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.datasets import load_digits

import lossgen.losses as L

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What came out of the optimiser."""

    weights: Array
    intercepts: Array
    objective: float
    evaluations: int

    def predict(self, images: Array) -> NDArray[np.intp]:
        """Class of the largest score."""
        return np.argmax(images @ self.weights + self.intercepts, axis=1)


def data() -> tuple[Array, NDArray[np.int64]]:
    """Pixels in [0, 1] and the digits that they show."""
    images, digits = load_digits(return_X_y=True)
    return images / 16, digits


def fit(images: Array, digits: NDArray[np.int64], penalty: float) -> Fit:
    """Fit one score per class."""
    pixels, classes = images.shape[1], int(digits.max()) + 1
    scores = np.empty((len(images), classes))
    slope = np.empty_like(scores)

    def objective(flat: Array) -> tuple[float, Array]:
        weights, intercepts = flat[:-classes].reshape(pixels, classes), flat[-classes:]
        np.matmul(images, weights, out=scores)
        np.add(scores, intercepts, out=scores)
        value, _ = L.cross_entropy.value_and_grad(scores, digits, out=slope)
        by_weights = images.T @ slope + penalty * weights
        total = float(value) + penalty / 2 * float(np.sum(weights**2))
        return total, np.concatenate([by_weights.ravel(), slope.sum(axis=0)])

    start = np.zeros((pixels + 1) * classes)
    options = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 0.0, "gtol": 1e-8, "maxcor": 30}
    result = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return Fit(
        result.x[:-classes].reshape(pixels, classes), result.x[-classes:], float(result.fun), int(result.nfev)
    )


def main() -> None:
    """Fit all digits and print how well it went."""
    images, digits = data()
    fitted = fit(images, digits, penalty=1 / len(images))
    right = float(np.mean(fitted.predict(images) == digits))
    print(f"{len(images)} images of {images.shape[1]} pixels, {digits.max() + 1} classes")
    print(f"objective   {fitted.objective:.12f} after {fitted.evaluations} evaluations")
    print(f"recognised  {right:.2%} of the images it was fitted to")


if __name__ == "__main__":
    main()
