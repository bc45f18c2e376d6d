"""Kernels of Numba's backend, run by Python itself on NumPy's scalars: nothing is compiled.

float32 stays float32: NumPy's scalars have the types that Numba would give, once literals are float64 as
they are in Numba, and functions of `math` keep the type of their argument. Last bits may differ from those
of the compiled kernel, which fuses multiplications and additions and has a mathematical library of its own.
"""

from __future__ import annotations

import ast
import functools
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

import lossgen.losses
from lossgen.paths import generated_folder
from lossgen.runtime.launch import Kernels
from lossgen.runtime.loss import Loss
from lossgen.runtime.vectormath import FUNCTIONS, extremes, sums, totals
from lossgen.search import functions

_DROPPED = "lossgen.runtime"
_PACKAGE = "interpreted_kernels"
_MATH = {"inf": np.float64(math.inf), "nan": np.float64(math.nan), "sqrt": np.sqrt}


class _Module(functions.Typed):
    """Leave imports and checks of a generated module out as well."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        own = node.module is not None and node.module.startswith(_DROPPED)
        return None if own else node

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        return None if node.names[0].name == "math" else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        checked = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "check_abi"
        return None if checked else self.generic_visit(node)


def interpreted(text: str, name: str, mathematics: SimpleNamespace | None = None) -> ModuleType:
    """Return a module that Python runs, from the text of one that Numba compiles.

    Parameters
    ----------
    text, name : str
        The module.
    mathematics : SimpleNamespace, optional
        The vector mathematics that it calls; as NumPy has it if left out.
    """
    if mathematics is None:
        mathematics = _vector_mathematics()
    return functions.interpreted(text, name, _Module(), math=SimpleNamespace(**_MATH), vm=mathematics)


@functools.cache
def _vector_mathematics() -> SimpleNamespace:
    """Return functions of vector registers as NumPy has them, and lanes of sums and maxima as they are."""
    found = SimpleNamespace(power=lambda a, b: a**b, log1p_unit=np.log1p)
    for name in FUNCTIONS.keys() - vars(found).keys():
        setattr(found, name, getattr(np, name))
    for module in (extremes, sums, totals):
        text = Path(module.__file__).read_text(encoding="utf-8")
        own = interpreted(text, module.__name__, found)
        # What the compiler makes vectors of: the larger of two numbers, and sums of long arrays.
        vars(own)["_of_two"] = lambda a, b: b if b > a else a
        if module is totals:
            vars(own).update(_LONG=math.inf, one_by_one=found.added, two_sum=found.two_sum)
        vars(found).update({name: getattr(own, name) for name in module.__all__})
    return found


@functools.cache
def _shipped(stem: str) -> ModuleType:
    text = (generated_folder() / "numba_cpu" / f"{stem}.py").read_text(encoding="utf-8")
    return interpreted(text, stem)


@contextmanager
def in_place(loss: str, suffixes: Mapping[str, str | None]) -> Iterator[Any]:
    """Let a shipped loss run interpreted kernels meanwhile, and give the loss.

    Parameters
    ----------
    loss : str
        Its name.
    suffixes : mapping
        For each of its variants the text of its module, None for the text as shipped.
    """
    # A loss object of its own: plans of earlier calls lead to compiled kernels.
    package = lossgen.losses.all.__self__
    shipped = package.get(loss)
    function = Loss(package.name, loss, package.manifest["losses"][loss], package.folder)
    base = f"{_PACKAGE}.{loss}"
    names = {}
    for suffix, text in suffixes.items():
        stem = f"{loss}__{suffix}" if suffix else loss
        names[f"{base}__{suffix}" if suffix else base] = (
            _shipped(stem) if text is None else interpreted(text, stem)
        )
    vars(function)["kernels"] = Kernels(base)
    sys.modules.update(names)
    package._objects[loss] = function
    try:
        with np.errstate(all="ignore"):
            yield function
    finally:
        package._objects[loss] = shipped
        for name in names:
            del sys.modules[name]
