"""Chooses the form of every number that a kernel computes by measured error."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from lossgen.derive.model import Routine
from lossgen.errors import LossError
from lossgen.lower import ir, lower
from lossgen.lower.check import check
from lossgen.oracle.evaluate import Oracle
from lossgen.oracle.judge import JUDGE
from lossgen.oracle.weights import oracle as knowing_most
from lossgen.paths import package_folder
from lossgen.search.forms import FIRST, forms
from lossgen.search.local import Found, best, both, order, scored
from lossgen.search.points import Output, Points, outputs
from lossgen.search.trees import Forest, plain_kernel, returned
from lossgen.spec.model import Loss, Variant

__all__ = ["Kernels", "choose"]

# Samples of each kind and precision: those that forms are made for, and those that confirm a choice.
SAMPLES, CONFIRMING = 24, 48
# A choice may be less accurate where both pass, on average by so many bits.
_LOOSER = 0.5
SEARCHED = "searched"
# So many of the best forms are tried at the confirming samples.
_TRIED = 8

Kernels = dict[str, ir.Function]


def choose(
    loss: Loss,
    variant: Variant,
    kernels: Kernels,
    derived: Mapping[str, Routine],
    plain: Callable[[], Mapping[str, Routine]],
    known: Mapping[str, Any] | None,
) -> tuple[Kernels, dict[str, Any]]:
    """Return kernels whose failing numbers have a better form, and a record of what was compared.

    Kernels with loops are left as they are.

    Parameters
    ----------
    loss, variant : Loss, Variant
        Whose kernels they are.
    kernels : dict
        By kind.
    derived : mapping
        The routines that they come from, before they were cleaned.
    plain : callable
        Returns routines derived from the formula as it is declared; called where something fails.
    known : mapping, optional
        A record: if it speaks of these kernels, nothing is measured.
    """
    simple = {kind: kernel for kind, kernel in kernels.items() if plain_kernel(kernel)}
    if not simple:
        return kernels, {}
    key = _key(simple)
    record = dict(known) if known is not None and known.get("key") == key else None
    if record is None:
        record = {"key": key, "kernels": _compared(loss, variant, simple, derived, plain)}
    changed = {kind: _with_trees(simple[kind], found) for kind, found in record["kernels"].items()}
    return kernels | changed, record


def _compared(
    loss: Loss,
    variant: Variant,
    kernels: Kernels,
    derived: Mapping[str, Routine],
    plain: Callable[[], Mapping[str, Routine]],
) -> dict[str, Any]:
    """Return what was compared, by kind of kernel and output; what never fails is left out."""
    try:
        oracle = knowing_most(variant.program)
    except (LossError, NotImplementedError):
        # The oracle knows fewer functions than kernels do: then there is no judge.
        return {}
    return _Search(loss, variant, oracle, kernels, derived, plain).record()


def _key(kernels: Kernels) -> str:
    """Hash of the kernels and of everything that a choice depends on."""
    parts = [
        repr((JUDGE, SAMPLES, CONFIRMING)),
        _sources(),
        *(f"{kind} {one}" for kind, one in kernels.items()),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _sources() -> str:
    files = sorted((package_folder() / "search").glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@dataclass(frozen=True)
class _Ranked:
    """What was compared for one number: names and trees, best first."""

    names: tuple[str, ...]
    found: tuple[Found, ...]
    chosen: int | None


class _Search:
    """Compares forms for all kernels of a variant: what several of them compute gets one form."""

    def __init__(
        self,
        loss: Loss,
        variant: Variant,
        oracle: Oracle,
        kernels: Kernels,
        derived: Mapping[str, Routine],
        plain: Callable[[], Mapping[str, Routine]],
    ) -> None:
        self.kernels, self.derived, self.plain = kernels, derived, plain
        self.points = Points(loss, variant, oracle, SAMPLES, 0)
        self.others = Points(loss, variant, oracle, CONFIRMING, 1)
        arguments = dict.fromkeys(a for kernel in kernels.values() for a in kernel.arguments)
        self.forests = {wide: Forest(self.points, arguments, wide) for wide in (False, True)}
        self.confirming = {wide: Forest(self.others, arguments, wide) for wide in (False, True)}
        self.done: dict[tuple[bool, int, str, str | None], _Ranked | None] = {}
        self._plain: Mapping[str, Routine] | None = None

    def record(self) -> dict[str, Any]:
        """Return what was compared."""
        found: dict[str, Any] = {}
        for kind, kernel in self.kernels.items():
            forest = self.forests[kernel.wide]
            planted = forest.plant(kernel)
            for output in outputs(kind, kernel):
                key = (kernel.wide, planted[output.name], output.kind, output.tensor)
                if key not in self.done:
                    self.done[key] = self._ranked(kind, kernel, output, planted[output.name])
                ranked = self.done[key]
                if ranked is not None:
                    found.setdefault(kind, {})[output.name] = _described(forest, ranked)
        return found

    def _ranked(self, kind: str, kernel: ir.Function, output: Output, tree: int) -> _Ranked | None:
        forest = self.forests[kernel.wide]
        own = scored(forest, self.points, output, tree)
        if not own.score.failed:
            return None
        compared = {FIRST: own}
        for name, other in self._forms(kind, kernel):
            made = forest.plant(other).get(output.name)
            if made is not None:
                compared[name] = scored(forest, self.points, output, made)
        pool = best(forest, self.points, output, [one.tree for one in compared.values()])
        pool = sorted({*pool, *compared.values()}, key=order)
        pool = sorted([*pool, *both(forest, self.points, output, pool)], key=order)
        tried = [one for one in pool if one.score.failed < own.score.failed][:_TRIED]
        winner = next((one for one in tried if self._better(forest, output, one, own)), own)
        if winner.tree not in {one.tree for one in compared.values()}:
            compared[SEARCHED] = winner
        names = sorted(compared, key=lambda name: (compared[name] != winner, order(compared[name])))
        chosen = None if winner == own else winner.tree
        return _Ranked(tuple(names), tuple(compared[name] for name in names), chosen)

    def _forms(self, kind: str, kernel: ir.Function) -> Iterator[tuple[str, ir.Function]]:
        if self._plain is None:
            self._plain = self.plain()
        for name, routine in forms(self.derived[kind], self._plain.get(kind)):
            other = lower(routine)
            if plain_kernel(other) and other.wide == kernel.wide:
                yield name, other

    def _better(self, forest: Forest, output: Output, new: Found, old: Found) -> bool:
        """Whether a form is better than the first one, at other samples too, and none beyond numbers."""
        if not self.points.agree_beyond(*(forest.values(found.tree) for found in (old, new))):
            return False
        fresh = self.confirming[forest.wide]
        one, two = (
            scored(fresh, self.others, output, fresh.transplanted(forest, found.tree)).score
            for found in (new, old)
        )
        return one.failed <= two.failed and one.bits <= two.bits + _LOOSER


def _described(forest: Forest, ranked: _Ranked) -> dict[str, Any]:
    """Return an entry of the record; `tree` is there if another form than the first was chosen."""
    rows = [
        {
            "form": name,
            "failed": one.score.failed,
            "of": one.score.of,
            "bits": one.score.bits,
            "cost": one.score.cost,
        }
        for name, one in zip(ranked.names, ranked.found, strict=True)
    ]
    return {"candidates": rows} | ({} if ranked.chosen is None else {"tree": forest.written(ranked.chosen)})


def _with_trees(kernel: ir.Function, record: Mapping[str, Any]) -> ir.Function:
    """Return a kernel with the recorded trees in place of its own."""
    trees = {name: one["tree"] for name, one in record.items() if "tree" in one}
    if not trees:
        return kernel
    forest = Forest(None, kernel.arguments, kernel.wide)
    names = forest.named(kernel)
    planted = {name: forest.read(tree) for name, tree in trees.items()}
    body = list(kernel.body)
    taken = {
        *(a.name for a in kernel.arguments),
        *(s.name for s in ir.statements(kernel.body) if hasattr(s, "name")),
    }
    for number in forest.shared(list(planted.values())):
        if number not in names:
            name = next(name for k in range(len(taken) + 1) if (name := f"part{k}") not in taken)
            taken.add(name)
            body.append(ir.Let(name, "float", forest.expression(number, names)))
            names[number] = name
    returns = tuple(
        forest.expression(planted[name], names) if name in planted else value
        for name, value in zip(returned(kernel), kernel.returns, strict=True)
    )
    return check(replace(kernel, body=_used(body, returns), returns=returns))


def _used(body: Iterable[ir.Stmt], returns: tuple[ir.Expr, ...]) -> tuple[ir.Stmt, ...]:
    """Return the statements of which something is left."""
    needed = {e.name for value in returns for e in ir.subexpressions(value) if isinstance(e, ir.Var)}
    kept: list[ir.Stmt] = []
    for statement in reversed(list(body)):
        assert isinstance(statement, ir.Let | ir.Choose)
        if statement.name in needed:
            kept.append(statement)
            needed |= {e.name for e in ir.expressions((statement,)) if isinstance(e, ir.Var)}
    return tuple(reversed(kept))
