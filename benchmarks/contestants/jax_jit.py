"""JAX: ``jit`` of ``value_and_grad``, waiting for the result."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from benchmarks.cases import BINARY, CLASSES, DICE, Case
from benchmarks.timing import Run

Value = Callable[[jax.Array, jax.Array], jax.Array]


def _binary(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean(jnp.maximum(x, 0) - x * y + jnp.log1p(jnp.exp(-jnp.abs(x))))


def _classes(x: jax.Array, y: jax.Array) -> jax.Array:
    picked = jnp.take_along_axis(x, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(x, axis=1) - picked)


def _dice(x: jax.Array, y: jax.Array) -> jax.Array:
    dims = tuple(range(2, x.ndim))
    overlap = (2 * (x * y).sum(dims) + 1e-5) / (x.sum(dims) + y.sum(dims) + 1e-5)
    return (1 - overlap).mean()


VALUES: dict[str, Value] = {BINARY: _binary, CLASSES: _classes, DICE: _dice}


def jitted(case: Case) -> Run | None:
    """Compiled for this shape by the first call of the warm-up."""
    if case.loss not in VALUES:
        return None
    step = jax.jit(jax.value_and_grad(VALUES[case.loss]))
    x, y = jnp.asarray(case.x), jnp.asarray(case.y)
    return lambda: jax.block_until_ready(step(x, y))
