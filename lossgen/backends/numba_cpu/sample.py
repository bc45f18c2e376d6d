"""The function of one sample, as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.expressions import WIDTH
from lossgen.backends.numba_cpu.statements import Statements
from lossgen.backends.numba_cpu.vector import VectorStatements
from lossgen.lower import ir
from lossgen.lower.effects import effects

_WIDE = "    real = np.float64  # what is computed on the way may leave the range of float32"


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


def print_sample(
    kernel: Kernel,
    name: str,
    remark: str,
    printer: type[Statements] = VectorStatements,
    decorator: str = "@njit",
) -> SampleText:
    """Return the text of the function that a driver calls for each sample."""
    function = kernel.function
    statements = printer(function)
    body = statements.lines()
    names = sample_arguments(function)
    lines = [decorator, *signature(f"def {name}(", names, "):"), f'    """{remark}"""']
    if statements.expressions.uses_real or function.wide:
        lines.append(anchor_line(function, names)[0])
    return SampleText(
        name, "\n".join([*lines, *body]) + "\n", names, frozenset(statements.expressions.helpers)
    )


def sample_arguments(function: ir.Function) -> tuple[str, ...]:
    """Return what the function of one sample takes, in order."""
    used = _used(function)
    anchor = _anchor(function, used)
    kept = [
        a for a in function.arguments if a.name in used or a is anchor or a.name in function.array_outputs
    ]
    return (*(a.name for a in kept), *(w.name for w in function.workspace))


def anchor_line(
    function: ir.Function, takes: tuple[str, ...], types: Mapping[str, ir.Type] | None = None
) -> tuple[str, tuple[str, ...]]:
    """Return the line that names the floating-point type, and the parameters, one more if none tells it.

    In a wide function lines follow that convert plain numbers.

    `types` are those of parameters that are no arguments of the kernel.
    """
    floats = [a for a in function.arguments if a.type == "float" and a.name in takes]
    if function.wide:
        narrow = [f"    {a.name} = real({a.name})" for a in floats if not a.rank]
        return "\n".join([_WIDE, *narrow]), takes
    if floats:
        first = next((a for a in floats if a.name not in function.array_outputs), floats[0])
        return _real(first), takes
    known = {**{w.name: w.type for w in function.workspace}, **(types or {})}
    for name in takes:
        if known.get(name) == "float":
            is_array = any(w.name == name for w in function.workspace)
            return f"    real = {name}.dtype.type" if is_array else f"    real = type({name})", takes
    anchor = _anchor(function, set())
    return _real(anchor), (*takes, anchor.name)


def _real(anchor: ir.Argument) -> str:
    return f"    real = {anchor.name}.dtype.type" if anchor.rank else f"    real = type({anchor.name})"


def signature(head: str, names: tuple[str, ...], tail: str, indent: str = "") -> list[str]:
    """Return ``head + names + tail``, broken after commas where it is long."""
    line = f"{indent}{head}{', '.join(names)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{head}", *wrapped(names, indent), f"{indent}{tail}"]


def grouped(head: str, names: tuple[str, ...], tail: str, indent: str = "") -> list[str]:
    """Return ``head + names + tail``, the names in parentheses and broken after commas where it is long."""
    line = f"{indent}{head}{', '.join(names)}{tail}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{indent}{head}(", *wrapped(names, indent), f"{indent}){tail}"]


def called(targets: tuple[str, ...], name: str, takes: tuple[str, ...], indent: str = "") -> list[str]:
    """Return ``targets = name(takes)``, broken after commas where it is long."""
    head = f"{', '.join(targets)} = " if targets else ""
    lines = signature(f"{head}{name}(", takes, ")", indent)
    if len(lines[0]) <= WIDTH:
        return lines
    return [f"{indent}(", *wrapped(targets, indent), *signature(f") = {name}(", takes, ")", indent)]


def wrapped(names: tuple[str, ...], indent: str) -> list[str]:
    """Return names as lines, one level deeper than `indent`."""
    lines, current = [], ""
    for name in names:
        if len(indent) + len(current) + len(name) + 6 > WIDTH:
            lines.append(f"{indent}    {current.rstrip()}")
            current = ""
        current += f"{name}, "
    return [*lines, f"{indent}    {current.rstrip().rstrip(',')}"]


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
