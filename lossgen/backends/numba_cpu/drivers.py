"""The functions around a sample function, as text: a block of samples, and the serial and parallel kernels
that run over blocks.

Both kernels call the same block function, and blocks depend on shapes alone: results have the same bits
for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lossgen.backends.base import Kernel
from lossgen.backends.numba_cpu.expressions import WIDTH, Expressions
from lossgen.backends.numba_cpu.sample import SampleText, signature
from lossgen.lower import ir
from lossgen.spec.roles import TENSOR_ROLES

_SAMPLED = (*TENSOR_ROLES, "tangent")
# These kinds report no sums.
WITHOUT_SUMS = ("values", "hessian", "hvp", "bound", "irls")


@dataclass(frozen=True)
class Roles:
    """How a driver passes each argument of a kernel on to the sample function."""

    sampled: tuple[str, ...]  # one entry or row per sample
    spread: tuple[str, ...]  # one number for all samples, or one per sample
    shared: tuple[str, ...]  # an array for all samples
    scales: tuple[str, ...]
    outputs: tuple[str, ...]
    masked: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Arguments of the kernel up to the mask."""
        return self._order

    _order: tuple[str, ...] = ()


def roles(kernel: Kernel) -> Roles:
    """Sort the arguments of a kernel by what a driver does with them."""
    sampled: list[str] = []
    spread: list[str] = []
    shared: list[str] = []
    scales: list[str] = []
    order: list[str] = []
    items = False
    for tensor in kernel.routine.inputs:
        if tensor.role == "scale":
            scales.append(tensor.name)
            continue
        order.append(tensor.name)
        if tensor.role == "weight" and tensor.axes:
            items = True
            sampled.append(tensor.name)
        elif tensor.role in _SAMPLED:
            sampled.append(tensor.name)
        else:
            (shared if tensor.axes else spread).append(tensor.name)
    outputs = tuple(output.name for output in kernel.routine.outputs)
    return Roles(
        tuple(sampled), tuple(spread), tuple(shared), tuple(scales), outputs, not items, tuple(order)
    )


def lead(kernel: Kernel) -> str:
    """Return the name of the first prediction, which tells how many samples there are."""
    return next(tensor.name for tensor in kernel.routine.inputs if tensor.role == "pred")


def steps(names: Sequence[str]) -> list[str]:
    """Return the lines that say how arrays of one entry or of one per sample are read."""
    lines = [f"    step_{n} = 0 if {n}.shape[0] == 1 else 1" for n in names]
    return ["    # One number for all samples, or one per sample.", *lines] if lines else []


def passed(name: str, each: Sequence[str], spread: Sequence[str]) -> str:
    """Return what a driver passes for an argument of the function of sample `i`."""
    if name in spread:
        return f"{name}[i * step_{name}]"
    return f"{name}[i]" if name in each else name


def has_loops(function: ir.Function) -> bool:
    """Return whether one sample needs a loop."""
    return any(isinstance(statement, ir.Loop | ir.Sort) for statement in ir.statements(function.body))


def print_block(kernel: Kernel, sample: SampleText, name: str, terms: int) -> str:
    """Return the text of the function that runs one block of samples.

    Where a sample needs no loop, the losses of a block are added up after the loop over it, for a running
    sum would keep that loop from running in vector registers.
    """
    vector = not has_loops(kernel.function)
    role = roles(kernel)
    arguments = kernel_arguments(kernel, role)
    first = lead(kernel)
    sums = kernel.kind not in WITHOUT_SUMS
    lines = ["@njit", *signature(f"def {name}(", (*arguments, "k"), "):")]
    lines += ['    """Run block number k."""', f"    real = {first}.dtype.type"]
    lines += ["    first = k * block", f"    last = min(first + block, {first}.shape[0])"]
    lines += [
        "    # Slices, then loops from 0: with a range from `first` on the compiler would emit gathers."
    ]
    cut = [*(n for n in role.sampled if n in sample.arguments), *role.outputs]
    lines += [f"    {n} = {n}[first:last]" for n in cut]
    lines += [f"    {n} = real(scales[{t}])" for t, n in enumerate(role.scales) if n in sample.arguments]
    lines += _workspace(kernel.function)
    if sums and vector:
        kind = "np.float64" if kernel.function.wide else "real"
        lines += [f"    {_terms(t, terms)} = np.empty(last - first, {kind})" for t in range(terms)]
    elif sums:
        lines += [f"    {_total(t, terms)}, {_lost(t, terms)} = 0.0, 0.0" for t in range(terms)]
    spread = [n for n in role.spread if n in sample.arguments]
    if role.masked or spread:
        singles = [f"{n}.shape[0] == 1" for n in (*role.spread, *(["mask"] if role.masked else []))]
        lines += _condition(singles + (["mask[0]"] if role.masked else []))
        lines += ["        # The same parameters for all samples."]
        lines += [f"        one_{n} = {n}[0]" for n in spread]
        lines += _uniform_loops(kernel, sample, role, terms, spread, vector)
        lines += ["    else:"]
        lines += [f"        {n} = {n}[first:last]" for n in (*spread, *(["mask"] if role.masked else []))]
        lines += _loop(
            kernel, sample, role, terms, 8, lambda n: f"{n}[i]" if n in spread else None, vector, role.masked
        )
    else:
        lines += _loop(kernel, sample, role, terms, 4, lambda n: None, vector)
    if sums and vector:
        lines += [f"    partials[k, {t}] = vm.summed({_terms(t, terms)})" for t in range(terms)]
    elif sums:
        lines += [
            f"    partials[k, {t}] = _total({_total(t, terms)}, {_lost(t, terms)})" for t in range(terms)
        ]
    return "\n".join(lines) + "\n"


def print_kernels(kernel: Kernel, names: Callable[[str], str], block: str, terms: int, remark: str) -> str:
    """Return the text of the serial kernel and of the parallel one; `names` gives that of each role."""
    threads = f"As `{names('')}`, in threads; the same bits."
    return "\n\n".join(
        (
            _over_blocks(kernel, "@njit", names(""), remark, "range", block, terms),
            _over_blocks(kernel, "@njit(parallel=True)", names("parallel"), threads, "prange", block, terms),
        )
    )


def print_within(kernel: Kernel, names: Callable[[str], str], block: str, terms: int) -> str:
    """Return the text of the kernel whose threads share each sample."""
    remark = f"As `{names('')}`, threads share each sample; the same bits."
    return _over_blocks(kernel, "@njit", names("within"), remark, "range", block, terms)


def _over_blocks(
    kernel: Kernel, decorator: str, name: str, remark: str, loop: str, block: str, terms: int
) -> str:
    arguments = kernel_arguments(kernel, roles(kernel))
    first = lead(kernel)
    count = f"-(-{first}.shape[0] // block)" if kernel.kind in WITHOUT_SUMS else "partials.shape[0]"
    lines = [decorator, *signature(f"def {name}(", arguments, "):"), f'    """{remark}"""']
    lines.append(f"    for k in {loop}({count}):")
    lines += signature(f"{block}(", (*arguments, "k"), ")", "        ")
    return "\n".join(lines) + "\n"


def kernel_arguments(kernel: Kernel, role: Roles) -> tuple[str, ...]:
    """Return the arguments of a kernel in the order of the calling convention."""
    partials = () if kernel.kind in WITHOUT_SUMS else ("partials",)
    return (*role.names, "mask", "scales", *role.outputs, *partials, "block")


def _condition(parts: list[str]) -> list[str]:
    line = f"    if {' and '.join(parts)}:"
    if len(line) <= WIDTH:
        return [line]
    return ["    if (", f"        {parts[0]}", *(f"        and {part}" for part in parts[1:]), "    ):"]


def _total(term: int, terms: int) -> str:
    return "total" if terms == 1 else f"total{term}"


def _terms(term: int, terms: int) -> str:
    return "terms" if terms == 1 else f"terms{term}"


def _lost(term: int, terms: int) -> str:
    return "lost" if terms == 1 else f"lost{term}"


def _workspace(function: ir.Function) -> list[str]:
    """Allocate the workspace once for the block. In a block arrays have the samples as their first
    dimension.
    """
    lines = []
    for array in function.workspace:
        show = Expressions({})
        extents = ", ".join(show.text(in_block(extent)) for extent in array.extents)
        kind = "np.int64" if array.type == "int" else "np.float64" if function.wide else "real"
        lines.append(f"    {array.name} = np.empty(({extents},), {kind})")
    return lines


def in_block(expr: ir.Expr) -> ir.Expr:
    """Return the extent of one sample in terms of arrays that have the samples as their first dimension."""
    if isinstance(expr, ir.Size):
        return ir.Size(expr.array, expr.dim + 1)
    if isinstance(expr, ir.Op):
        return ir.Op(expr.name, tuple(map(in_block, expr.args)), expr.type)
    return expr


def _uniform_loops(
    kernel: Kernel, sample: SampleText, role: Roles, terms: int, spread: Sequence[str], vector: bool
) -> list[str]:
    """Return the loop for parameters that all samples share; where one is an exponent, there is one more for
    2, the exponent that most losses have by default: of a known power the compiler leaves a product.
    """

    def loop(depth: int, known: Mapping[str, str]) -> list[str]:
        def spelled(name: str) -> str | None:
            return known.get(name, f"one_{name}") if name in spread else None

        return _loop(kernel, sample, role, terms, depth, spelled, vector)

    exponents = [name for name in spread if name in _exponents(kernel.function)]
    if not exponents:
        return loop(8, {})
    square = " and ".join(f"one_{name} == 2" for name in exponents)
    return [
        f"        if {square}:",
        *loop(12, dict.fromkeys(exponents, "real(2)")),
        "        else:",
        *loop(12, {}),
    ]


def _exponents(function: ir.Function) -> set[str]:
    """Return the names that are exponents, by themselves."""
    places = {"pow": 1, "powered": 2}
    parts = (part for part in ir.expressions(function.body) if isinstance(part, ir.Op))
    found = (part.args[places[part.name]] for part in parts if part.name in places)
    return {exponent.name for exponent in found if isinstance(exponent, ir.Var)}


def _loop(
    kernel: Kernel,
    sample: SampleText,
    role: Roles,
    terms: int,
    depth: int,
    spelled: Callable[[str], str | None],
    vector: bool,
    masked: bool = False,
) -> list[str]:
    """Return the loop over the samples of a block."""
    function = kernel.function

    def passed(name: str) -> str:
        if (given := spelled(name)) is not None:
            return given
        return f"{name}[i]" if name in role.sampled or name in role.outputs else name

    if vector:
        results = [f"{_terms(t, terms)}[i]" for t in range(function.numerators)]
    else:
        results = [("numerator" if terms == 1 else f"numerator{t}") for t in range(function.numerators)]
    cleared = [*(results if vector else ()), *(_cleared(function, output) for output in role.outputs)]
    results += [f"{output}[i]" for output in function.scalar_outputs]
    target = f"{', '.join(results)} = " if results else ""
    pad = " " * depth
    inner = pad + "    " * (2 if masked else 1)
    lines = [f"{pad}for i in range(last - first):"]
    if masked:
        lines.append(f"{pad}    if mask[i]:")
    lines += signature(f"{target}{sample.name}(", tuple(map(passed, sample.arguments)), ")", inner)
    if kernel.kind not in WITHOUT_SUMS and not vector:
        for t in range(terms):
            state = f"{_total(t, terms)}, {_lost(t, terms)}"
            lines.append(f"{inner}{state} = _two_sum({state}, {results[t]})")
    if masked and cleared:
        lines.append(f"{pad}    else:")
        lines += [f"{inner}{entry} = real(0)" for entry in cleared]
    return lines


def _cleared(function: ir.Function, output: str) -> str:
    return f"{output}[i]" if output in function.scalar_outputs else f"{output}[i][:]"
