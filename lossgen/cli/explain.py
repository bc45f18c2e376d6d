"""``lossgen explain``."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lossgen.cli import deferred
from lossgen.cli.codes import Code, UsageError
from lossgen.cli.command import JSON, Argument, Command, flag
from lossgen.cli.packages import LOSS, single, split
from lossgen.cli.text import indented, section
from lossgen.console import Console
from lossgen.paths import specs_folder

__all__ = ["COMMAND"]

_OUTPUTS = ("value", "gradient", "hessian", "bound", "irls")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Print how a loss became its kernels."""
    specs, names = split(arguments.names)
    specs = specs or specs_folder()
    loss, variant = _declared(specs, names, arguments.variant)
    explanation = deferred.build_side("lossgen.pipeline.explain").explain(loss, variant, specs)
    wanted = [one for one in explanation.outputs if arguments.output in (None, one.kind)]
    if arguments.json:
        console.json(asdict(explanation) | {"outputs": [asdict(one) for one in wanted]})
        return Code.DONE
    width = console.width
    console.title(explanation.name + (f", {explanation.variant}" if explanation.variant else ""))
    section(console, "Declared", indented(explanation.declared, width))
    section(console, "Rules fired before derivation", _rules(explanation.rules, width))
    if explanation.lifted != explanation.declared:
        section(console, "Stable form", indented(explanation.lifted, width))
    for one in wanted:
        section(console, f"{one.title}, derived", indented(one.derived, width))
        section(console, "Rules fired after derivation", _rules(one.rules, width))
        if one.form != one.derived:
            section(console, f"{one.title}, stable form", indented(one.form, width))
        section(console, "Branches, and why they are there", _branches(one.branches, width))
        if one.compared:
            section(
                console, "Forms compared by their error, where the stable form fails", _compared(one.compared)
            )
        if not arguments.no_code:
            console.line()
            console.title(f"{one.title}, generated code for one sample")
            console.code(textwrap.indent(one.code, "  "))
    helpers = {name: text for one in wanted for name, text in one.helpers.items()}
    if helpers and not arguments.no_code:
        console.line()
        console.title("Functions that the code calls")
        console.code(textwrap.indent("\n\n\n".join(helpers.values()), "  "))
    missing = arguments.output not in (None, *(one.kind for one in explanation.outputs))
    if missing:
        console.error(f"{explanation.name} has no kernel for its {arguments.output}")
    return Code.WRONG if missing else Code.DONE


def _declared(specs: Path, names: tuple[str, ...], suffix: str) -> tuple[Any, Any]:
    registry = deferred.build_side("lossgen.spec.registry")
    losses = {loss.name: loss for loss in registry.load(specs)}
    loss = losses[single(names, losses)]
    variants = {variant.suffix: variant for variant in loss.variants}
    if suffix not in variants:
        named = ", ".join(filter(None, variants)) or "none but the default"
        raise UsageError(f"{loss.name} has no variant {suffix!r}; there are {named}")
    return loss, variants[suffix]


def _rules(rules: Sequence[Any], width: int) -> str:
    lines: list[str] = []
    for one in rules:
        times = f" ({one.times} times)" if one.times > 1 else ""
        lines.append(textwrap.fill(f"{one.rule}{times}: {one.avoids}", width, **_HANGING))
        lines.append(indented(f"    {one.before}", width))
        lines.append(indented(f"    -> {one.after}", width))
    return "\n".join(lines)


def _compared(rows: Sequence[Any]) -> str:
    lines: list[str] = []
    for one in rows:
        text = (
            f"{one.form}: fails at {one.failed} of {one.of} samples, {one.bits} bits wrong, cost {one.cost}"
        )
        if one.chosen:
            lines += [f"  {one.output}", f"    {text} (chosen)"]
        else:
            lines.append(f"    {text}")
    return "\n".join(lines)


def _branches(branches: Sequence[Any], width: int) -> str:
    lines: list[str] = []
    for one in branches:
        lines.append(indented(f"if {one.condition}", width))
        lines.append(textwrap.fill(one.reason, width, initial_indent="      ", subsequent_indent="      "))
    return "\n".join(lines)


_HANGING: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "    "}

COMMAND = Command(
    name="explain",
    summary="explain how a formula became code, and why",
    run=run,
    arguments=(
        LOSS,
        Argument(
            "--variant",
            "a combination of static choices, by its suffix in the generated code",
            "",
            {"default": "", "metavar": "SUFFIX"},
        ),
        Argument("--output", "only this one", "", {"choices": _OUTPUTS}),
        flag("--no-code", "leave out the generated code"),
        JSON,
    ),
    about="From the declared formula to the stable one, its derivatives, the rewrite rules that fired and\n"
    "what they avoid, the form that is computed, and the reason for each branch.",
    examples=(
        ("lossgen explain huber", "everything"),
        ("lossgen explain cross_entropy --output gradient", "the gradient alone"),
        ("lossgen explain my_specs/ my_loss", "one of your own, from its declaration"),
    ),
)
