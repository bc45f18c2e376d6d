"""``lossgen show``."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from lossgen.cli import deferred
from lossgen.cli.codes import Code
from lossgen.cli.command import JSON, Command, flag
from lossgen.cli.packages import LOSS, PACKAGE, importable, opened, single, split, spoken
from lossgen.cli.plot import draw, side_by_side
from lossgen.cli.text import indented, paragraphs, section
from lossgen.console import Console
from lossgen.runtime.accuracy import percent
from lossgen.runtime.manifest import DOMAINS

__all__ = ["COMMAND"]

_HEIGHT = 8
_ROLES = {"pred": "prediction", "class": "class", "labels": "labels", "length": "length"}
# What the two plots of a screen share, without their axes.
_MARGINS = 22


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print one loss."""
    specs, names = split(arguments.names)
    package = opened(specs, arguments, console)
    name = single(names, package.manifest["losses"])
    raw = package.manifest["losses"][name]
    if arguments.json:
        accuracy = package.get(name).accuracy
        console.json({"name": name, "package": spoken(specs, arguments), **raw, "accuracy": accuracy})
        return Code.DONE
    loss = importable(package).get(name)
    summary, _, rest = loss.entry.doc.strip().partition("\n\n")
    console.title(f"{name}: {' '.join(summary.split())}" if summary else name)
    if rest:
        console.line(f"\n{paragraphs(rest, console.width)}")
    section(console, "Formula", indented(loss.entry.default_variant.formula_text, console.width))
    gradients = loss.entry.default_variant.gradient_text
    text = "\n".join(indented(one, console.width) for one in gradients.values())
    section(console, "Gradient", text or "  by recurrence backwards; `lossgen explain` shows it")
    rules = loss.entry.default_variant.curvature
    for chosen, rule in rules.items():
        formulas = "\n".join(indented(one, console.width) for one in rule.text.values())
        section(console, f"Curvature {chosen!r}", formulas)
    section(console, "Arguments", "\n".join(_arguments(loss, console.width)))
    section(console, "Example", textwrap.indent(_example(loss, spoken(specs, arguments)), "  "))
    if not arguments.no_plot:
        section(console, "Plot", "\n".join(_plot(loss, console)))
    section(console, "Accuracy", "\n".join(_accuracy(loss.accuracy or {})))
    section(console, "More", "\n".join(_facts(loss, console.width)))
    return Code.DONE


def _arguments(loss: Any, width: int) -> Iterator[str]:
    rows: list[tuple[str, str]] = []
    for tensor in loss.entry.tensors:
        axes = f"[{', '.join(tensor.axes)}]" if tensor.axes else ""
        facts = [tensor.doc.rstrip(".") or _ROLES.get(tensor.role, tensor.role)]
        facts += [] if tensor.domain == "real" else [DOMAINS.get(tensor.domain, tensor.domain)]
        facts += [f"a position on axis {tensor.over}"] if tensor.role in ("class", "labels") else []
        facts += ["optional"] if tensor.optional else []
        rows.append((f"{tensor.name}{axes}", ", ".join(facts)))
    for param in loss.entry.params:
        default = "" if param.required else f"={param.default!r}"
        domain = DOMAINS.get(param.domain, param.domain) or "any number"
        domain += f", {param.above}" if param.above else ""
        rows.append((f"{param.name}{default}", param.doc or domain))
    for static in loss.entry.statics:
        choices = " or ".join(map(repr, static.choices))
        rows.append((f"{static.name}={static.default!r}", f"{static.doc} ({choices})".strip()))
    first = max(len(name) for name, _ in rows)
    for name, said in rows:
        lines = textwrap.wrap(" ".join(said.split()), max(width - first - 4, 30)) or [""]
        yield f"  {name:<{first}}  {lines[0]}".rstrip()
        yield from (f"  {'':<{first}}  {line}" for line in lines[1:])


def _example(loss: Any, package: str) -> str:
    """Write a call as a person would, and its result."""
    numpy = deferred.user_side("numpy")
    given = deferred.user_side("lossgen.runtime.example").example(loss.entry)
    lines = ["import numpy as np", f"import {package} as L", ""]
    for name, array in given.items():
        text = numpy.array2string(array, separator=", ", max_line_width=100)
        inner = "\n" + " " * (len(name) + 12)
        lines.append(f"{name} = np.array({inner.join(filter(str.strip, text.splitlines()))})")
    call = f"L.{loss.name}.value_and_grad({', '.join(given)})"
    several = len(loss.entry.predictions) > 1
    lines.append(f"value, {'grads' if several else 'grad'} = {call}")
    value, _ = loss.value_and_grad(*given.values())
    lines.append(f"print(value)  # {float(value):.6g}")
    return "\n".join(lines)


def _plot(loss: Any, console: Console) -> Iterator[str]:
    found = deferred.user_side("lossgen.runtime.example").curve(loss)
    encoding = (getattr(console.out, "encoding", None) or "utf-8").lower()
    width = min((console.width - _MARGINS) // 2, 50)
    value, gradient = (
        draw(title, found.x, numbers, width, _HEIGHT, braille=encoding.startswith("utf"))
        for title, numbers in (("value", found.value), ("gradient", found.gradient))
    )
    yield from (f"  {line}" for line in side_by_side(value, gradient))
    yield f"  {found.title}"


def _accuracy(outputs: Mapping[str, Any]) -> Iterator[str]:
    """The certificate of the default variant, as a small table."""
    rows = [("", "", "points", "within 4 ulp", "within 16 ulp", "pass")]
    rows += [
        (
            output,
            dtype,
            f"{one['points']:,}",
            *(percent(1 - one[share]) for share in ("over_4", "over_16", "failed")),
        )
        for output, dtypes in outputs.items()
        for dtype, one in dtypes.items()
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows if outputs else ():
        texts = zip(row, widths, strict=True)
        padded = [text.ljust(width) if k < 2 else text.rjust(width) for k, (text, width) in enumerate(texts)]
        yield "  " + "  ".join(padded).rstrip()


def _facts(loss: Any, width: int) -> Iterator[str]:
    entry = loss.entry
    variants = [", ".join(f"{k}={v!r}" for k, v in one.static.items()) or "one" for one in entry.variants]
    facts = {
        "family": entry.family,
        "structure": entry.structure,
        "variants": "; ".join(variants) if len(variants) > 1 else "",
        "curvature": entry.default_variant.no_hessian
        or f"{', '.join(entry.curvatures)}; {entry.curvature} by default; hvp",
        "elsewhere": ", ".join(f"{where}: {name}" for where, name in entry.peers.items()),
        "source": entry.source,
        "fingerprint": loss.fingerprint,
    }
    for name, text in facts.items():
        if text:
            lines = textwrap.wrap(text, max(width - 15, 30), break_long_words=False)
            yield f"  {name:<11}  {lines[0]}"
            yield from (" " * 15 + line for line in lines[1:])


COMMAND = Command(
    name="show",
    summary="show a loss: formula, gradient, arguments, an example, a plot",
    run=run,
    arguments=(
        LOSS,
        flag("--no-plot", "leave out the plot"),
        PACKAGE,
        JSON,
    ),
    about="The example is run, and the plot is drawn by the kernels themselves.",
    examples=(
        ("lossgen show huber", "a loss of lossgen"),
        ("lossgen show my_specs/ my_loss", "one of your own, from its declaration"),
        ("lossgen show my_loss --package my_losses", "the same in the package that you built"),
        ("lossgen show huber --json", "all that is known about it, for programs"),
    ),
)
