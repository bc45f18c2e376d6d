"""Settings for the whole suite."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator

import pytest
from hypothesis import settings

# Under pytest-xdist several processes share the cores: every one of them spinning on all cores helps nobody.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Compiled formulas go where nobody's own are; processes that tests start share the folder.
if "LOSSGEN_CACHE_DIR" not in os.environ:
    os.environ["LOSSGEN_CACHE_DIR"] = tempfile.mkdtemp(prefix="lossgen-tests-")
    atexit.register(shutil.rmtree, os.environ["LOSSGEN_CACHE_DIR"], ignore_errors=True)

# The same examples on every run and machine: a failure in continuous integration must be found again at home.
settings.register_profile("lossgen", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("lossgen")

# Where all peers are installed (see .ci/run) a skipped test is a test that was lost; where they are not, it
# is noted in a file, to be run where they are.
NO_SKIPS = os.environ.get("LOSSGEN_NO_SKIPS") == "1"
SKIPPED = os.environ.get("LOSSGEN_SKIPPED")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Give every worker a run of neighbours, which share compiled kernels; the idle help the busy."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


def skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Note what was skipped, or turn it into a failure that says so."""
    if SKIPPED:
        with open(SKIPPED, "a") as file:
            file.write(f"{report.nodeid}\n")
    if NO_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"skipped although LOSSGEN_NO_SKIPS is set: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected = hasattr(report, "wasxfail") or item.get_closest_marker("gpu") is not None
    if report.skipped and not expected:
        skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        skipped(report)
    return report
