"""One loss through all stages, alone or in worker processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from os import path
from pathlib import Path
from typing import Any

from lossgen.backends.names import PACKAGE
from lossgen.backends.registry import choose
from lossgen.emit.choices import choices_file, choices_text, read_choices
from lossgen.emit.manifest import entry
from lossgen.emit.records import Wanted, wanted
from lossgen.emit.render import module_text
from lossgen.emit.report import BuildRow, LeftOut
from lossgen.errors import LossError, SpecError
from lossgen.pipeline.names import kernel_names, public, with_names
from lossgen.pipeline.pool import in_processes
from lossgen.pipeline.variant import compile_variant
from lossgen.spec.blame import said
from lossgen.spec.model import Loss
from lossgen.spec.registry import Registry, read
from lossgen.stabilize.curvature.rules import Rule

__all__ = ["Made", "blamed", "check_curvature", "make_all", "make_loss", "origin"]


@dataclass(frozen=True)
class Made:
    """What was made of one loss.

    Attributes
    ----------
    files : dict
        Texts by path in the output folder, of each target.
    left_out : tuple of LeftOut
        What a target cannot write.
    entry : dict
        Its part of the manifest; empty where the Python package is no target.
    """

    name: str
    structure: str
    variants: int
    kernels: int
    files: dict[str, dict[str, str]]
    left_out: tuple[LeftOut, ...] = ()
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def records(self) -> list[Wanted]:
        """The variants that should have a record."""
        return wanted(self.name, self.entry) if self.entry else []

    def row(self, status: str, *targets: str) -> BuildRow:
        """Return what is reported of it, in some targets or all."""
        parts = [self.files[target] for target in targets or self.files]
        lines = sum(text.count("\n") for part in parts for text in part.values())
        return BuildRow(self.name, self.structure, self.variants, self.kernels, lines, status)


def make_all(
    names: Sequence[str], specs: Path, backends: tuple[str, ...], jobs: int | None, out: Path
) -> Iterator[Made]:
    """Make losses, each yielded when it is done; the texts do not depend on the number of processes.

    What was compared before, by the records in `out`, is not measured again.
    """
    _registry.cache_clear()  # declarations may have changed since the last build of this process
    tasks = [(specs, name, backends, out) for name in names]
    yield from (made for _, made in in_processes(_make_one, tasks, jobs))


@lru_cache(maxsize=1)
def _registry(specs: Path) -> Registry:
    return read(specs)


def _make_one(task: tuple[Path, str, tuple[str, ...], Path]) -> Made:
    specs, name, backends, out = task
    loss = next(one for one in _registry(specs).losses if one.name == name)
    return make_loss(loss, specs, backends, read_choices(out, name))


def make_loss(loss: Loss, specs: Path, backends: tuple[str, ...], known: Mapping[str, Any]) -> Made:
    """Make one loss; whatever the generator stumbles over is reported with the place of the declaration.

    What was compared before, by variant, is in `known`.
    """
    with blamed(loss):
        return _made(loss, specs, backends, known)


@contextmanager
def blamed(loss: Loss) -> Iterator[None]:
    """Report whatever the generator stumbles over with the place of the declaration."""
    try:
        yield
    except SpecError as error:
        if error.file is None:
            error.file, error.line, error.loss = loss.file, loss.line, loss.name
        raise
    except LossError as error:
        raise _limit(loss, str(error), "write the formula another way") from error
    except NotImplementedError as error:
        raise _limit(
            loss, f"the generator cannot do this: {error}", "write the formula another way"
        ) from error
    except Exception as error:
        raise _limit(
            loss,
            f"the generator failed with {said(error)}",
            "simplify the formula, and please report it with this declaration",
        ) from error


def _limit(loss: Loss, said: str, fix: str) -> SpecError:
    return SpecError(said, file=loss.file, line=loss.line, loss=loss.name, fix=fix)


def check_curvature(loss: Loss, rules: Mapping[str, Rule]) -> None:
    """Raise SpecError where a declaration names a curvature rule that its default variant does not have."""
    rule = rules.get(loss.curvature)
    if rule is not None and not rule.kind:
        others = [name for name, other in rules.items() if other.kind]
        raise SpecError(
            f"curvature={loss.curvature!r} does not exist for it: {rule.reason}",
            file=loss.file,
            line=loss.line,
            loss=loss.name,
            argument="curvature",
            fix=f"leave it out, or name {' or '.join(others)}" if others else "leave it out",
        )


def origin(loss: Loss, specs: Path) -> str:
    """Return how generated files name the file of a declaration."""
    return f"{specs.name}/{path.basename(loss.file)}" if specs.is_dir() else specs.name


def _made(loss: Loss, specs: Path, backends: tuple[str, ...], known: Mapping[str, Any]) -> Made:
    names = kernel_names(loss)
    safe = with_names(loss, names)
    compiled = [compile_variant(safe, variant, known=known.get(variant.suffix)) for variant in safe.variants]
    check_curvature(loss, compiled[0].described.rules)
    files: dict[str, dict[str, str]] = {name: {} for name in backends}
    left_out: list[LeftOut] = []
    for backend in choose(backends):
        for unit in backend.units(loss, origin(loss, specs), [one.kernels for one in compiled]):
            reason = backend.refuses(unit)
            if reason is not None:
                left_out.append(LeftOut(backend.name, unit.stem, reason))
                continue
            text = module_text(backend, unit)
            files[backend.name][f"{backend.name}/{unit.stem}.{backend.extension}"] = text
    kernels = sum(len(one.kernels.kernels) + (one.kernels.prepass is not None) for one in compiled)
    described: dict[str, Any] = {}
    if PACKAGE in files:
        module = next(iter(files[PACKAGE])).removesuffix(".py").replace("/", ".")
        texts = tuple(files[PACKAGE].values())
        described = public(entry(safe, [one.described for one in compiled], module, texts), names)
        pairs = zip(safe.variants, compiled, strict=True)
        if choices := {variant.suffix: one.choices for variant, one in pairs if one.choices}:
            files[PACKAGE][choices_file(loss.name)] = choices_text(loss.name, choices)
    return Made(loss.name, loss.structure, len(compiled), kernels, files, tuple(left_out), described)
