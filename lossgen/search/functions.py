"""Operations of the loop IR on arrays of NumPy, one entry for each sample, rounded as kernels round them."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from lossgen.backends.numba_cpu.spelling import HELPERS, spelling

__all__ = ["Typed", "function", "interpreted"]

Array = np.ndarray[Any, Any]


class Typed(ast.NodeTransformer):
    """Leave decorators out, and make literals float64, as they are in Numba."""

    def __init__(self) -> None:
        self.literals: dict[str, np.float64] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, float):
            return node
        name = f"_literal_{len(self.literals)}"
        self.literals[name] = np.float64(node.value)
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def _kept(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """Return a function of Python's `math` that keeps the type of its argument and fails like C."""

    def call(x: Any) -> Any:
        try:
            return type(x)(function(float(x)))
        except OverflowError:
            return type(x)(math.inf)
        except ValueError:
            return type(x)(math.nan)

    return call


# What helpers and spellings call.
_MATH = SimpleNamespace(
    inf=np.float64(math.inf),
    nan=np.float64(math.nan),
    sqrt=np.sqrt,
    floor=np.floor,
    log=np.log,
    **{
        name: _kept(getattr(math, name))
        for name in ("exp", "expm1", "log1p", "sinh", "erf", "erfc", "gamma", "lgamma")
    },
)


def interpreted(text: str, name: str, typed: Typed, **names: Any) -> ModuleType:
    """Return a module that Python runs, from the text of functions that Numba compiles.

    Parameters
    ----------
    text, name : str
        The module.
    typed : Typed
        Makes it what Python can run.
    names
        What it calls.
    """
    tree = ast.fix_missing_locations(typed.visit(ast.parse(text)))
    module = ModuleType(name)
    vars(module).update(typed.literals, **names)
    exec(compile(tree, name, "exec"), vars(module))  # our own text
    return module


@functools.cache
def _helpers() -> ModuleType:
    return interpreted("\n\n".join(HELPERS.values()), "helpers", Typed(), math=_MATH, np=np)


# Elementary functions by their name in the IR; called in float64, whose results are rounded.
_NUMPY: dict[str, Callable[..., Array]] = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh,
    "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "pow": np.power, "atan2": np.arctan2, "omexp": lambda x: -np.expm1(x),
    "log1p_unit": np.log1p,
}  # fmt: skip
# Exactly rounded, or exact, in any type.
_EXACT: dict[str, Callable[..., Array]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "abs": np.abs, "sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil, "mod": np.mod,
    "floordiv": np.floor_divide, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "not": np.logical_not,
}  # fmt: skip


def function(name: str, dtype: np.dtype[Any]) -> Callable[..., Array]:
    """Return the operation of that name in a precision, on arrays."""
    if name in _EXACT:
        return _EXACT[name]
    if name in _NUMPY:
        return lambda *args: _NUMPY[name](*(arg.astype(np.float64) for arg in args)).astype(dtype)
    return lambda *args: _by_helper(name, dtype, args)


@functools.cache
def _called(name: str) -> Any:
    text = spelling(name).text
    arguments = [f"x{k}" for k in range(text.count("{"))]
    code = f"lambda {', '.join(arguments)}: {text.format(*arguments)}"
    return eval(compile(code, name, "eval"), vars(_helpers()))  # our own spelling


def _by_helper(name: str, dtype: np.dtype[Any], args: tuple[Array, ...]) -> Array:
    called = _called(name)
    columns = np.broadcast_arrays(*(np.asarray(arg, dtype) for arg in args))
    found = [called(*row) for row in zip(*(column.reshape(-1) for column in columns), strict=True)]
    return np.array(found, dtype).reshape(columns[0].shape)
