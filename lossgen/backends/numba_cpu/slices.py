"""A loop cut into blocks: its statements with arrays that are slices, and how a driver passes these."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lossgen.backends.numba_cpu.expressions import Expressions
from lossgen.lower import ir
from lossgen.lower.coupling import accesses, own_dimension
from lossgen.lower.effects import effects
from lossgen.lower.rewrite import rewrite, rewrite_expr
from lossgen.lower.work import deepest

# Positions of the innermost loops in one block. The partition depends on shapes alone, never on threads.
BLOCK = 4096


@dataclass(frozen=True)
class Block:
    """One block of a loop.

    ``slices`` tells which dimension of an array is cut; ``updated`` are the accumulators of outside.
    """

    body: tuple[ir.Stmt, ...]
    slices: dict[str, int]
    updated: tuple[str, ...]

    def passed(self, name: str) -> str:
        """Return what a driver passes for a parameter."""
        if name in self.slices:
            return f"{name}[{':, ' * self.slices[name]}first:last]"
        return "last - first" if name == "count" else name


def cut(loop: ir.Loop) -> Block:
    """Return the loop over one block, whose index counts from the block's start.

    Arrays that are used at the running position alone become slices: with a range from `first` on the
    compiler would emit gathers.
    """
    touched = effects(loop)
    sized = {e.array for e in ir.expressions(loop.body) if isinstance(e, ir.Size)}
    slices: dict[str, int] = {}
    for array in sorted((touched.loads | touched.stores) - sized):
        dim = own_dimension(accesses(loop, array))
        if dim is not None:
            slices[array] = dim
    own = ir.Var(loop.index, "int")
    counted = ir.Op("add", (ir.Var("first", "int"), own), "int")

    def change(expr: ir.Expr) -> ir.Expr | None:
        if expr == own:
            return counted
        if isinstance(expr, ir.Load) and expr.array in slices:
            at = slices[expr.array]
            positions = (p if dim == at else rewrite_expr(p, change) for dim, p in enumerate(expr.positions))
            return replace(expr, positions=tuple(positions))
        return None

    body = tuple(rewrite(statement, change) for statement in loop.body)
    sizes = [ir.Size(array, dim) for array, dim in slices.items()]
    extent: ir.Expr = sizes[0] if sizes else ir.Var("count", "int")
    updated = [s.name for s in ir.statements(loop.body) if isinstance(s, ir.Update)]
    return Block(
        (replace(loop, extent=extent, body=body, blocks=False),),
        slices,
        tuple(name for name in dict.fromkeys(updated) if name in touched.defines),
    )


def block_size(loop: ir.Loop, show: Expressions) -> str:
    """Return how many iterations make a block, as text: fewer where each goes over inner loops."""
    inside = {name for s in ir.statements(loop.body) for name in effects(s).defines} | {loop.index}
    factors = [show.text(extent) for extent in deepest(loop.body) if _is_outside(extent, inside)]
    if not factors:
        return str(BLOCK)
    work = " * ".join(factors)
    return f"max(1, {BLOCK} // {f'({work})' if len(factors) > 1 else work})"


def _is_outside(extent: ir.Expr, inside: set[str]) -> bool:
    return not any(isinstance(e, ir.Var) and e.name in inside for e in ir.subexpressions(extent))
