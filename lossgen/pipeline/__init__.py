"""From declarations to the generated tree."""

from lossgen.emit.report import BuildReport, BuildRow
from lossgen.pipeline.build import build

__all__ = ["BuildReport", "BuildRow", "build"]
