"""``python -m lossgen.cli``."""

import sys

from lossgen.cli.entry import main

if __name__ == "__main__":  # worker processes of a build import this file again
    sys.exit(main())
