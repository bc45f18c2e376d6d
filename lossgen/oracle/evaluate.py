"""The exact value and derivatives of a program at one sample, certified.

Derivatives are coefficients of power series along directions of the inputs, so they owe nothing to lossgen's
own differentiator. Inputs are exact dyadic numbers; the precision is doubled until every comparison is
decided and the result is known far below one ulp.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx

from lossgen.oracle import series
from lossgen.oracle.fractions import joined
from lossgen.oracle.moves import Moves, Reads, Through, watched
from lossgen.oracle.series import Ball, SingularError, UndecidedError
from lossgen.oracle.source import program_code
from lossgen.spec.model import Program

FIRST_BITS = 128
LAST_BITS = 8192
# Number of the sum over terms and items, among the sums whose terms may be moved.
ITEMS = -1
# From here on the joined form of the program is tried as well: the same mathematics over common denominators.
_JOINED_BITS = 1024

Array = np.ndarray[Any, Any]
Place = tuple[str, tuple[int, ...]]
Direction = tuple[tuple[Place, Any], ...]
# Directions that go with e, e^2, e^3 ... of the series.
Curve = tuple[Direction, ...]


@dataclass
class Case:
    """The inputs of one sample: for each tensor and parameter an array over its axes."""

    inputs: dict[str, Array]

    def moved(self, place: Place, value: Any) -> Case:
        """Return a copy with one entry replaced."""
        name, position = place
        array = np.array(self.inputs[name])
        array[position] = value
        return Case({**self.inputs, name: array})


@dataclass(frozen=True)
class Request:
    """One number asked of the oracle: ``value``, ``gradient``, ``hessian`` (its diagonal) or ``hvp``.

    Attributes
    ----------
    place : Place, optional
        The entry by which is differentiated.
    item : tuple of int, optional
        For a value, the item, summed over the terms; None is the sum over all terms and items.
    tangent : Direction
        For ``hvp`` the vector.
    """

    kind: str
    place: Place | None = None
    item: tuple[int, ...] | None = None
    tangent: Direction = ()


@dataclass(frozen=True)
class Truth:
    """A certified number, or why there is none.

    Attributes
    ----------
    ball : arb or None
        Encloses the exact result far below an ulp; may be an exact infinity.
    status : str
        ``ok``, ``undefined`` (no finite exact derivative exists) or ``uncertified``.
    """

    ball: Ball | None
    status: str = "ok"

    def __float__(self) -> float:
        return float("nan") if self.ball is None else float(self.ball.mid())


class Oracle:
    """Judge of one program: compiles its exact expression once, evaluates it at any sample."""

    def __init__(self, program: Program, last_bits: int = LAST_BITS) -> None:
        self.program = program
        self.last_bits = last_bits
        self._plain = _compiled(program)
        simpler = joined(program)
        self._joined = None if simpler == program else _compiled(simpler)
        self.sums = self._plain["sums"]
        self._bits = FIRST_BITS

    def truth(
        self, case: Case, request: Request, dtype: Any = np.float64, moves: Mapping[Any, Any] | None = None
    ) -> Truth:
        """Return the certified result of a request at a sample.

        Parameters
        ----------
        dtype : numpy dtype
            The result must be known far below one ulp of this type.
        moves : mapping, optional
            Share by which the terms of a sum (its number in ``sums``, a pattern) or the logarithm of an entry
            of a positive recurrence are moved.
        """
        run = Run(self, case, moves or {})
        bits = self._bits
        while bits <= self.last_bits:
            for code in (self._plain, self._joined if bits >= _JOINED_BITS else None):
                if code is None:
                    continue
                with ctx.workprec(bits):
                    series.infinities.met = 0
                    try:
                        ball = run.number(code, request)
                    except UndecidedError:
                        continue
                    except SingularError:
                        return Truth(None, "undefined")
                    if ball.is_nan() and series.infinities.met:
                        return Truth(None, "undefined")
                    if _certified(ball, dtype):
                        self._bits = max(FIRST_BITS, bits // 2)
                        return Truth(ball)
            bits *= 2
        return Truth(None, "uncertified")

    def divisor(self, case: Case) -> list[dict[tuple[int, ...], tuple[float, float] | None]]:
        """Return what each item of each term adds to the divisor of the mean, and its factor."""
        with ctx.workprec(256), _order(1):
            outputs = self._plain["divisor"](_numbers(case, ()), sizes_of(self.program, case), None)
        return [
            {
                item: None if parts is None else (float(parts[0][0].mid()), float(parts[1][0].mid()))
                for item, parts in out.items()
            }
            for out in outputs
        ]

    def observed(self, case: Case) -> Moves:
        """Return the sums of absolute terms of an evaluation and the entries of its positive recurrences."""
        moves = Moves()
        # What was added up before a failure counts: these are bounds that tell an overflow. The precision
        # holds the exponential of any float64.
        with ctx.workprec(2048), _order(1), suppress(UndecidedError, SingularError):
            self._plain["loss"](_numbers(case, ()), sizes_of(self.program, case), moves)
        return moves

    def reads(self, case: Case, place: Place) -> bool:
        """Whether the value at this sample depends on an entry: branches that are not taken read nothing."""
        read = Reads()
        with ctx.workprec(512), _order(1):
            self._plain["loss"](watched(_numbers(case, ()), place, read), sizes_of(self.program, case), None)
        return read.any


class Run:
    """Evaluations at one sample; series along equal directions at equal precision are computed once."""

    def __init__(self, oracle: Oracle, case: Case, shares: Mapping[Any, Any]) -> None:
        self.oracle, self.case, self.shares = oracle, case, shares
        self.sizes = sizes_of(oracle.program, case)
        self._done: dict[Any, Any] = {}

    def number(self, code: Mapping[str, Any], request: Request) -> Ball:
        """Return the ball of a request at the current precision."""
        if request.kind == "value":
            return self._value(code, request.item)
        assert request.place is not None
        unit: Direction = ((request.place, 1),)
        if request.kind == "gradient":
            return self.total(code, (unit,), series.FIRST)[1]
        if request.kind == "hessian":
            return 2 * self.total(code, (unit,), series.SECOND)[2]
        return self.total(code, ((), unit, request.tangent), series.MIXED)[5]

    def _value(self, code: Mapping[str, Any], item: tuple[int, ...] | None) -> Ball:
        if item is None:
            return self.total(code, (), 1)[0]
        result = arb(0)
        for term, out in zip(self.oracle.program.terms, self._outputs(code, (), 1), strict=True):
            if (parts := out[item]) is not None:
                result += parts[0][0] * term.coefficient.p / term.coefficient.q
        return result

    def total(self, code: Mapping[str, Any], curve: Curve, cap: int) -> Any:
        """Return the series of ``sum(coefficient * value)`` over terms and items."""
        share = self.shares.get(ITEMS)
        with _order(cap):
            result = series.constant(0)
            for term, out in zip(self.oracle.program.terms, self._outputs(code, curve, cap), strict=True):
                coefficient = arb(term.coefficient.p) / term.coefficient.q
                for parts in out.values():
                    if parts is not None:
                        part = parts[0] * coefficient
                        # What is asked for is the last coefficient: each item's
                        # share moves it away from zero.
                        away = 0 if share is None else share if part[cap - 1] > 0 else -share
                        result = result + part * (1 + arb(away))
            return result

    def _outputs(self, code: Mapping[str, Any], curve: Curve, cap: int) -> Any:
        key = (id(code), curve, cap, ctx.prec)
        if key not in self._done:
            sums = {node: arb(share) for node, share in self.shares.items() if node != ITEMS}
            moves = Moves(sums)
            with _order(cap):
                inputs = _numbers(self.case, curve)
                for one in (one for one in sums if isinstance(one, Through)):
                    inputs = watched(inputs, one.place, functools.partial(moves.read, one.place))
                self._done[key] = code["loss"](inputs, self.sizes, moves if sums else None)
        return self._done[key]


def _compiled(program: Program) -> dict[str, Any]:
    source, sums = program_code(program)
    names: dict[str, Any] = {f"{name}_": function for name, function in series.FUNCTIONS.items()}
    for helper in (
        "compare",
        "order",
        "varying",
        "constant",
        "maximum",
        "minimum",
        "divide",
        "integer_power",
        "power",
    ):
        names[helper] = getattr(series, helper)
    names["arb"] = arb
    exec(compile(source, "<oracle>", "exec"), names)  # the source is our own print of a checked expression
    return {"loss": names["loss"], "divisor": names["divisor"], "sums": sums, "source": source}


@contextmanager
def _order(cap: int) -> Iterator[None]:
    before = ctx.cap
    ctx.cap = cap
    try:
        yield
    finally:
        ctx.cap = before


def _numbers(case: Case, curve: Curve) -> dict[str, dict[tuple[int, ...], Any]]:
    slopes = [dict(direction) for direction in curve]
    inputs: dict[str, dict[tuple[int, ...], Any]] = {}
    for name, array in case.inputs.items():
        entries: dict[tuple[int, ...], Any] = {}
        for position in np.ndindex(array.shape):
            number = array[position]
            if array.dtype.kind in "iu":
                entries[position] = int(number)
                continue
            higher = [arb(slope.get((name, position), 0)) for slope in slopes]
            entries[position] = arb_series([arb(float(number)), *higher])
        inputs[name] = entries
    return inputs


def sizes_of(program: Program, case: Case) -> dict[str, int]:
    """Return the extent of each axis in a sample."""
    shapes = [(tensor.axes, case.inputs[tensor.name].shape) for tensor in program.inputs]
    return {axis.name: size for axes, shape in shapes for axis, size in zip(axes, shape, strict=True)}


def _certified(ball: Ball, dtype: Any) -> bool:
    if not ball.is_finite():
        # An infinity with a finite radius is exact; a finite middle with an infinite radius is an
        # overflow of the ball.
        return bool(ball.rad().is_finite() and not ball.is_nan())
    info = np.finfo(dtype)
    margin = arb(2) ** (-info.nmant - 12)
    if ball.rad() <= abs(ball.mid()) * margin:
        return True
    return bool(ball.rad() <= arb(float(info.smallest_subnormal)) / 1024)
