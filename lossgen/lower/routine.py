"""A routine to a kernel over one sample, in named passes with a check after each."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from lossgen.algebra.tensors import Tensor
from lossgen.derive.model import Routine
from lossgen.lower import ir
from lossgen.lower.check import check
from lossgen.lower.constants import integer
from lossgen.lower.facts import depends_on_axis
from lossgen.lower.fuse import fuse
from lossgen.lower.indices import Indices
from lossgen.lower.known import drop_known
from lossgen.lower.nan import let_nan_through
from lossgen.lower.norms import scale_norms
from lossgen.lower.owners import by_owner
from lossgen.lower.stages import changed_in_loops, lower_stage
from lossgen.lower.tabulate import tabulate
from lossgen.lower.values import Lowering
from lossgen.lower.width import is_wide
from lossgen.spec.model import Sort, Sweep


def lower(routine: Routine) -> ir.Function:
    """Return the kernel of a routine, which is stable mathematics, over one sample."""
    routine = scale_norms(routine)
    routine = replace(routine, steps=by_owner(routine.steps))
    tensors = (*routine.inputs, *routine.outputs, *_locals(routine))
    indices = Indices(tensor.name for tensor in tensors)
    renamed = indices.routine(routine)
    placed = check(_place(renamed, indices))  # statements in their scopes, one loop per reduction
    fused = fuse(placed)  # loops over the same extent without dependency run as one
    single = check(drop_known(fused))  # what an enclosing scope has is not computed again inside
    tabled = check(tabulate(single))  # what does not know an outer loop runs before it
    return check(let_nan_through(tabled))  # no comparison hides NaN


def _place(routine: Routine, indices: Indices) -> ir.Function:
    low = Lowering(routine, indices)
    low.boxed = changed_in_loops(routine.steps)
    if routine.keep != sp.true:
        arrays = tuple(output.name for output in routine.outputs if output.axes)
        low.scopes.top.add(ir.Skip(low.value(routine.keep), arrays))
    _start_accumulated(low)
    for stage in routine.steps:
        lower_stage(low, stage)
    results = [low.float(result) for result in routine.results]
    scalars = [output for output in routine.outputs if not output.axes]
    returns = [*results, *(low.float(output[()]) for output in scalars)]
    return ir.Function(
        name=routine.kind,
        arguments=tuple(
            _argument(tensor) for tensor in (*routine.inputs, *(o for o in routine.outputs if o.axes))
        ),
        workspace=_workspace(low),
        body=tuple(low.scopes.top.statements),
        returns=tuple(returns),
        numerators=len(results),
        scalar_outputs=tuple(output.name for output in scalars),
        array_outputs=tuple(output.name for output in routine.outputs if output.axes),
        wide=is_wide(routine),
    )


def _locals(routine: Routine) -> list[Tensor]:
    """Workspace tensors in order of first assignment."""
    written = (tensor for stage in routine.steps for tensor in stage.written)
    return [tensor for tensor in dict.fromkeys(written) if tensor not in routine.outputs]


def _argument(tensor: Tensor) -> ir.Argument:
    return ir.Argument(
        tensor.name, "int" if tensor.dtype == "int" else "float", len(tensor.axes), tensor.role
    )


def _start_accumulated(low: Lowering) -> None:
    """Zero what is added to, and what may keep entries that no assignment reaches."""
    for tensor in (*low.routine.outputs, *_locals(low.routine)):
        assigns = [
            (assign, stage)
            for stage in low.routine.steps
            if isinstance(stage, Sweep)
            for assign in stage.body
            if assign.target.tensor == tensor
        ]
        partial = any(assign.add for assign, _ in assigns) or all(
            assign.guard != sp.true for assign, _ in assigns
        )
        short = tensor.role == "output" and any(
            depends_on_axis(axis, low.facts.bounded) for axis in tensor.axes
        )
        if tensor.axes or tensor in low.boxed:
            if (partial and assigns) or short:
                low.scopes.top.add(ir.Fill(tensor.name))
        elif partial:
            low.running[tensor] = low.names.of(("running", tensor), f"{tensor.name}_sum")
            low.scopes.top.add(ir.Accumulator(low.running[tensor], "sum", "float"))


def _workspace(low: Lowering) -> tuple[ir.Array, ...]:
    arrays = []
    for tensor in _locals(low.routine):
        kind: ir.Type = "int" if tensor.dtype == "int" else "float"
        if tensor.axes:
            arrays.append(ir.Array(tensor.name, kind, tuple(low.size(axis) for axis in tensor.axes)))
        elif tensor in low.boxed:
            arrays.append(ir.Array(tensor.name, kind, (integer(1),)))
    for stage in low.routine.steps:
        if isinstance(stage, Sort):
            key = low.names.of(("key", stage.order), f"{stage.order.name}_key")
            arrays.append(ir.Array(key, "float", (low.size(stage.index.axis),)))
    return tuple(arrays)
