"""The legal shapes of the loop IR, checked after every pass: a bad pass fails here, not in the compiler or
at run time.
"""

from __future__ import annotations

from collections.abc import Callable

from lossgen.errors import LossError
from lossgen.lower import ir
from lossgen.lower.coupling import coupled

# Operation -> (types of the arguments, type of the result); "same" = all arguments have one type, which
# is the result's.
NUMBER = {"float", "int"}
ARITHMETIC = {"add", "sub", "mul", "neg"}
COMPARISON = {"lt", "le", "gt", "ge", "eq", "ne"}
LOGICAL = {"and", "or", "not"}
ARITY = {"neg": 1, "not": 1, "float": 1, "select": 3, "sub": 2, "div": 2, "floordiv": 2} | dict.fromkeys(
    COMPARISON, 2
)


class IRError(LossError):
    """The generator made an illegal kernel: a defect of lossgen, not of a spec."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise IRError(message)


def _arithmetic(op: ir.Op, types: list[str]) -> bool:
    return op.type in NUMBER and set(types) == {op.type}


def _comparison(op: ir.Op, types: list[str]) -> bool:
    return op.type == "bool" and types[0] == types[1] and types[0] in NUMBER


def _logical(op: ir.Op, types: list[str]) -> bool:
    return op.type == "bool" and set(types) == {"bool"}


def _select(op: ir.Op, types: list[str]) -> bool:
    return types[0] == "bool" and types[1] == types[2] == op.type


def _function(op: ir.Op, types: list[str]) -> bool:
    return op.type in NUMBER and set(types) == {op.type}


# The table: which rule an operation obeys. Whatever is not named here is a function on numbers.
SHAPES: dict[str, Callable[[ir.Op, list[str]], bool]] = {
    **dict.fromkeys(ARITHMETIC, _arithmetic),
    **dict.fromkeys(COMPARISON, _comparison),
    **dict.fromkeys(LOGICAL, _logical),
    "select": _select,
    "div": lambda op, types: op.type == "float" and types == ["float", "float"],
    "floordiv": lambda op, types: op.type == "int" and types == ["int", "int"],
    "float": lambda op, types: op.type == "float" and types == ["int"],
}


class _Checker:
    def __init__(self, function: ir.Function) -> None:
        self.function = function
        self.ranks = {a.name: a.rank for a in function.arguments if a.rank} | {
            w.name: len(w.extents) for w in function.workspace
        }
        self.array_types = {a.name: a.type for a in function.arguments if a.rank} | {
            w.name: w.type for w in function.workspace
        }
        self.writable = {w.name for w in function.workspace} | set(function.array_outputs)

    def expr(self, expr: ir.Expr, known: dict[str, str], accumulators: dict[str, str]) -> str:
        where = f"in {self.function.name}"
        match expr:
            case ir.Const(value=value, type=kind):
                _require(
                    isinstance(value, bool) == (kind == "bool"), f"constant {value} is no {kind} {where}"
                )
                _require(kind != "int" or value == int(value), f"integer constant {value} {where}")
            case ir.Var(name=name, type=kind):
                _require(
                    name in known, f"`{name}` is used before it is defined, or outside its loop, {where}"
                )
                _require(known[name] == kind, f"`{name}` is {known[name]}, used as {kind} {where}")
            case ir.Load(array=array, positions=positions, type=kind):
                _require(array in self.ranks, f"load of undeclared array `{array}` {where}")
                _require(kind == self.array_types[array], f"load of `{array}` as {kind} {where}")
                self.positions(array, positions, known, accumulators)
            case ir.Size(array=array, dim=dim):
                _require(dim < self.ranks.get(array, 0), f"`{array}` has no dimension {dim} {where}")
            case ir.Finish(accumulator=name):
                _require(name in accumulators, f"unknown accumulator `{name}` {where}")
            case ir.Op(name=name, args=args):
                _require(
                    len(args) == ARITY.get(name, len(args)) > 0, f"{name} with {len(args)} arguments {where}"
                )
                types = [self.expr(arg, known, accumulators) for arg in args]
                _require(
                    SHAPES.get(name, _function)(expr, types),
                    f"{name}({', '.join(types)}) -> {expr.type} {where}",
                )
        return expr.type

    def positions(
        self, array: str, positions: tuple[ir.Expr, ...], known: dict[str, str], accumulators: dict[str, str]
    ) -> None:
        _require(
            len(positions) == self.ranks[array],
            f"`{array}` has {self.ranks[array]} dimensions, got {len(positions)}",
        )
        for position in positions:
            _require(
                self.expr(position, known, accumulators) == "int", f"position of `{array}` is not an integer"
            )

    def define(self, name: str, kind: str, known: dict[str, str]) -> None:
        _require(
            name not in known and name not in self.ranks, f"`{name}` is defined twice in {self.function.name}"
        )
        known[name] = kind

    def body(
        self, body: tuple[ir.Stmt, ...], known: dict[str, str], accumulators: dict[str, str]
    ) -> dict[str, str]:
        """Check a statement list; return what is known after it."""
        known, accumulators = dict(known), dict(accumulators)
        for statement in body:
            self.statement(statement, known, accumulators)
        return known

    def statement(self, statement: ir.Stmt, known: dict[str, str], accumulators: dict[str, str]) -> None:
        match statement:
            case ir.Let(name=name, type=kind, expr=expr):
                _require(
                    self.expr(expr, known, accumulators) == kind, f"`{name}` gets a value that is not {kind}"
                )
                self.define(name, kind, known)
            case ir.Loop(index=index, extent=extent, body=inner):
                _require(
                    not statement.blocks or coupled(statement) is None,
                    f"blocks of loop `{index}` are not independent in {self.function.name}",
                )
                _require(
                    self.expr(extent, known, accumulators) == "int",
                    f"extent of loop `{index}` is not an integer",
                )
                inside = dict(known)
                self.define(index, "int", inside)
                self.body(inner, inside, accumulators)
            case ir.Accumulator(name=name, op=op):
                _require(name not in accumulators, f"accumulator `{name}` is opened twice")
                accumulators[name] = op
            case ir.Update(name=name, op=op, expr=expr, position=position):
                _require(
                    accumulators.get(name) == op, f"update of `{name}` by {op}, which is not what was opened"
                )
                self.expr(expr, known, accumulators)
                _require((position is not None) == op.startswith("arg"), f"update of `{name}`: position")
                if position is not None:
                    _require(
                        self.expr(position, known, accumulators) == "int",
                        f"position of `{name}` is not an integer",
                    )
            case ir.Store(array=array, positions=positions, expr=expr):
                _require(array in self.writable, f"store into `{array}`, which is no output and no workspace")
                self.positions(array, positions, known, accumulators)
                stored = self.expr(expr, known, accumulators)
                _require(stored == self.array_types[array], f"store of {stored} into `{array}`")
            case ir.Fill(array=array):
                _require(array in self.writable, f"fill of `{array}`, which is no output and no workspace")
            case ir.If(condition=condition, body=inner):
                _require(
                    self.expr(condition, known, accumulators) == "bool", "a condition is not a truth value"
                )
                self.body(inner, known, accumulators)
            case ir.Choose(name=name, type=kind, condition=condition):
                _require(
                    self.expr(condition, known, accumulators) == "bool", "a condition is not a truth value"
                )
                for branch, value in (
                    (statement.then, statement.then_value),
                    (statement.otherwise, statement.otherwise_value),
                ):
                    inside = self.body(branch, known, accumulators)
                    _require(
                        self.expr(value, inside, accumulators) == kind, f"a branch of `{name}` is not {kind}"
                    )
                self.define(name, kind, known)
            case ir.Skip(condition=condition, outputs=outputs):
                _require(
                    self.expr(condition, known, accumulators) == "bool", "a condition is not a truth value"
                )
                _require(set(outputs) <= self.writable, "a skip zeroes what is no output")
            case ir.Sort(order=order, key=key, count=count):
                _require(
                    self.array_types.get(order) == "int" and order in self.writable,
                    f"`{order}` cannot hold an order",
                )
                _require(self.array_types.get(key) == "float", f"`{key}` is no sort key")
                _require(self.expr(count, known, accumulators) == "int", "a sort's count is not an integer")


def check(function: ir.Function) -> ir.Function:
    """Return the function, or raise `IRError` naming what is wrong with it."""
    checker = _Checker(function)
    known: dict[str, str] = {a.name: a.type for a in function.arguments if not a.rank}
    names = [a.name for a in function.arguments] + [w.name for w in function.workspace]
    _require(len(names) == len(set(names)), f"{function.name} has two arguments of one name")
    for array in function.workspace:
        for extent in array.extents:
            _require(checker.expr(extent, {}, {}) == "int", f"extent of `{array.name}` is not an integer")
    loops = [s for s in ir.statements(function.body) if isinstance(s, ir.Loop)]
    inner = [s for loop in loops for s in ir.statements(loop.body) if isinstance(s, ir.Loop) and s.blocks]
    _require(not inner, "a loop in blocks inside another loop")
    nested = [s for s in ir.statements(function.body) if isinstance(s, ir.Skip) and s not in function.body]
    _require(not nested, "a skip inside a loop or branch")
    accumulators = {s.name: s.op for s in function.body if isinstance(s, ir.Accumulator)}
    known = checker.body(function.body, known, {})
    for value in function.returns:
        checker.expr(value, known, accumulators)
    return function
