"""Statements of the loop IR as lines of Python, with a comment where a step is there for accuracy."""

from __future__ import annotations

from lossgen.backends.numba_cpu.accumulators import state
from lossgen.backends.numba_cpu.expressions import WIDTH, Expressions
from lossgen.lower import ir

_INDENT = "    "


class Statements:
    """Prints the body of one function."""

    printer = Expressions

    def __init__(self, function: ir.Function) -> None:
        self.function = function
        kinds = {
            s.name: f"{s.op} {s.type}" for s in ir.statements(function.body) if isinstance(s, ir.Accumulator)
        }
        self.expressions = self.printer(kinds, _narrow(function))

    def lines(self) -> list[str]:
        """Return the lines of the body, one level deep, the return included."""
        lines = self.block(self.function.body, _INDENT)
        if self.function.returns:
            lines += self._return(list(self.function.returns))
        return lines or [f"{_INDENT}return"]

    def block(self, body: tuple[ir.Stmt, ...], indent: str) -> list[str]:
        """Return the lines of a statement list."""
        lines: list[str] = []
        for statement in body:
            lines += self.statement(statement, indent)
        return lines

    def statement(self, statement: ir.Stmt, indent: str) -> list[str]:
        """Return the lines of one statement."""
        show = self.expressions
        match statement:
            case ir.Let(name=name, expr=expr):
                return [*_remark(expr, indent), *show.broken(expr, f"{show.variable(name)} = ", indent)]
            case ir.Loop(index=index, extent=extent, body=body, reverse=reverse):
                size = show.text(extent)
                steps = f"range({size} - 1, -1, -1)" if reverse else f"range({size})"
                return [f"{indent}for {index} in {steps}:", *self.block(body, indent + _INDENT)]
            case ir.Accumulator():
                return [indent + self._opened(statement)]
            case ir.Update():
                return self._updated(statement, indent)
            case ir.Store(array=array, positions=positions, expr=expr, add=add):
                place = ", ".join(map(show.text, positions))
                return show.broken(expr, f"{array}[{place}] {'+=' if add else '='} ", indent)
            case ir.Fill(array=array):
                return [f"{indent}{array}[:] = {self._zero(array)}"]
            case ir.If(condition=condition, body=body):
                return [*self.header("if", condition, indent), *self.block(body, indent + _INDENT)]
            case ir.Choose():
                return self._chosen(statement, indent)
            case ir.Skip():
                return self._skipped(statement, indent)
            case ir.Sort(order=order, key=key, count=count, descending=descending):
                sign = "-" if descending else ""
                size = show.text(count)
                return [f'{indent}{order}[:{size}] = np.argsort({sign}{key}[:{size}], kind="mergesort")']

    def header(self, word: str, condition: ir.Expr, indent: str) -> list[str]:
        """Return the lines of ``word condition:``."""
        lines = self.expressions.broken(condition, f"{word} ", indent)
        lines[-1] += ":"
        return lines

    def _opened(self, statement: ir.Accumulator) -> str:
        opened, show = state(statement), self.expressions
        show.uses_real = show.uses_real or any(opened.narrow)
        return f"{', '.join(map(show.variable, opened.names))} = {', '.join(opened.start)}"

    def _updated(self, statement: ir.Update, indent: str) -> list[str]:
        show = self.expressions
        kind = show.kinds[statement.name]
        name, lost, at, big, small = (
            show.variable(statement.name + ending) for ending in ("", "_lost", "_at", "_big", "_small")
        )
        if kind in ("sum int", "count float"):
            return show.broken(statement.expr, f"{name} += ", indent)
        calls = {
            "sum float": ("two_sum", f"{name}, {lost}", ""),
            "norm float": ("norm_add", f"{big}, {name}, {lost}, {small}", ""),
        }
        if statement.op in ("max", "min"):
            helper, state, extra = {"max": "maximum", "min": "minimum"}[statement.op], name, ""
        elif statement.position is not None:
            helper = {"argmax": "larger", "argmin": "smaller"}[statement.op]
            state, extra = f"{name}, {at}", f", {show.text(statement.position)}"
        else:
            helper, state, extra = calls[kind]
        show.helpers.add(helper)
        text = show.text(statement.expr)
        line = f"{indent}{state} = _{helper}({state}, {text}{extra})"
        if len(line) <= WIDTH:
            return [line]
        lines = show.broken(statement.expr, "term = ", indent)
        line = f"{indent}{state} = _{helper}({state}, term{extra})"
        if len(line) <= WIDTH:
            return [*lines, line]
        return [*lines, f"{indent}{state} = _{helper}(", f"{indent}    {state}, term{extra}", f"{indent})"]

    def _chosen(self, statement: ir.Choose, indent: str) -> list[str]:
        show, inner = self.expressions, indent + _INDENT
        lines = self.header("if", statement.condition, indent)
        lines += self.block(statement.then, inner) + show.broken(
            statement.then_value, f"{statement.name} = ", inner
        )
        lines += [f"{indent}else:"]
        lines += self.block(statement.otherwise, inner)
        return lines + show.broken(statement.otherwise_value, f"{statement.name} = ", inner)

    def _skipped(self, statement: ir.Skip, indent: str) -> list[str]:
        inner = indent + _INDENT
        lines = [
            f"{indent}# Left out: nothing else of this sample is read.",
            *self.header("if", _negated(statement.condition), indent),
            *(f"{inner}{array}[:] = {self._zero(array)}" for array in statement.outputs),
        ]
        zeros = ", ".join("real(0)" for _ in self.function.returns)
        self.expressions.uses_real = self.expressions.uses_real or bool(zeros)
        return [*lines, f"{inner}return {zeros}".rstrip()]

    def _zero(self, array: str) -> str:
        arguments = {a.name: a.type for a in self.function.arguments}
        if (arguments | {w.name: w.type for w in self.function.workspace})[array] == "int":
            return "0"
        self.expressions.uses_real = True
        return "real(0)"

    def _return(self, values: list[ir.Expr]) -> list[str]:
        texts = [self.expressions.text(value) for value in values]
        line = f"{_INDENT}return {', '.join(texts)}"
        if len(line) <= WIDTH:
            return [line]
        names = [
            "numerator" if self.function.numerators == 1 else f"numerator{k}"
            for k in range(self.function.numerators)
        ]
        names += [f"result_{output}" for output in self.function.scalar_outputs]
        lines: list[str] = []
        returned: list[str] = []
        for name, value in zip(names, values, strict=True):
            if isinstance(value, ir.Op):
                lines += self.expressions.broken(value, f"{name} = ", _INDENT)
            returned.append(name if isinstance(value, ir.Op) else self.expressions.text(value))
        return [*lines, f"{_INDENT}return {', '.join(returned)}"]


def _narrow(function: ir.Function) -> frozenset[str]:
    """Return the arrays whose entries a wide function converts before it computes."""
    return frozenset(a.name for a in function.arguments if function.wide and a.type == "float")


def _negated(condition: ir.Expr) -> ir.Expr:
    opposite = {"eq": "ne", "ne": "eq"}
    if isinstance(condition, ir.Op) and condition.name in opposite:
        return ir.Op(opposite[condition.name], condition.args, "bool")
    return ir.Op("not", (condition,), "bool")


def _remark(expr: ir.Expr, indent: str) -> list[str]:
    """Return the reason for a step that the formula does not have."""
    if isinstance(expr, ir.Op) and expr.name == "finite_or_zero":
        return [
            f"{indent}# exp sees differences from the largest term, which stays out of the sum: exp cannot",
            f"{indent}# overflow, and log1p keeps every digit. An infinite maximum is not subtracted, for",
            f"{indent}# inf - inf would be NaN.",
        ]
    return []
