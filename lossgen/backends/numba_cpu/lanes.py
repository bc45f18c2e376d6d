"""Many short samples beside each other, as text: the function of a sample for one in each lane, and the
function of a block around it.

Entry c of all rows lies together, so the innermost loop runs over samples, which are many, where the loops
of one sample run over a row that is shorter than a vector register. Each lane does what the function of one
sample does, in the same order: the results have the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.accumulators import state
from lossgen.backends.numba_cpu.drivers import in_block, kernel_arguments, roles, steps
from lossgen.backends.numba_cpu.expressions import WIDTH, Expressions
from lossgen.backends.numba_cpu.sample import sample_arguments, signature, wrapped
from lossgen.backends.numba_cpu.statements import Statements
from lossgen.backends.numba_cpu.vector import INLINED, VectorExpressions, VectorStatements
from lossgen.lower import ir
from lossgen.lower.lanes import RESULT, Lanes, Part, in_lanes, inside, loops_of, names_in

__all__ = ["KINDS", "print_lanes"]

# Kinds that are worth a second text: what training calls.
KINDS = ("value", "gradient")
_INDENT = "    "
_LOOP = "for lane in range(vm.LANES):"
# Arrays of what lanes keep from one loop to the next, and the types of their entries.
_ROOMS = {"kept": "real", "sums": "np.float64", "places": "np.int32", "counts": "np.int64"}


class _LaneStatements(Statements):
    """Prints statements of one lane; what all lanes share is printed as for one sample."""

    def __init__(self, function: ir.Function, lanes: Lanes) -> None:
        super().__init__(function)
        self.lanes = lanes
        arrays = {a.name for a in function.arguments if a.rank} & lanes.own
        arrays |= {room.name for room in function.workspace}
        scalars = {a.name for a in function.arguments if not a.rank} & lanes.own
        self.rooms = _rooms(function, lanes)
        stored = {*scalars, *(name for names in self.rooms.values() for name in names), RESULT}
        self.stored = frozenset(stored)
        self.shared = VectorStatements(function)
        self.shared.expressions = self.expressions = _LaneExpressions(
            self.expressions.kinds, self.stored, frozenset(arrays)
        )

    def lines(self) -> list[str]:
        """Return the lines of the body, one level deep."""
        lines: list[str] = []
        for part in self.lanes.parts:
            match part:
                case ir.Loop():
                    lines += self._loop(part, _INDENT)
                case ir.If():
                    lines += self._needed(part)
                case _:
                    lines += self._run(part, _INDENT)
        return lines

    def _needed(self, part: ir.If) -> list[str]:
        """Return the lines of loops that run if one lane needs them: others drop what they find."""
        lines = [f"{_INDENT}needed = False", f"{_INDENT}{_LOOP}"]
        lines.append(f"{2 * _INDENT}needed |= {self.expressions.text(part.condition)}")
        lines.append(f"{_INDENT}if needed:")
        for loop in loops_of(part):
            lines += self._loop(loop, 2 * _INDENT)
        return lines

    def _loop(self, loop: ir.Loop, indent: str) -> list[str]:
        own = tuple(s for s in loop.body if self._is_own(s))
        shared = tuple(s for s in loop.body if not self._is_own(s))
        sums = tuple(s for s in shared if isinstance(s, ir.Update))
        lines = self.shared.statement(replace(loop, body=shared), indent) if sums else []
        if not own:
            return lines
        lines.append(f"{indent}for {loop.index} in range({self.expressions.text(loop.extent)}):")
        # Sums are in float64, half as many to a register: they have a loop of their own.
        added = tuple(s for s in own if isinstance(s, ir.Update) and _is_sum(s))
        terms = {s.name: ir.Let(_term(s.name), "float", s.expr) for s in added}
        steps = [terms[s.name] if isinstance(s, ir.Update) and _is_sum(s) else s for s in own]
        lines += self._run((*(s for s in shared if isinstance(s, ir.Let)), *steps), indent + _INDENT)
        taken = [replace(s, expr=ir.Var(_term(s.name), "float")) for s in added]
        return lines + (self._run(tuple(taken), indent + _INDENT) if taken else [])

    def _run(self, body: tuple[ir.Stmt, ...], indent: str) -> list[str]:
        own = tuple(s for s in body if self._is_own(s))
        lines = self.shared.block(tuple(s for s in body if not self._is_own(s)), indent)
        return [*lines, f"{indent}{_LOOP}", *self.block(own, indent + _INDENT)] if own else lines

    def _is_own(self, statement: ir.Stmt) -> bool:
        if isinstance(statement, ir.Let | ir.Update | ir.Accumulator):
            return statement.name in self.lanes.own or statement.name in self.stored
        return True

    def statement(self, statement: ir.Stmt, indent: str) -> list[str]:
        """Return the lines of one statement."""
        if isinstance(statement, ir.Store):
            entry = self.expressions.text(ir.Load(statement.array, statement.positions, "float"))
            return self.expressions.broken(
                statement.expr, f"{entry} {'+=' if statement.add else '='} ", indent
            )
        return super().statement(statement, indent)


def _rooms(function: ir.Function, lanes: Lanes) -> dict[str, list[str]]:
    """Return what lanes keep, by the type of it."""
    rooms: dict[str, list[str]] = {room: [] for room in _ROOMS}
    lets = {s.name: s.expr for part in lanes.parts for s in inside(part) if isinstance(s, ir.Let)}
    for name, kind in lanes.kept.items():
        at = isinstance(place := lets[name], ir.Finish) and place.part == "position"
        rooms["kept" if kind == "float" else "places" if at else "counts"].append(name)
    for statement in function.body:
        if not isinstance(statement, ir.Accumulator) or statement.name not in lanes.own:
            continue
        one = state(statement)
        for name, kind, narrow in zip(one.names, one.types, one.narrow, strict=True):
            at = name.endswith("_at") and statement.op.startswith("arg")
            room = "places" if at else "counts" if kind == "int" else "kept" if narrow else "sums"
            rooms[room].append(name)
        if _is_sum(statement):
            rooms["kept"].append(_term(statement.name))
    return rooms


def _is_sum(statement: ir.Update | ir.Accumulator) -> bool:
    return statement.op in ("sum", "count", "norm") and getattr(statement, "type", "float") == "float"


def _term(accumulator: str) -> str:
    return f"{accumulator}_term"


class _LaneExpressions(VectorExpressions):
    """Prints expressions of one lane."""

    def __init__(self, kinds: dict[str, str], stored: frozenset[str], arrays: frozenset[str]) -> None:
        super().__init__(kinds)
        self.stored, self.arrays = stored, arrays

    def variable(self, name: str) -> str:
        """Return an entry of the lane, or what all lanes share."""
        return f"{name}[lane]" if name in self.stored else name

    def text(self, expr: ir.Expr) -> str:
        """Return the expression on one line."""
        if isinstance(expr, ir.Load) and expr.array in self.arrays:
            return f"{expr.array}[{', '.join(map(self.text, expr.positions))}, lane]"
        return super().text(expr)


def print_lanes(
    kernel: Kernel, names: Callable[[str], str], remark: str
) -> tuple[list[str], set[str]] | None:
    """Return the functions for many samples at once and the helpers they call; None where there are none."""
    lanes = in_lanes(kernel.function) if kernel.kind in KINDS and roles(kernel).masked else None
    if lanes is None:
        return None
    printer = _LaneStatements(kernel.function, lanes)
    text = _function(kernel, printer, names("lanes"), remark)
    return [text, _block(kernel, printer, names)], printer.expressions.helpers


def _function(kernel: Kernel, printer: _LaneStatements, name: str, remark: str) -> str:
    rooms = [room for room, members in printer.rooms.items() if members]
    arguments = (*_takes(kernel, printer), RESULT, *rooms)
    body = printer.lines()
    # Pasted into the block, where the compiler sees that these arrays do not overlap.
    lines = [INLINED, *signature(f"def {name}(", arguments, "):")]
    lines += [f'    """{remark}"""', "    real = numerator.dtype.type"]
    for room in rooms:
        members = tuple(printer.rooms[room])
        values = tuple(f"{room}[{k}]" for k in range(len(members)))
        lines += _unpacked(members, values)
    return "\n".join([*lines, *body]) + "\n"


def _unpacked(names: tuple[str, ...], values: tuple[str, ...]) -> list[str]:
    line = f"{_INDENT}{', '.join(names)} = {', '.join(values)}"
    if len(line) <= WIDTH:
        return [line]
    return [
        f"{_INDENT}(",
        *wrapped(names, _INDENT),
        f"{_INDENT}) = (",
        *wrapped(values, _INDENT),
        f"{_INDENT})",
    ]


def _takes(kernel: Kernel, printer: _LaneStatements) -> tuple[str, ...]:
    """Return the arguments of one sample that its lane needs too."""
    used = {name for part in printer.lanes.parts for name in _used(part)}
    return tuple(n for n in sample_arguments(kernel.function) if n in used)


def _used(part: Part) -> set[str]:
    return set().union(*map(names_in, (part,) if isinstance(part, ir.Loop | ir.If) else part))


def _block(kernel: Kernel, printer: _LaneStatements, names: Callable[[str], str]) -> str:
    role, function = roles(kernel), kernel.function
    takes = _takes(kernel, printer)
    by_name = {a.name: a for a in function.arguments}
    arguments = kernel_arguments(kernel, role)
    first = arguments[0]
    rooms = {room.name: room for room in function.workspace}
    own = [n for n in takes if n in printer.lanes.own and n not in (*role.outputs, *rooms)]
    spread = [n for n in role.spread if n in takes or n in _skipped(function)]
    lines = ["@njit", *signature(f"def {names('block_lanes')}(", (*arguments, "k"), "):")]
    lines += ['    """Run block number k, many samples at once."""', f"    real = {first}.dtype.type"]
    lines += steps([*spread, "mask"])
    lines += [f"    {n} = real(scales[{t}])" for t, n in enumerate(role.scales) if n in takes]
    for room in rooms.values():
        extent = Expressions({}).text(in_block(room.extents[0]))
        lines.append(f"    {room.name} = np.empty(({extent}, vm.LANES), real)")
    for name in (*own, *role.outputs):
        rank = by_name[name].rank
        kind = "real" if by_name[name].type == "float" else "np.int64"
        extent = f"({name}.shape[1], vm.LANES)" if rank else "vm.LANES"
        lines.append(f"    lanes_{name} = np.empty({extent}, {kind})")
    lines += [f"    {RESULT} = np.empty(vm.LANES, real)", "    samples = np.empty(vm.LANES, np.int64)"]
    kept = [room for room, members in printer.rooms.items() if members]
    lines += [
        f"    {room} = np.empty(({len(printer.rooms[room])}, vm.LANES), {_ROOMS[room]})" for room in kept
    ]
    lines.append("    total, lost = 0.0, 0.0")
    lines.append(f"    i, last = k * block, min((k + 1) * block, {first}.shape[0])")
    lines += ["    while i < last:", "        count = 0", "        while i < last and count < vm.LANES:"]
    lines += [f"            if {_condition(function, spread)}:"]
    lines += ["                samples[count] = i", "                count += 1"]
    if role.outputs:
        lines += ["            else:"]
        lines += [f"                {output}[i][:] = real(0)" for output in role.outputs]
    lines += ["            i += 1", "        if count > 0:"]
    lines.append("            # Lanes without a sample repeat the last one.")
    lines.append("            samples[count:] = samples[count - 1]")
    for name in own:
        if by_name[name].rank:
            lines.append(f"            vm.rows(lanes_{name}, samples, {name})")
        else:
            step = f"step_{name}" if name in spread else "1"
            lines.append(f"            vm.entries(lanes_{name}, samples, {step}, {name})")
    passed = tuple(f"lanes_{n}" if n in (*own, *role.outputs) else n for n in takes)
    lines += signature(f"{names('lanes')}(", (*passed, RESULT, *kept), ")", 3 * _INDENT)
    lines += [f"            vm.scattered({n}, samples, count, lanes_{n})" for n in role.outputs]
    lines += ["            for lane in range(count):"]
    lines += ["                total, lost = _two_sum(total, lost, numerator[lane])"]
    lines += ["    partials[k, 0] = _total(total, lost)"]
    return "\n".join(lines) + "\n"


def _skipped(function: ir.Function) -> set[str]:
    """Return the names that decide whether a sample is left out."""
    if not isinstance(function.body[0], ir.Skip):
        return set()
    return {e.name for e in ir.subexpressions(function.body[0].condition) if isinstance(e, ir.Var)}


def _condition(function: ir.Function, spread: list[str]) -> str:
    kept = "mask[i * step_mask]"
    if not isinstance(function.body[0], ir.Skip):
        return kept
    show = _At(spread)
    return f"{kept} and {show.text(function.body[0].condition)}"


class _At(Expressions):
    """Prints what decides whether sample `i` is left out."""

    def __init__(self, spread: list[str]) -> None:
        super().__init__({})
        self.spread = spread

    def variable(self, name: str) -> str:
        """Return the number of sample `i`."""
        return f"{name}[i * step_{name}]" if name in self.spread else f"{name}[i]"
