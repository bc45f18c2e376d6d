"""The accuracy certificate of a kernel: what its record says, in numbers and in words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["accuracy_line", "certificate", "percent", "read_certificate", "read_record", "record_path"]


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the content of a record, or None if there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and "outputs" in content else None


def record_path(folder: Path, name: str, suffix: str) -> Path:
    """Return where a package keeps the record of a variant."""
    stem = f"{name}__{suffix}" if suffix else name
    return folder / "records" / f"{stem}.json"


def read_certificate(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the certificate of a kernel, or None if there is none.

    Parameters
    ----------
    path : Path
        Its record.
    fingerprint : str
        What the kernel is; a record of another kernel is no certificate of this one.
    """
    record = read_record(path)
    return certificate(record) if record is not None and record.get("fingerprint") == fingerprint else None


def certificate(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as users see it: infinities are numbers."""
    outputs = {
        output: {dtype: {**one, "max_ulp": float(one["max_ulp"])} for dtype, one in dtypes.items()}
        for output, dtypes in record["outputs"].items()
    }
    return {key: value for key, value in record.items() if key != "generator"} | {"outputs": outputs}


def accuracy_line(outputs: Mapping[str, Any]) -> str:
    """Say in one line how accurate value and gradient are in float64, given ``L.<loss>.accuracy``."""
    told = {
        output: dtypes["float64"]
        for output, dtypes in outputs.items()
        if "float64" in dtypes and output.partition(" ")[0] in ("value", "gradient")
    }
    if not told:
        return ""
    fewest = min(one["points"] for one in told.values())
    shares = ", ".join(f"{output} at {percent(1 - one['over_4'])}" for output, one in told.items())
    failed = sum(round(one["failed"] * one["points"]) for one in told.values())
    return (
        f"Accuracy (float64, {fewest:,} points or more): within 4 ulp {shares}; "
        f"{failed or 'none'} {'fail' if failed > 1 else 'fails'} the pass rule."
    )


def percent(share: float) -> str:
    """Write a share in percent, rounded down: only all of them are 100 %."""
    return "100 %" if share >= 1 else f"{math.floor(share * 1000) / 10:g} %"
