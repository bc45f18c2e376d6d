"""The function of one sample whose loops run in blocks, as text: pure pieces, and the drivers over them.

Of an accumulating loop there are `partial` (a block to a state) and `combine` (two states to one); `finish`
is the scalar code after it, from the state to the value and what later loops need; `gradient` is a block of
a loop that only stores. One driver runs blocks in turn, one in threads. Blocks depend on shapes alone and
states are combined in the order of blocks, so both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.accumulators import State
from lossgen.backends.numba_cpu.outline import Outline, free, outline
from lossgen.backends.numba_cpu.sample import (
    SampleText,
    anchor_line,
    called,
    grouped,
    sample_arguments,
    signature,
)
from lossgen.backends.numba_cpu.slices import Block, block_size, cut
from lossgen.backends.numba_cpu.standing import Standing
from lossgen.backends.numba_cpu.states import alone, combine_text, kept
from lossgen.backends.numba_cpu.vector import VectorStatements
from lossgen.lower import ir
from lossgen.lower.effects import effects

_INDENT = "    "
_PARTIAL = "A block of the sample: its share of what is accumulated."
# By kind of kernel: what comes of the state; name and contents of a block of a loop that only stores.
_VALUE = "From the state to the value."
_COTANGENT = "From the state to the value, and to what the gradient needs of it."
_FINISH = {"value": _VALUE, "values": _VALUE, "gradient": _COTANGENT, "gradient_all": _COTANGENT}
_STORES = {
    "values": ("entries", "its values"),
    "gradient": ("gradient", "its gradient"),
    "gradient_all": ("gradient", "its gradients"),
    "hessian": ("curvature", "gradient and diagonal of the Hessian"),
    "hvp": ("product", "product of the Hessian with the tangent"),
    "bound": ("curvature", "gradient and upper bound of the curvature"),
}
_INTERMEDIATE = ("entries", "what later blocks read")


@dataclass(frozen=True)
class PiecesText:
    """Printed pieces, and the functions of one sample that run them: blocks in turn, and in threads."""

    pieces: tuple[str, ...]
    serial: SampleText
    threads: SampleText


def print_pieces(kernel: Kernel, names: Callable[[str], str], remark: str) -> PiecesText:
    """Return the text of a sample function whose loops run in blocks; `names` gives that of each role."""
    printer = _Printer(kernel, names)
    printer.body(kernel.function.body, _INDENT, _names((), kernel.function.returns))
    printer.end()
    arguments = sample_arguments(kernel.function)
    samples = []
    for threads in (False, True):
        name = names("threads" if threads else "")
        says = f"As `{names('')}`, blocks in threads; the same bits." if threads else remark
        lines = ["@njit(parallel=True)" if threads else "@njit", *signature(f"def {name}(", arguments, "):")]
        lines.append(f'    """{says}"""')
        if printer.plain.expressions.uses_real or kernel.function.wide:
            lines.append(anchor_line(kernel.function, arguments)[0])
        text = "\n".join([*lines, *printer.lines[threads]]) + "\n"
        samples.append(SampleText(name, text, arguments, frozenset(printer.helpers)))
    return PiecesText(tuple(printer.pieces), samples[0], samples[1])


class _Printer:
    """Walks over the statements outside of loops, writes both drivers at once, and collects the pieces."""

    def __init__(self, kernel: Kernel, names: Callable[[str], str]) -> None:
        self.kernel, self.function, self.names = kernel, kernel.function, names
        self.plain = VectorStatements(self.function)
        self.lines: dict[bool, list[str]] = {False: [], True: []}
        self.pieces: list[str] = []
        self.made: dict[str, int] = {}
        self.size = ""  # how `block` has been set last
        self.standing = Standing()
        self.returns = list(zip(self._returned(), self.function.returns, strict=True))
        self.finished = not self.returns

    @property
    def helpers(self) -> set[str]:
        return self.plain.expressions.helpers

    def _returned(self) -> list[str]:
        terms = self.function.numerators
        names = ["numerator" if terms == 1 else f"numerator{k}" for k in range(terms)]
        names += [f"result_{output}" for output in self.function.scalar_outputs]
        return [
            value.name if isinstance(value, ir.Var) else name
            for name, value in zip(names, self.function.returns, strict=True)
        ]

    def both(self, lines: Sequence[str]) -> None:
        for driver in self.lines.values():
            driver += lines

    def body(self, body: tuple[ir.Stmt, ...], indent: str, after: frozenset[str]) -> None:
        """Write a statement list; `after` are the names used after it."""
        k = 0
        while k < len(body):
            end = k + 1
            while _is_scalar(body[k]) and end < len(body) and _is_scalar(body[end]):
                end += 1
            rest = body[end:]
            later = after | _names(rest)
            if isinstance(body[k], ir.Loop):
                self.loop(body[k], indent)  # type: ignore[arg-type]
            elif _is_scalar(body[k]) and self.standing.states:
                self.finish(body[k:end], rest, indent, later)
            else:
                for statement in body[k:end]:
                    self.single(statement, indent, later)
            k = end

    def single(self, statement: ir.Stmt, indent: str, later: frozenset[str]) -> None:
        """Write a statement that is no loop into the drivers."""
        if isinstance(statement, ir.Accumulator):
            self.plain.expressions.uses_real |= any(self.standing.open(statement).narrow)
            return
        outside = [name for name in free([statement]).accumulators if name in self.standing]
        self.both(self.standing.settle(outside, indent))
        if any(isinstance(inner, ir.Loop) for inner in ir.statements((statement,))):
            self.branch(statement, indent, outside, later)
        else:
            self.both(self.plain.statement(statement, indent))

    def branch(self, statement: ir.Stmt, indent: str, outside: list[str], later: frozenset[str]) -> None:
        """Write a condition with loops inside; whatever happens in it, accumulators of outside end as
        variables.
        """
        assert isinstance(statement, ir.If | ir.Choose)
        inner, size = indent + _INDENT, self.size
        if isinstance(statement, ir.If):
            parts: list[tuple[str, tuple[ir.Stmt, ...], ir.Expr | None]] = [("if", statement.body, None)]
        else:
            parts = [
                ("if", statement.then, statement.then_value),
                ("else", statement.otherwise, statement.otherwise_value),
            ]
        for word, body, value in parts:
            self.size = ""
            is_else = word == "else"
            self.both([f"{indent}else:"] if is_else else self.plain.header(word, statement.condition, indent))
            used = frozenset() if value is None else _names((), (value,))
            self.body(body, inner, later | used)
            self.both(self.standing.settle(outside, inner))
            if value is not None:
                assert isinstance(statement, ir.Choose)
                self.both(self.standing.settle(free((), (value,)).accumulators, inner))
                self.both(self.plain.expressions.broken(value, f"{statement.name} = ", inner))
        self.size = size

    def loop(self, loop: ir.Loop, indent: str) -> None:
        """Write the call of each block of a loop."""
        block = cut(loop)
        taken = free(block.body)
        own = self.standing.of(block.updated)
        role, remark = ("partial", _PARTIAL) if own else self.stored(loop)
        others = [name for name in taken.accumulators if name not in block.updated]
        self.both(self.standing.settle(others, indent))
        extra = self.standing.texts(self.standing.of(others))
        number = self._number(role)
        piece = outline(
            self.function,
            self.names(role + number),
            remark,
            block.body,
            taken=taken,
            own=own,
            extra=extra,
        )
        self.keep(piece)
        size = block_size(loop, self.plain.expressions)
        if size != self.size:
            self.both([f"{indent}block = {size}"])
            self.size = size
        extent = self.plain.expressions.text(loop.extent)
        count = f"-(-{extent} // block)" if isinstance(loop.extent, ir.Var) else f"-(-({extent}) // block)"
        if own:
            self.accumulating(piece, block, own, number, (indent, count, extent))
            return
        for threads, driver in self.lines.items():
            driver.append(f"{indent}for k in {'prange' if threads else 'range'}({count}):")
            driver += self.call(piece, block, "", indent + _INDENT, extent)

    def stored(self, loop: ir.Loop) -> tuple[str, str]:
        """Return the role of a block that only stores, and what it is."""
        writes = not effects(loop).stores.isdisjoint(self.function.array_outputs)
        role, what = _STORES[self.kernel.kind] if writes else _INTERMEDIATE
        return role, f"A block of the sample: {what}."

    def call(self, piece: Outline, block: Block, target: str, indent: str, extent: str) -> list[str]:
        """Return the lines that run one block."""
        lines = [f"{indent}first = k * block", f"{indent}last = min(first + block, {extent})"]
        return lines + signature(f"{target}{piece.name}(", tuple(map(block.passed, piece.takes)), ")", indent)

    def accumulating(
        self, piece: Outline, block: Block, own: tuple[State, ...], number: str, place: tuple[str, str, str]
    ) -> None:
        """Write the blocks of an accumulating loop, whose states are combined in the order of blocks."""
        indent, count, extent = place
        inner = indent + _INDENT
        combine, places = self.names("combine" + number), kept(own)
        self.pieces.append(combine_text(own, combine))
        self.helpers.update(helper for one in own for helper in one.helpers)
        held, start = self.standing.next_state(), self.standing.texts(own)
        begin = signature(f"{held} = (", start, f"{alone(start)})", indent)
        join = f"{inner}{held} = {combine}({held}, part)"
        self.lines[False] += [
            *begin,
            f"{indent}for k in range({count}):",
            *self.call(piece, block, "part = ", inner, extent),
            join,
        ]
        self.lines[True] += [
            f"{indent}blocks = {count}",
            *(f"{indent}{line}" for line in places.room),
            f"{indent}for k in prange(blocks):",
            *self.call(piece, block, "part = ", inner, extent),
            *grouped("", places.entries, f"{alone(places.entries)} = part", inner),
            *begin,
            f"{indent}for k in range(blocks):",
            *signature("part = (", places.read, f"{alone(places.read)})", inner),
            join,
        ]
        self.plain.expressions.uses_real |= any(narrow for one in own for narrow in one.narrow)
        self.standing.hold(own)

    def finish(
        self, run: tuple[ir.Stmt, ...], rest: tuple[ir.Stmt, ...], indent: str, later: frozenset[str]
    ) -> None:
        """Write scalar code after a loop as a function of the state."""
        returns: list[tuple[str, ir.Expr]] = []
        if not self.finished and len(indent) == len(_INDENT) and self._known(rest):
            returns, self.finished = self.returns, True
            later = _names(rest)
        defined = [n for s in run for n in sorted(effects(s).defines) if n in later]
        values = [value for _, value in returns]
        taken = free(run, values)
        held, loose = self.standing.holders(taken.accumulators)
        self.both(self.standing.settle(loose, indent))
        gives = [*returns, *((name, None) for name in defined if name not in dict(returns))]
        piece = outline(
            self.function,
            self.names("finish" + self._number("finish")),
            _FINISH.get(self.kernel.kind, "From the state to what blocks need of it."),
            run,
            taken=taken,
            states=[(holder, self.standing.states[holder]) for holder in held],
            gives=gives,
            extra=self.standing.texts(self.standing.of(loose)),
        )
        self.keep(piece)
        self.both(called(tuple(name for name, _ in gives), piece.name, piece.takes, indent))

    def _known(self, rest: tuple[ir.Stmt, ...]) -> bool:
        """Tell whether nothing that is returned changes in the statements to come."""
        needed = free((), self.function.returns)
        defined = {name for statement in rest for name in effects(statement).defines}
        return defined.isdisjoint((*needed.variables, *needed.accumulators))

    def end(self) -> None:
        """Write the return, after a last `finish` if what is returned is not known yet."""
        if not self.finished:
            self.finish((), (), _INDENT, frozenset())
        if self.returns:
            self.both([f"{_INDENT}return {', '.join(name for name, _ in self.returns)}"])

    def keep(self, piece: Outline) -> None:
        self.pieces.append(piece.text)
        self.helpers.update(piece.helpers)

    def _number(self, role: str) -> str:
        """Return what tells the pieces of one role apart: nothing for the first."""
        self.made[role] = self.made.get(role, 0) + 1
        return "" if self.made[role] == 1 else str(self.made[role])


def _is_scalar(statement: ir.Stmt) -> bool:
    """Tell code that belongs to `finish`: no loops, and nothing that a driver must do itself."""
    if isinstance(statement, ir.Accumulator | ir.Update | ir.Skip | ir.Fill | ir.Sort):
        return False
    return not any(isinstance(s, ir.Loop | ir.Update) for s in ir.statements((statement,)))


def _names(body: tuple[ir.Stmt, ...], values: Sequence[ir.Expr] = ()) -> frozenset[str]:
    taken = free(body, values)
    return frozenset((*taken.variables, *taken.types))
