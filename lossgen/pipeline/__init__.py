"""From declarations to the generated tree."""

from lossgen.pipeline.build import BuildReport, BuildRow, build

__all__ = ["BuildReport", "BuildRow", "build"]
