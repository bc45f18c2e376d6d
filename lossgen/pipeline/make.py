"""One loss through all stages, alone or in worker processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing import get_context, parent_process
from os import path
from pathlib import Path
from typing import Any

from lossgen.backends.names import PACKAGE
from lossgen.backends.registry import choose
from lossgen.emit.manifest import entry
from lossgen.emit.render import render
from lossgen.emit.report import BuildRow, LeftOut
from lossgen.errors import LossError, SpecError
from lossgen.pipeline.names import kernel_names, public, with_names
from lossgen.pipeline.variant import compile_variant
from lossgen.runtime.abi import RUNTIME_ABI
from lossgen.spec.model import Loss
from lossgen.spec.registry import Registry, read

__all__ = ["Made", "make_all", "make_loss"]

Progress = Callable[[str, int, int], None]


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

    def row(self, status: str, *targets: str) -> BuildRow:
        """Return what is reported of it, in some targets or all."""
        parts = [self.files[target] for target in targets or self.files]
        lines = sum(text.count("\n") for part in parts for text in part.values())
        return BuildRow(self.name, self.structure, self.variants, self.kernels, lines, status)


def make_all(
    names: Sequence[str], specs: Path, backends: tuple[str, ...], jobs: int | None
) -> Iterator[Made]:
    """Make losses, each yielded when it is done; the texts do not depend on the number of processes."""
    workers = min(jobs or os.cpu_count() or 1, len(names))
    if workers <= 1:
        yield from (_make_one(specs, name, backends) for name in names)
        return
    # Fresh processes: a forked one would inherit threads that do not run in it.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        with _deaf_children():
            futures = [pool.submit(_make_one, specs, name, backends) for name in names]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise LossError(
                "a process of the build was killed, perhaps for want of memory: try --jobs 1"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let processes that are started here ignore interrupts, which reach every process of a terminal.

    The parent decides what an interrupt means; it gets one that comes meanwhile at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    # A worker whose parent was killed would wait for its next task for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@lru_cache(maxsize=1)
def _registry(specs: Path) -> Registry:
    return read(specs)


def _make_one(specs: Path, name: str, backends: tuple[str, ...]) -> Made:
    return make_loss(next(one for one in _registry(specs).losses if one.name == name), specs, backends)


def make_loss(loss: Loss, specs: Path, backends: tuple[str, ...]) -> Made:
    """Make one loss; whatever the generator stumbles over is reported with the place of the declaration."""
    try:
        return _made(loss, specs, backends)
    except SpecError:
        raise
    except LossError as error:
        raise _limit(loss, str(error), "write the formula another way") from error
    except NotImplementedError as error:
        raise _limit(
            loss, f"the generator cannot do this: {error}", "write the formula another way"
        ) from error
    except Exception as error:
        said = f"the generator failed with {type(error).__name__}: {error}"
        raise _limit(
            loss, said, "simplify the formula, and please report it with this declaration"
        ) from error


def _limit(loss: Loss, said: str, fix: str) -> SpecError:
    return SpecError(said, file=loss.file, line=loss.line, loss=loss.name, fix=fix)


def _made(loss: Loss, specs: Path, backends: tuple[str, ...]) -> Made:
    names = kernel_names(loss)
    safe = with_names(loss, names)
    compiled = [compile_variant(safe, variant) for variant in safe.variants]
    origin = f"{specs.name}/{path.basename(loss.file)}" if specs.is_dir() else specs.name
    files: dict[str, dict[str, str]] = {name: {} for name in backends}
    left_out: list[LeftOut] = []
    for backend in choose(backends):
        for unit in backend.units(loss, origin, [one.kernels for one in compiled]):
            reason = backend.refuses(unit)
            if reason is not None:
                left_out.append(LeftOut(backend.name, unit.stem, reason))
                continue
            text = render(backend.template, {**backend.context(unit), "abi": RUNTIME_ABI})
            files[backend.name][f"{backend.name}/{unit.stem}.{backend.extension}"] = text
    kernels = sum(len(one.kernels.kernels) + (one.kernels.prepass is not None) for one in compiled)
    described: dict[str, Any] = {}
    if PACKAGE in files:
        module = next(iter(files[PACKAGE])).removesuffix(".py").replace("/", ".")
        texts = tuple(files[PACKAGE].values())
        described = public(entry(safe, [one.described for one in compiled], module, texts), names)
    return Made(loss.name, loss.structure, len(compiled), kernels, files, tuple(left_out), described)
