"""Losses of other libraries, by the peers that declarations name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.peers.named import OPTAX, SKLEARN, peer
from lossgen.oracle.arrange import Arrangement
from lossgen.oracle.evaluate import Case, sizes_of
from lossgen.spec.model import Loss, Variant

Array = Any
# torch's name of an argument, where it differs.
_TORCH = {"class_weight": "weight"}


class Absent(Exception):
    """The library does not have the loss."""


class Library:
    """A loss of another library, called on all samples at once."""

    package = ""

    def __init__(self, loss: Loss, variant: Variant) -> None:
        self.loss, self.variant = loss, variant
        self.arrangement = Arrangement(loss, variant)
        self.peer = self.named(loss)
        if self.peer is None:
            raise Absent
        self.preds = [tensor.name for tensor in variant.program.predictions]
        self.names = [t.name for t in variant.program.inputs if t.name in self.arrangement.placements]

    def named(self, loss: Loss) -> str | None:
        """Return what the library calls the loss, if it has it."""
        return peer(self.package, loss.name, dict(loss.peers))

    def values(self, cases: Sequence[Case], given: Mapping[str, Any], whole: bool) -> list[Array]:
        """Return each sample's values by item, or their sum."""
        found = np.asarray(self.value(given))
        if whole:
            return [found.sum()]
        items = [index.axis.name for index in self.variant.program.terms[0].items]
        sizes = sizes_of(self.variant.program, cases[0])
        return list(self.arrangement.split_values(found, items, tuple(sizes[item] for item in items)))

    def gradients(self, cases: Sequence[Case], given: Mapping[str, Any], name: str) -> list[Array]:
        """Return each sample's gradient by a prediction."""
        shape = cases[0].inputs[name].shape
        return list(self.arrangement.split(name, self.slope(given, name), shape))

    def value(self, given: Mapping[str, Any]) -> Array:
        """Return the unreduced loss."""
        raise NotImplementedError

    def slope(self, given: Mapping[str, Any], name: str) -> Array:
        """Return the gradient of the sum."""
        raise NotImplementedError


class Torch(Library):
    """A function of `torch.nn.functional`, differentiated by autograd."""

    package = "torch"

    def __init__(self, loss: Loss, variant: Variant) -> None:
        super().__init__(loss, variant)
        self.torch = importlib.import_module("torch")
        self.function = getattr(self.torch.nn.functional, self.peer)
        self.known = inspect.signature(self.function).parameters

    def _call(self, given: Mapping[str, Any], by: str | None) -> tuple[Any, Any]:
        dtype = given[self.preds[0]].dtype
        arrays = {n: self.torch.tensor(given[n], requires_grad=n == by) for n in self.names}
        options = {}
        for name, value in given.items():
            theirs = _TORCH.get(name, name)
            if name in arrays or theirs not in self.known:
                continue
            as_tensor = theirs in ("weight", "pos_weight")
            options[theirs] = self.torch.as_tensor(np.asarray(value, dtype)) if as_tensor else value
        return self.function(*arrays.values(), **options, reduction="none"), arrays.get(by)

    def value(self, given: Mapping[str, Any]) -> Array:
        return self._call(given, None)[0].numpy()

    def slope(self, given: Mapping[str, Any], name: str) -> Array:
        value, by = self._call(given, name)
        value.sum().backward()
        return by.grad.numpy()


class Optax(Library):
    """A function of optax, differentiated by JAX."""

    package = "optax"

    def __init__(self, loss: Loss, variant: Variant) -> None:
        super().__init__(loss, variant)
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.function = getattr(importlib.import_module("optax").losses, self.peer)

    def value(self, given: Mapping[str, Any]) -> Array:
        dtype = given[self.preds[0]].dtype
        typed = {n: np.asarray(v, dtype) if isinstance(v, float) else v for n, v in given.items()}
        found = OPTAX[self.peer](self.function, typed)
        # A label that says "left out" is the caller's affair there.
        ignored = given.get("ignore_index")
        return found if ignored is None else self.jax.numpy.where(given["y"] == ignored, 0, found)

    def slope(self, given: Mapping[str, Any], name: str) -> Array:
        return np.asarray(
            self.jax.grad(lambda one: self.value({**given, name: one}).sum())(
                self.jax.numpy.asarray(given[name])
            )
        )


class Sklearn(Library):
    """A loss of gradient boosting and linear models in scikit-learn, with its own derivative."""

    package = "sklearn"

    def __init__(self, loss: Loss, variant: Variant) -> None:
        super().__init__(loss, variant)
        self.module = importlib.import_module("sklearn._loss.loss")

    def _made(self, given: Mapping[str, Any]) -> tuple[Any, Array, Array]:
        x, y = given["x"], given["y"]
        options: dict[str, Any] = {}
        if self.peer == "HuberLoss":
            options = {"delta": given["delta"]}
        if self.peer == "HalfMultinomialLoss":
            x = np.ascontiguousarray(
                np.moveaxis(x, min(1, x.ndim - 1), -1).reshape(-1, x.shape[min(1, x.ndim - 1)])
            )
            y = np.where(y == given["ignore_index"], 0, y)
            options = {"n_classes": x.shape[1]}
        else:
            x = np.ascontiguousarray(x.reshape(-1))
        made = getattr(self.module, self.peer)(**options)
        return made, np.ascontiguousarray(y.reshape(-1).astype(x.dtype)), x

    def value(self, given: Mapping[str, Any]) -> Array:
        made, y, x = self._made(given)
        found = made.loss(y_true=y, raw_prediction=x).reshape(np.shape(given["y"])) * SKLEARN[self.peer]
        return np.where(given["y"] == given.get("ignore_index"), 0, found)

    def slope(self, given: Mapping[str, Any], name: str) -> Array:
        made, y, x = self._made(given)
        found = made.gradient(y_true=y, raw_prediction=x) * x.dtype.type(SKLEARN[self.peer])
        whole = given["x"]
        if found.ndim == 1:
            return found.reshape(whole.shape)
        axis = min(1, whole.ndim - 1)
        moved = np.moveaxis(found.reshape(*np.delete(whole.shape, axis), whole.shape[axis]), -1, axis)
        kept = np.expand_dims(given["y"] != given["ignore_index"], axis)
        return np.where(kept, moved, 0)
