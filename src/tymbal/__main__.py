"""`python -m tymbal`."""

import sys

from tymbal.cli.main import main

if __name__ == "__main__":  # spawned workers import this module too
    sys.exit(main())
