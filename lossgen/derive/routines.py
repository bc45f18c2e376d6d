"""From a program to the routines of its kernels: value, gradients, Hessian diagonal, Hessian-vector product,
prepass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from lossgen.algebra.nodes import Detach, Reduction
from lossgen.algebra.tensors import Element, Tensor, tensors
from lossgen.derive.adjoint import Adjoints, free_indices
from lossgen.derive.differentiate import derivative
from lossgen.derive.keep import common_items, common_keep, indices_needed, settled
from lossgen.derive.model import Prepass, Routine
from lossgen.derive.tangent import tangent
from lossgen.spec.program import Assign, Program, Sort, Stage, Sweep, Term
from lossgen.spec.roles import INDEX_ROLES


def routines(program: Program) -> dict[str, Routine]:
    """Return every routine that the program has, by kind.

    ``hessian`` is missing where `no_hessian` gives a reason, ``values`` where terms differ in their items.
    """
    program = settled(program)
    found = {
        "value": _value(program),
        "gradient": _gradient(program, "gradient", program.predictions),
        "gradient_all": _gradient(program, "gradient_all", program.differentiable),
        "hvp": _hvp(program),
    }
    if common_items(program) is not None:
        found["values"] = _values(program)
    if no_hessian(program) is None:
        found["hessian"] = _hessian(program)
    return found


def no_hessian(program: Program) -> str | None:
    """Return why the Hessian diagonal is not offered, or None where it costs no more than the gradient."""
    if common_items(program) is None:
        return "its terms differ in shape"
    if any(_depends(stage, program) for stage in program.stages):
        return "intermediate stages couple its arguments: the diagonal costs far more than the gradient"
    if any(node.op == "norm" for term in program.terms for node in term.value.atoms(Reduction)):
        # 1/n - x[k]**2/n**3 loses every digit for the largest entry; what is left is a sum over the others.
        return "an accurate diagonal of a norm needs a sum over all other entries for every entry"
    gradients = _gradients(program, program.predictions)
    slope = max((_depth(assign.expr) for _, assign in gradients), default=0)
    curvature = max(
        (_depth(derivative(assign.expr, _source(assign, x))) for x, assign in gradients), default=0
    )
    if curvature > slope:
        return "the diagonal needs deeper sums than the gradient"
    return None


def prepass(program: Program) -> Prepass | None:
    """Return what depends on targets and parameters alone, or None where there is nothing to compute or
    check.
    """
    checked = _checked(program)
    parts = [e for term in program.terms for e in (term.keep, term.mean_by, term.mean_scale)]
    if not checked and all(part in (sp.true, sp.S.One) for part in parts):
        return None
    read = set(checked).union(*map(tensors, parts))
    inputs = tuple(tensor for tensor in program.inputs if tensor in read)
    terms = settled(program).terms
    return Prepass(
        inputs=inputs,
        divisors=tuple(term.mean_by for term in terms),
        items=tuple(term.items for term in terms),
        weight=weight_of(program),
        mean_scale=terms[0].mean_scale,
        keep=common_keep(program),
        needed=indices_needed(program),
        extents=program.extents,
    )


def _checked(program: Program) -> list[Tensor]:
    return [tensor for tensor in program.inputs if tensor.role in INDEX_ROLES]


def weight_of(program: Program) -> Tensor:
    """Return the weight of a sample, or of its items."""
    items = common_items(program) or ()
    return Tensor("weight", tuple(index.axis for index in items), role="weight")


def _scales(program: Program) -> tuple[Tensor, ...]:
    return tuple(Tensor(f"scale{position}", role="scale") for position in range(len(program.terms)))


def _numerator(term: Term, weight: Tensor) -> sp.Expr:
    """Sum over the items of a term of weight * value; where terms differ in their items, the weight is that
    of the sample.
    """
    total = Element(weight, *(term.items if weight.axes else ())) * term.value
    for index in reversed(term.items):  # the first axis outermost, as entries lie in memory
        total = Reduction("sum", total, index)
    return total


def _attached(expr: sp.Expr) -> sp.Expr:
    """The value of an expression: what is detached counts in full."""
    return expr.replace(lambda node: isinstance(node, Detach), lambda node: node.args[0])


def _results(program: Program) -> tuple[sp.Expr, ...]:
    weight = weight_of(program)
    return tuple(_attached(_numerator(term, weight)) for term in program.terms)


def _routine(
    program: Program,
    kind: str,
    outputs: Sequence[Tensor],
    steps: Sequence[Stage],
    results: Sequence[sp.Expr],
    extra: Sequence[Tensor] = (),
    scaled: bool = True,
) -> Routine:
    inputs = (*program.inputs, *extra, weight_of(program), *(_scales(program) if scaled else ()))
    return Routine(
        kind, inputs, tuple(outputs), tuple(steps), tuple(results), program.terms[0].keep, program.extents
    )


def _primal(program: Program) -> list[Stage]:
    stages: list[Stage] = []
    for stage in program.stages:
        if isinstance(stage, Sort):
            stages.append(Sort(stage.order, stage.index, _attached(stage.key), stage.descending))
        else:
            body = tuple(Assign(a.target, _attached(a.expr), a.add, a.guard) for a in stage.body)
            stages.append(Sweep(stage.indices, body, stage.reverse, stage.positive))
    return stages


def _value(program: Program) -> Routine:
    return _routine(program, "value", (), _primal(program), _results(program), scaled=False)


def _values(program: Program) -> Routine:
    items, weight = program.terms[0].items, weight_of(program)
    out = Tensor("out", weight.axes, role="output")
    total = sp.Add(*(term.coefficient * _attached(term.value) for term in program.terms))
    store = Sweep(items, (Assign(Element(out, *items), Element(weight, *items) * total),))
    return _routine(program, "values", (out,), [*_primal(program), store], (), scaled=False)


def _total(program: Program) -> sp.Expr:
    weight = weight_of(program)
    pairs = zip(program.terms, _scales(program), strict=True)
    return sp.Add(*(Element(scale) * _numerator(term, weight) for term, scale in pairs))


def _output(tensor: Tensor, prefix: str) -> Tensor:
    return Tensor(f"{prefix}_{tensor.name}", tensor.axes, role="output")


def _depends(stage: Stage, program: Program) -> bool:
    return not isinstance(stage, Sort) and any(
        tensor.role in ("pred", "local") and tensor.dtype == "float"
        for assign in stage.body
        for tensor in tensors(assign.expr)
        if tensor != assign.target.tensor
    )


def _gradient_steps(program: Program, wanted: Sequence[Tensor]) -> list[Stage]:
    """Sweeps that write ``grad_<name>`` for each wanted input, after the program's own stages."""
    outputs = {tensor: _output(tensor, "grad") for tensor in wanted}
    adjoints = Adjoints(outputs)
    locals_ = [tensor for s in program.stages if isinstance(s, Sweep) for tensor in s.written]
    adjoints.seed(_total(program), [*locals_, *wanted])
    adjoints.through(program.stages)
    return _single_writes(adjoints.steps, list(outputs.values()))


def _single_writes(steps: Sequence[Stage], outputs: Sequence[Tensor]) -> list[Stage]:
    """Turn additions to a tensor that is added to once, at every one of its positions, into plain
    assignments.
    """
    counts: dict[Tensor, int] = {}
    for step in steps:
        if isinstance(step, Sweep):
            for assign in step.body:
                counts[assign.target.tensor] = counts.get(assign.target.tensor, 0) + 1
    found: list[Stage] = []
    for step in steps:
        if isinstance(step, Sort):
            found.append(step)
            continue
        body = tuple(
            Assign(a.target, a.expr, False, a.guard)
            if counts[a.target.tensor] == 1 and a.target.positions == step.indices and a.guard == sp.true
            else a
            for a in step.body
        )
        found.append(Sweep(step.indices, body, step.reverse, step.positive))
    # An output that nothing adds to is constant: its derivative is 0 everywhere.
    for output in outputs:
        if output not in counts:
            indices = free_indices(output.axes)
            found.append(Sweep(indices, (Assign(Element(output, *indices), sp.S.Zero),)))
    return found


def _gradient(program: Program, kind: str, wanted: Sequence[Tensor]) -> Routine:
    outputs = [_output(tensor, "grad") for tensor in wanted]
    steps = [*_primal(program), *_gradient_steps(program, wanted)]
    return _routine(program, kind, outputs, steps, _results(program))


def _gradients(program: Program, wanted: Sequence[Tensor]) -> list[tuple[Tensor, Assign]]:
    """Unscaled closed-form gradient assignments of a program whose stages do not depend on predictions."""
    weight = weight_of(program)
    total = sp.Add(*(term.coefficient * _numerator(term, weight) for term in program.terms))
    found = []
    for tensor in wanted:
        indices = free_indices(tensor.axes)
        expr = derivative(total, Element(tensor, *indices))
        found.append((tensor, Assign(Element(_output(tensor, "grad"), *indices), expr)))
    return found


def _source(assign: Assign, tensor: Tensor) -> Element:
    return Element(tensor, *assign.target.positions)


def _hessian(program: Program) -> Routine:
    return with_curvature(
        program, "hessian", lambda x, assign: _attached(derivative(assign.expr, _source(assign, x)))
    )


def with_curvature(program: Program, kind: str, curvature: Callable[[Tensor, Assign], sp.Expr]) -> Routine:
    """Return the routine of gradient and curvature, unreduced; `curvature` gives that of each prediction
    from its gradient.
    """
    program = settled(program)
    steps: list[Stage] = []
    for tensor, assign in _gradients(program, program.predictions):
        hess = Element(_output(tensor, "hess"), *assign.target.positions)
        slope = Assign(assign.target, _attached(assign.expr))
        steps.append(Sweep(assign.target.positions, (slope, Assign(hess, curvature(tensor, assign)))))
    outputs = [_output(x, prefix) for prefix in ("grad", "hess") for x in program.predictions]
    return _routine(program, kind, outputs, [*_primal(program), *steps], (), scaled=False)


def _hvp(program: Program) -> Routine:
    """Forward over reverse: every step of the gradient is moved along the tangents of the predictions."""
    given = tuple(Tensor(f"tangent_{x.name}", x.axes, role="tangent") for x in program.predictions)
    outputs = [_output(x, "hv") for x in program.predictions]
    renamed = {_output(x, "grad"): out for x, out in zip(program.predictions, outputs, strict=True)}
    stages = [*program.stages, *_gradient_steps(program, program.predictions)]
    along = dict(zip(program.predictions, given, strict=True)) | _moving(stages, program.predictions)
    steps: list[Stage] = []
    for stage in stages:
        if isinstance(stage, Sort):
            steps.append(stage)
            continue
        body: list[Assign] = []
        for assign in stage.body:
            tensor, positions = assign.target.tensor, assign.target.positions
            if tensor in renamed:
                target = Element(renamed[tensor], *positions)
            else:
                body.append(Assign(assign.target, _attached(assign.expr), assign.add, assign.guard))
                if tensor not in along:
                    continue
                target = Element(along[tensor], *positions)
            body.append(Assign(target, _attached(tangent(assign.expr, along)), assign.add, assign.guard))
        steps.append(Sweep(stage.indices, tuple(body), stage.reverse, stage.positive))
    return _routine(program, "hvp", outputs, steps, (), extra=given)


def _moving(stages: Sequence[Stage], predictions: Sequence[Tensor]) -> dict[Tensor, Tensor]:
    """Return a tangent tensor for each local that changes with the predictions."""
    moving: dict[Tensor, Tensor] = {}
    for stage in stages:
        if isinstance(stage, Sweep):
            for assign in stage.body:
                if tensors(assign.expr) & {*predictions, *moving} and assign.target.tensor.role == "local":
                    target = assign.target.tensor
                    moving[target] = Tensor(f"tangent_{target.name}", target.axes)
    return moving


def _depth(expr: sp.Expr) -> int:
    """Deepest nesting of reductions."""
    inner = max((_depth(arg) for arg in expr.args), default=0)
    return inner + 1 if isinstance(expr, Reduction) else inner
