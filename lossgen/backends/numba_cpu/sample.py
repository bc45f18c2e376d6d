"""The function of one sample, as text."""

from __future__ import annotations

from dataclasses import dataclass

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.expressions import WIDTH
from lossgen.backends.numba_cpu.statements import Statements
from lossgen.lower import ir
from lossgen.lower.effects import effects


@dataclass(frozen=True)
class SampleText:
    """A printed sample function.

    ``arguments`` are those that it takes, in order: arguments of the kernel that it uses, array
    outputs, workspace.
    """

    name: str
    text: str
    arguments: tuple[str, ...]
    helpers: frozenset[str]


def print_sample(kernel: Kernel, name: str, remark: str) -> SampleText:
    """Return the text of the function that a driver calls for each sample."""
    function = kernel.function
    statements = Statements(function)
    body = statements.lines()
    used = _used(function)
    anchor = _anchor(function, used)
    kept = [
        a for a in function.arguments if a.name in used or a is anchor or a.name in function.array_outputs
    ]
    names = (*(a.name for a in kept), *(w.name for w in function.workspace))
    lines = ["@njit", *signature(f"def {name}(", names, "):"), f'    """{remark}"""']
    if statements.expressions.uses_real:
        lines.append(
            f"    real = {anchor.name}.dtype.type" if anchor.rank else f"    real = type({anchor.name})"
        )
    return SampleText(
        name, "\n".join([*lines, *body]) + "\n", names, frozenset(statements.expressions.helpers)
    )


def signature(head: str, names: tuple[str, ...], tail: str, indent: str = "") -> list[str]:
    """Return ``head + names + tail``, broken after commas where it is long."""
    line = f"{indent}{head}{', '.join(names)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    lines, current = [f"{indent}{head}"], ""
    for name in names:
        if len(indent) + len(current) + len(name) + 6 > WIDTH:
            lines.append(f"{indent}    {current.rstrip()}")
            current = ""
        current += f"{name}, "
    return [*lines, f"{indent}    {current.rstrip().rstrip(',')}", f"{indent}{tail}"]


def _used(function: ir.Function) -> set[str]:
    names: set[str] = set()
    for statement in function.body:
        touched = effects(statement)
        names |= touched.uses | touched.loads | touched.stores
    every = [
        *ir.expressions(function.body),
        *(e for value in function.returns for e in ir.subexpressions(value)),
    ]
    for expr in every:
        if isinstance(expr, ir.Load | ir.Size):
            names.add(expr.array)
        elif isinstance(expr, ir.Var):
            names.add(expr.name)
    return names


def _anchor(function: ir.Function, used: set[str]) -> ir.Argument:
    """Return the argument that tells the floating-point type."""
    floats = [a for a in function.arguments if a.type == "float"]
    return next((a for a in floats if a.name in used), floats[0])
