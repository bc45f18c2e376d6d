"""The table of what was measured, and of what falls short."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lossgen.emit.accuracy import TABLE, accuracy_table, measured, reasons_in
from lossgen.emit.records import RECORDS
from lossgen.paths import generated_folder, specs_folder

ERROR = "full at x[]: computed 1.5, exact 1.25 (9 ulp, error); x=1.0"
ZERO = "edges: computed 0.0, exact 1e-200 (1e15 ulp, zero); x=1.0"


def page(failed: float, point: str = ERROR, **shares: float) -> str:
    found: dict[str, Any] = {"points": 4000, "max_ulp": "inf", "failed": failed, "worst_point": point}
    found |= {"failed_of": shares, "over_4": 0.0, "over_8": 0.0, "over_16": 0.0, "over_64": 0.0}
    record = {"loss": "one", "variant": "", "outputs": {"value": {"float32": found}}}
    return accuracy_table([json.dumps(record)], {"one, value, float32": "it is hard"})


@pytest.mark.parametrize(
    ("found", "beyond"),
    [
        (page(0.001, practical=0.001, full=0.0), 1),
        (page(0.001, practical=0.0, full=0.01), 0),
        (page(0.005, practical=0.0, near=0.02), 1),
        (page(0.001, ZERO, practical=0.0, edges=0.001), 1),
        (page(0.0, practical=0.0), 0),
    ],
)
def test_the_mark(found: str, beyond: int) -> None:
    assert f"{beyond} of 1 outputs" in found
    assert ("| it is hard |" in found) == ("| 0 |\n" not in found)


def test_what_falls_short_is_explained_and_rare() -> None:
    folder = generated_folder()
    texts = [file.read_text(encoding="utf-8") for file in sorted((folder / RECORDS).glob("*.json"))]
    rows = list(measured(texts))
    short, reasons = {one.key for one in rows if one.short}, reasons_in(specs_folder())
    assert short == reasons.keys(), "each has its reason, and none is needless"
    assert sum(one.beyond for one in rows) < 0.03 * len(rows)
    assert (folder / TABLE).read_text(encoding="utf-8") == accuracy_table(texts, reasons)
