"""A formula as others compute it: SymPy's `lambdify` of it and its derivative, torch's and JAX's autograd."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from lossgen.algebra.nodes import Where
from lossgen.algebra.tensors import Element, elements
from lossgen.algebra.vocabulary import exact

OURS = "lossgen"
_JUDGED = SimpleNamespace(suffix="", kinds=("values", "gradient", "gradient_all"), curvature={})
_ENTRY = SimpleNamespace(variants=[_JUDGED])

Array = Any
Given = Mapping[str, Array]


class Formula:
    """A formula in plain SymPy: symbols by name, and the arrays of a call in the type of the inputs."""

    entry = _ENTRY

    def __init__(self, loss: Any) -> None:
        value = exact(loss.spec.variant().program.terms[0].value)
        self.symbols = {e: sp.Symbol(e.tensor.name, real=True) for e in sorted(elements(value), key=str)}
        self.names = [symbol.name for symbol in self.symbols.values()]
        self.expr = _plain(value).xreplace(self.symbols)
        self.defaults = {name: param.default for name, param in loss.params.items()}

    def arrays(self, given: Given) -> list[Array]:
        """Return the arguments in order, all of one type and shape."""
        dtype = np.asarray(given[self.names[-1]] if "x" not in given else given["x"]).dtype
        whole = [np.asarray(given.get(name, self.defaults.get(name)), dtype) for name in self.names]
        return [np.ascontiguousarray(one) for one in np.broadcast_arrays(*whole)]

    def __call__(self, reduction: str, **given: Array) -> Array:
        return self.value(self.arrays(given))

    def grad(self, reduction: str, wrt: Sequence[str], **given: Array) -> tuple[Array, ...]:
        """Return the gradient of the sum."""
        found = dict(zip(self.names, self.slopes(self.arrays(given)), strict=True))
        return tuple(found[name] if name in found else np.zeros_like(given[name]) for name in wrt)

    def value(self, arrays: list[Array]) -> Array:
        raise NotImplementedError

    def slopes(self, arrays: list[Array]) -> list[Array]:
        raise NotImplementedError


def _plain(expr: sp.Basic) -> sp.Basic:
    if isinstance(expr, Element) or not expr.args:
        return expr
    args = [_plain(arg) for arg in expr.args]
    if isinstance(expr, Where):
        return sp.Piecewise((args[1], args[0]), (args[2], True))
    return expr.func(*args)


class Naive(Formula):
    """SymPy's derivative, lambdified with NumPy and SciPy."""

    def __init__(self, loss: Any) -> None:
        super().__init__(loss)
        arguments = list(self.symbols.values())
        self.run = sp.lambdify(arguments, self.expr, ["scipy", "numpy"])
        self.steps = [sp.lambdify(arguments, self.expr.diff(s), ["scipy", "numpy"]) for s in arguments]

    def value(self, arrays: list[Array]) -> Array:
        return np.asarray(self.run(*arrays)) * np.ones_like(arrays[0])

    def slopes(self, arrays: list[Array]) -> list[Array]:
        return [np.asarray(step(*arrays)) * np.ones_like(arrays[0]) for step in self.steps]


class Torch(Formula):
    """The formula in torch, differentiated by autograd."""

    def __init__(self, loss: Any) -> None:
        super().__init__(loss)
        self.torch = importlib.import_module("torch")
        self.run = sp.lambdify(list(self.symbols.values()), self.expr, "torch")

    def value(self, arrays: list[Array]) -> Array:
        return self.run(*map(self.torch.tensor, arrays)).numpy()

    def slopes(self, arrays: list[Array]) -> list[Array]:
        given = [self.torch.tensor(one, requires_grad=True) for one in arrays]
        self.run(*given).sum().backward()
        return [
            np.zeros_like(a) if g.grad is None else g.grad.numpy() for a, g in zip(arrays, given, strict=True)
        ]


class Jax(Formula):
    """The formula in JAX, differentiated by `grad`."""

    def __init__(self, loss: Any) -> None:
        super().__init__(loss)
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        self.run = sp.lambdify(list(self.symbols.values()), self.expr, "jax")
        self.steps = jax.grad(lambda *a: self.run(*a).sum(), argnums=tuple(range(len(self.names))))

    def value(self, arrays: list[Array]) -> Array:
        return np.asarray(self.run(*arrays)) * np.ones_like(arrays[0])

    def slopes(self, arrays: list[Array]) -> list[Array]:
        return list(map(np.asarray, self.steps(*arrays)))


class Ours:
    """A compiled loss, of which value and gradient are judged."""

    entry = _ENTRY

    def __init__(self, loss: Any) -> None:
        self.loss, self.grad = loss, loss.grad

    def __call__(self, **given: Array) -> Array:
        return self.loss(**given)


CONTESTANTS: dict[str, Callable[[Any], Any]] = {OURS: Ours, "naive": Naive, "torch": Torch, "jax": Jax}


def available() -> list[str]:
    """Return the contestants that are installed."""
    return [name for name in CONTESTANTS if name in (OURS, "naive") or importlib.util.find_spec(name)]
