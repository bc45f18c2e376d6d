"""What is measured: a loss and the arrays that it is called with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINARY, CLASSES, DICE = "bce_with_logits", "cross_entropy", "soft_dice"


@dataclass(frozen=True, eq=False)
class Case:
    """Mean and gradient of one loss for one input, in float32."""

    loss: str
    x: NDArray[np.float32]
    y: NDArray[np.float32] | NDArray[np.int64]

    @property
    def name(self) -> str:
        """Loss and shape."""
        return f"{self.loss} {'×'.join(map(str, self.x.shape))}"


def cases(quick: bool) -> Iterator[Case]:
    """Make the inputs one at a time: the largest take hundreds of megabytes together."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> NDArray[np.float32]:
        return 3 * rng.standard_normal(shape, dtype=np.float32)

    for size in (10**3, 2**12) if quick else (10**3, 2**20, 2**24):
        yield Case(BINARY, normal(size), rng.integers(0, 2, size).astype(np.float32))
    for rows, classes in ((64, 10), (8, 100)) if quick else ((65536, 10), (4096, 1000), (512, 50257)):
        yield Case(CLASSES, normal(rows, classes), rng.integers(0, classes, rows))
    shape = (2, 2, 16, 16) if quick else (8, 4, 512, 512)
    probabilities = 1 / (1 + np.exp(-normal(*shape)))
    yield Case(DICE, probabilities, rng.integers(0, 2, shape).astype(np.float32))
