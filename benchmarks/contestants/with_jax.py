"""JAX: formulas and the functions of optax through ``jit``, waiting for the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import optax as library

from benchmarks.cases import GRADIENT, HESSIAN, VALUE, Case
from benchmarks.contestants.formulas import formula
from benchmarks.peers.named import OPTAX, peer
from benchmarks.timing import Run

# Arrays keep their types; without it float64 would not be one.
jax.config.update("jax_enable_x64", True)

_FUNCTIONS = ("where", "exp", "log", "log1p", "abs", "sqrt", "argsort")
NAMES = SimpleNamespace(
    take=jnp.take_along_axis,
    relu=jax.nn.relu,
    sigmoid=jax.nn.sigmoid,
    logsumexp=jax.nn.logsumexp,
    **{name: getattr(jnp, name) for name in _FUNCTIONS},
)


def jitted(case: Case, given: Mapping[str, Any]) -> Run | None:
    """The formula."""
    return _run(formula(case.loss, NAMES), case, given)


def optax(case: Case, given: Mapping[str, Any]) -> Run | None:
    """The function of optax."""
    name = peer("optax", case.loss, case.entry.peers)
    if name is None:
        return None
    function = getattr(library.losses, name)
    defaults = {param.name: param.default for param in case.entry.params}

    def value(*arrays: jax.Array) -> jax.Array:
        return OPTAX[name](function, defaults | dict(zip(given, arrays, strict=True))).mean()

    return _run(value, case, given)


def _run(value: Callable[..., jax.Array] | None, case: Case, given: Mapping[str, Any]) -> Run | None:
    """Compiled for this shape by the first call of the warm-up."""
    if value is None or (case.output == HESSIAN and case.entry.structure != "elementwise"):
        return None
    places = tuple(list(given).index(name) for name in case.gradients)
    slope = jax.value_and_grad(value, argnums=places)

    def curvature(*arrays: jax.Array) -> Any:
        """The Hessian is diagonal: its product with ones is the diagonal."""
        (place,) = places

        def gradient(x: jax.Array) -> jax.Array:
            return slope(*arrays[:place], x, *arrays[place + 1 :])[1][0]

        return jax.jvp(gradient, (arrays[place],), (jnp.ones_like(arrays[place]),))

    step = jax.jit({VALUE: value, GRADIENT: slope, HESSIAN: curvature}[case.output])
    arrays = [jnp.asarray(array) for array in given.values()]
    return Run(lambda: jax.block_until_ready(step(*arrays)))
