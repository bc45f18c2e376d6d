"""The tests of `tests/losses` that are of one loss and variant, as functions to call."""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lossgen.spec.model import Loss, Variant

_FOLDER = Path(__file__).parents[2] / "tests" / "losses"
# Modules whose tests are not of kernels in Python: accuracy is judged apart, 16-bit arrays need a compiler.
_APART = ("test_accuracy", "test_half")
# Most of what the exact expression lets through is seen by these.
_FIRST = ("test_invariants", "test_curvature", "test_edges")


def own_tests(loss: Loss, variant: Variant) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the tests of a variant, by name; whatever their tier, and but for those with fixtures."""
    for name, test, sets in _tests():
        for values in sets:
            if _is(values.get("loss"), loss) and _is(values.get("variant"), variant):
                rest = [str(v) for k, v in values.items() if k not in ("loss", "variant")]
                yield "-".join([name, *rest]), functools.partial(test, **values)


def _is(value: Any, declared: Any) -> bool:
    key = "suffix" if isinstance(declared, Variant) else "name"
    return getattr(value, key, None) == getattr(declared, key)


@functools.cache
def _tests() -> list[tuple[str, Callable[..., None], list[dict[str, Any]]]]:
    stems = sorted(path.stem for path in _FOLDER.glob("test_*.py") if path.stem not in _APART)
    found = []
    for stem in sorted(stems, key=lambda stem: stem not in _FIRST):
        try:
            module = importlib.import_module(f"tests.losses.{stem}")
        except pytest.skip.Exception:  # a framework that is not installed
            continue
        for name, test in vars(module).items():
            if name.startswith("test_") and test.__module__ == module.__name__:
                sets = list(_sets(test))
                wanted = set(inspect.signature(test).parameters)
                if sets and wanted == set(sets[0]) and {"loss", "variant"} <= wanted:
                    found.append((name, test, sets))
    return found


def _sets(test: Any) -> Iterator[dict[str, Any]]:
    """Yield what a test is called with, for each of its parameter sets."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    columns = []
    for mark in marks:
        names, values = mark.args
        names = names.split(",") if isinstance(names, str) else list(names)
        columns.append([dict(zip(names, _values(one, len(names)), strict=True)) for one in values])
    for parts in itertools.product(*columns) if columns else ():
        yield {name: value for part in parts for name, value in part.items()}


def _values(one: Any, count: int) -> tuple[Any, ...]:
    if hasattr(one, "values") and hasattr(one, "marks"):
        return tuple(one.values)
    return tuple(one) if count > 1 else (one,)
