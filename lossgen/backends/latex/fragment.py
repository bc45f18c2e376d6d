"""One loss as the variables of its template: its arguments in a table, each variant's formulas in lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from lossgen.algebra.tensors import Tensor, unweighted
from lossgen.backends.base import Unit, VariantKernels
from lossgen.backends.latex.layout import broken
from lossgen.backends.latex.naming import named
from lossgen.backends.latex.printer import definitions, latex, spoken
from lossgen.backends.latex.prose import code, prose
from lossgen.derive.model import Routine
from lossgen.spec.model import Loss, Parameter
from lossgen.spec.program import Assign, Sort, Stage, Sweep

__all__ = ["context", "document"]

_DOMAINS = {
    "real": r"$\mathbb{R}$",
    "positive": r"$(0, \infty)$",
    "nonnegative": r"$[0, \infty)$",
    "unit": "$[0, 1]$",
    "binary": r"$\{0, 1\}$",
    "sign": r"$\{-1, 1\}$",
}
_INTEGERS = {"class": "class", "labels": "classes", "length": "length", "position": "class"}
_ORDERS = {"grad_": "", "hess_": "^2"}


def context(unit: Unit) -> dict[str, Any]:
    """Return the variables of the fragment's template."""
    loss = unit.loss
    several = len(unit.variants) > 1
    return {
        "origin": unit.origin,
        "name": _group(prose(loss.name)),
        "summary": _group(prose(loss.summary)),
        "source": prose(loss.source),
        "arguments": [_argument(parameter) for parameter in loss.parameters],
        "variants": [
            {"title": _group(_title(variant, loss)) if several else "", "parts": _parts(variant)}
            for variant in unit.variants
        ],
    }


def document(losses: Sequence[Loss]) -> dict[str, Any]:
    """Return the variables of the document's template: the losses by family."""
    families = sorted({loss.family for loss in losses})
    return {
        "families": [
            {
                "title": _group(prose(family.capitalize())),
                "losses": [_group(loss.name) for loss in losses if loss.family == family],
            }
            for family in families
        ]
    }


def _group(text: str) -> str:
    return f"{{{text}}}"


def _title(variant: VariantKernels, loss: Loss) -> str:
    """Name the choices that are not the usual ones."""
    usual = {parameter.name: parameter.default_choice for parameter in loss.parameters if parameter.static}
    chosen = [f"{name} = {value}" for name, value in variant.static if usual[name] != value]
    return prose(", ".join(chosen) or "Usual choices")


def _argument(parameter: Parameter) -> str:
    shape = r" \times ".join(axis.name for axis in parameter.axes)
    shape = shape or (parameter.over.name if parameter.over is not None else "")
    default = "" if parameter.default is None else code(str(parameter.default))
    cells = [code(parameter.name), f"${shape}$" if shape else "", _values(parameter), default]
    return " & ".join([*cells, prose(parameter.doc)])


def _values(parameter: Parameter) -> str:
    other = parameter.other
    if parameter.static and not parameter.optional:
        listed = [code(str(choice)) for choice in parameter.choices]
        return ", ".join([*listed, *([] if other is None else [_DOMAINS[other.domain]])])
    if parameter.kind in _INTEGERS:
        return _INTEGERS[parameter.kind]
    domain = r"$\mathbb{Z}$" if parameter.dtype == "int" else _DOMAINS[parameter.domain]
    if parameter.limit is None:
        return domain
    relation = r"\le" if parameter.limit.included else "<"
    return rf"{domain}, ${relation} {parameter.limit.number:g}$"


def _parts(variant: VariantKernels) -> list[dict[str, Any]]:
    routines = {kernel.kind: kernel.routine for kernel in variant.kernels}
    assert variant.program is not None
    value = _lines(definitions(variant.program))
    keep = variant.program.terms[0].keep
    if keep != sp.true:
        value.append(_group(rf"\text{{for samples with }} {latex(keep)}"))
    parts = [{"title": "Value", "lines": value}]
    coupled = any(term.items for term in variant.program.terms)
    for title, kind, prefix in (("Gradient", "gradient", "grad_"), ("Hessian diagonal", "hessian", "hess_")):
        if kind in routines:
            parts.append({"title": title, "lines": _lines(_derived(routines[kind], prefix, coupled))})
        elif kind == "hessian" and variant.no_hessian is not None:
            title = f"No Hessian diagonal: {variant.no_hessian}; its products with vectors are computed."
            parts.append({"title": prose(title), "lines": []})
    return [{**part, "title": _group(str(part["title"]))} for part in parts]


def _lines(statements: Sequence[tuple[str, sp.Expr, str]]) -> list[str]:
    """Return lines of mathematics: what is said twice is named first."""
    names, exprs = named([spoken(expr) for _, expr, _ in statements])
    rest = iter(exprs)
    lines = [rf"{latex(name[()])} = {broken(expr)}" for name, expr in names]
    for left, _, after in statements:
        lines.append(f"{left} {broken(next(rest))}{after}")
    return [_group(line) for line in lines]


def _derived(routine: Routine, prefix: str, coupled: bool) -> list[tuple[str, sp.Expr, str]]:
    """Return the statements that the outputs of this prefix need, as left side, expression, remark."""
    needed = {tensor for tensor in routine.outputs if tensor.name.startswith(prefix)}
    found: list[tuple[str, sp.Expr, str]] = []
    alone = sum(tensor.role == "scale" for tensor in routine.inputs) <= 1
    for step in reversed(routine.steps):
        for left, assign_expr, after, target in reversed(list(_statements(step, coupled, alone))):
            if target in needed:
                needed |= assign_expr.atoms(Tensor) - set(routine.outputs)
                found.append((left, assign_expr, after))
    return found[::-1]


def _statements(step: Stage, coupled: bool, alone: bool) -> Iterable[tuple[str, sp.Expr, str, Tensor]]:
    if isinstance(step, Sort):
        direction = ", descending" if step.descending else ""
        yield (
            rf"{latex(step.order[step.index])} = \operatorname{{argsort}}_{{{latex(step.index)}}}",
            step.key,
            rf"\quad\text{{(stable{direction})}}",
            step.order,
        )
        return
    for assign in step.body:
        yield (
            _left(assign, coupled),
            unweighted(assign.expr, ("weight", "scale") if alone else ("weight",)),
            _after(step, assign),
            assign.target.tensor,
        )


def _left(assign: Assign, coupled: bool) -> str:
    tensor = assign.target.tensor
    sign = r"\mathrel{+}=" if assign.add else "="
    prefix = tensor.name[:5]
    if tensor.role != "output" or prefix not in _ORDERS:
        return f"{latex(assign.target)} {sign}"
    by = latex(Tensor(tensor.name[5:], tensor.axes)[assign.target.positions])
    order = _ORDERS[prefix]
    above = "L" if coupled else r"\ell"
    power = f"{{{by}}}{order}" if order else by
    return rf"\frac{{\partial{order} {above}}}{{\partial {power}}} {sign}"


def _after(step: Sweep, assign: Assign) -> str:
    said = []
    if assign.guard != sp.true:
        said.append(rf"\text{{if }} {latex(assign.guard)}")
    if assign.add or step.reverse:
        indices = ", ".join(map(latex, step.indices))
        said.append(rf"\text{{for all }} {indices}" + (r"\text{ downwards}" if step.reverse else ""))
    return "".join(rf",\quad {part}" for part in said)
