"""Settings for the whole suite."""

import os

from hypothesis import settings

# Under pytest-xdist several processes share the cores: every one of them spinning on all cores helps nobody.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The same examples on every run and machine: a failure in continuous integration must be found again at home.
settings.register_profile("lossgen", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("lossgen")
