"""What a rewrite rule is, and the sample tensors that rules show themselves on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from lossgen.algebra.axes import Axis, Index
from lossgen.algebra.tensors import Element, Tensor

PHASES = ("lift", "join", "clean", "value", "guard", "range")


@dataclass(frozen=True)
class Rule:
    """One exact identity, read from left to right.

    Attributes
    ----------
    name : str
        Short name, for records and tests.
    phases : tuple of str
        When it runs: ``lift`` before differentiation, ``join`` right after it, ``clean`` then, ``value``
        with it and on values only (it would bloat a derivative), ``guard`` at the end of both, ``range``
        last of all.
    doc : str
        What it avoids.
    heads : tuple of type
        Node types that it looks at.
    apply : callable
        Returns the rewritten node, or None where the rule does not apply.
    examples : callable
        Returns expressions over the sample tensors on which the rule fires; its own test.
    """

    name: str
    phases: tuple[str, ...]
    doc: str
    heads: tuple[type, ...]
    apply: Callable[[sp.Expr], sp.Expr | None]
    examples: Callable[[], tuple[sp.Expr, ...]]


@dataclass(frozen=True)
class Rewrite:
    """One firing of a rule, an exact identity that a test can check; or a tensor and the one that holds its
    logarithms.
    """

    rule: str
    before: sp.Basic
    after: sp.Basic


def _number(name: str, domain: str, role: str = "pred") -> Element:
    return Tensor(name, (), "float", role, domain)[()]


AXIS = Axis("C")
I, J = Index("i", AXIS), Index("j", AXIS)  # noqa: E741 - sums run over it, as on paper
X, Z = _number("x", "real"), _number("z", "real")
T, S = _number("t", "unit", "target"), _number("s", "unit", "param")
W = _number("w", "nonnegative", "param")
P, Q = _number("p", "positive"), _number("q", "positive", "param")
N = -_number("n", "positive")
K = Tensor("k", (), "int", "class")[()]
V = Tensor("v", (AXIS,), "float", "pred")
U = Tensor("u", (AXIS,), "float", "pred")
M = Tensor("m", (AXIS,), "float", "per_class", "positive")
