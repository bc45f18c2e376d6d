"""How a loss became its kernels: what was derived, which rules fired, and why each branch is there."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sympy as sp
from sympy.logic.boolalg import Boolean

from lossgen.algebra.nodes import Where
from lossgen.backends.base import Unit
from lossgen.backends.names import PACKAGE
from lossgen.backends.registry import BACKENDS
from lossgen.derive.model import Routine
from lossgen.emit.choices import read_choices
from lossgen.emit.plain import assigned_text, formula_text, plain
from lossgen.emit.render import module_text
from lossgen.paths import generated_folder, specs_folder
from lossgen.pipeline.make import blamed, origin
from lossgen.pipeline.names import kernel_names, with_names
from lossgen.pipeline.staged import Staged, staged
from lossgen.pipeline.variant import compile_variant
from lossgen.spec.model import Loss, Variant
from lossgen.spec.program import Program, Sort, Stage
from lossgen.stabilize.rule import Rewrite
from lossgen.stabilize.rules import RULES

__all__ = ["Branch", "Compared", "Explanation", "Fired", "Output", "explain"]

# Kinds of kernels that are explained; the others are made of the same expressions.
KINDS = {
    "value": "Value",
    "gradient": "Gradient",
    "hessian": "Hessian diagonal",
    "bound": "Upper bound of the curvature",
    "irls": "Weight of reweighted least squares",
}
_DOCS = {rule.name: " ".join(rule.doc.split()) for rule in RULES} | {
    "kept-as-logarithm": "entries that overflow or vanish although their logarithms do not",
    "series": "the digits that a sum of nearly opposite terms loses",
}


@dataclass(frozen=True)
class Fired:
    """A rule that fired: what it avoids, and its first rewriting out of so many."""

    rule: str
    avoids: str
    before: str
    after: str
    times: int


@dataclass(frozen=True)
class Branch:
    """A choice that a kernel makes, and where it comes from."""

    condition: str
    reason: str


@dataclass(frozen=True)
class Compared:
    """A form of one number of a kernel: it fails at `failed` of so many samples; `bits` is the mean error."""

    output: str
    form: str
    failed: int
    of: int
    bits: float
    cost: int
    chosen: bool


@dataclass(frozen=True)
class Output:
    """One kernel: derived form, rules fired after derivation, stable form, branches, the forms compared
    where that one fails, generated code, and the functions that the code calls, by name.
    """

    kind: str
    title: str
    derived: str
    rules: tuple[Fired, ...]
    form: str
    branches: tuple[Branch, ...]
    compared: tuple[Compared, ...]
    code: str
    helpers: dict[str, str]


@dataclass(frozen=True)
class Explanation:
    """Everything about one variant of a loss."""

    name: str
    variant: str
    declared: str
    rules: tuple[Fired, ...]
    lifted: str
    outputs: tuple[Output, ...]


def explain(loss: Loss, variant: Variant, specs: Path) -> Explanation:
    """Run a variant through the stages and keep what each did.

    Parameters
    ----------
    loss, variant : Loss, Variant
        What to explain.
    specs : Path
        Where it is declared.
    """
    names = kernel_names(loss)
    alone = with_names(replace(loss, variants=(variant,)), names)
    with blamed(loss):
        made = staged(alone.variants[0])
        own = specs.resolve() == specs_folder().resolve()
        known = read_choices(generated_folder(), loss.name).get(variant.suffix) if own else None
        compiled = compile_variant(alone, alone.variants[0], made, known)
        backend = BACKENDS[PACKAGE]
        unit = Unit(loss, origin(loss, specs), (compiled.kernels,))
        text = module_text(backend, unit)
    program = alone.variants[0].program
    declared = _conditions(_program_parts(program)) | _conditions(_program_parts(made.lifted))
    return Explanation(
        loss.name,
        variant.suffix,
        formula_text(variant.program),
        _fired(made.lifting),
        formula_text(made.lifted),
        tuple(
            _output(kind, made, declared, compiled.choices.get("kernels", {}).get(kind, {}), text)
            for kind in KINDS
            if kind in made.derived
        ),
    )


def _output(kind: str, made: Staged, declared: set[Boolean], choices: Mapping[str, Any], text: str) -> Output:
    record = made.record[kind]
    rewrites = [rewrite for rewrite in (*made.lifting, *record) if rewrite.rule in _DOCS]
    found = _conditions(_routine_parts(made.branched[kind]))
    branches = tuple(
        Branch(plain(condition, named=True), _reason(condition, declared, rewrites))
        for condition in sorted(found, key=sp.default_sort_key)
    )
    forms = _form(made.derived[kind]), _fired(record), _form(made.cleaned[kind])
    return Output(kind, KINDS[kind], *forms, branches, tuple(_compared(choices)), *_code(kind, text))


def _compared(choices: Mapping[str, Any]) -> Iterator[Compared]:
    """Yield the forms that were compared, the chosen one of each number first."""
    for output, record in choices.items():
        name = "value" if output.startswith("result") else output
        for rank, one in enumerate(record["candidates"]):
            yield Compared(
                name, one["form"], one["failed"], one["of"], one["bits"], one["cost"], chosen=rank == 0
            )


def _fired(record: Iterable[Rewrite]) -> tuple[Fired, ...]:
    """Count the firings of each rule, in the order of their first."""
    first: dict[str, Rewrite] = {}
    times: dict[str, int] = {}
    for one in record:
        first.setdefault(one.rule, one)
        times[one.rule] = times.get(one.rule, 0) + 1
    return tuple(
        Fired(
            name,
            _DOCS.get(name, ""),
            plain(one.before, named=True),
            plain(one.after, named=True),
            times[name],
        )
        for name, one in first.items()
    )


def _program_parts(program: Program) -> list[sp.Basic]:
    return [*_stage_parts(program.stages), *(term.value for term in program.terms)]


def _routine_parts(routine: Routine) -> list[sp.Basic]:
    return [*_stage_parts(routine.steps), *routine.results]


def _stage_parts(stages: Sequence[Stage]) -> list[sp.Basic]:
    return [
        part
        for stage in stages
        for part in ([stage.key] if isinstance(stage, Sort) else [assign.expr for assign in stage.body])
    ]


def _conditions(parts: Iterable[sp.Basic]) -> set[Boolean]:
    """Conditions of every choice; those inside reductions come with their bound index."""
    return {node.args[0] for part in parts for node in part.atoms(Where)}


def _reason(condition: Boolean, declared: set[Boolean], made: Sequence[Rewrite]) -> str:
    for rewrite in made:
        if condition in _conditions([rewrite.after]) and condition not in _conditions([rewrite.before]):
            return f"{rewrite.rule}: {_DOCS[rewrite.rule]}"
    if condition in declared:
        return "declared"
    if isinstance(condition, sp.Eq) and all(side.is_integer for side in condition.args):
        return "the derivative by an entry differs at the position that the formula picks"
    return "the derivative differs on the two sides of a kink"


def _form(routine: Routine) -> str:
    """The assignments of a routine, locals and outputs, then the sums over its items."""
    lines = [
        assigned_text(assign)
        for stage in routine.steps
        for assign in (() if isinstance(stage, Sort) else stage.body)
    ]
    if routine.kind == "value":
        lines += [f"value = {plain(result, named=True)}" for result in routine.results]
    return "\n".join(lines)


def _code(kind: str, text: str) -> tuple[str, dict[str, str]]:
    """Take the function of one sample, and the helpers that it calls, out of a generated module."""
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    wanted = [f"_{kind}"]
    for name in wanted:
        called = {node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)}
        wanted += [one for one in functions if one in called and one not in wanted]
    lines = text.splitlines()
    texts = {
        name: "\n".join(lines[node.lineno - 1 : node.end_lineno])
        for name, node in functions.items()
        if name in wanted
    }
    return texts.pop(wanted[0]), texts
