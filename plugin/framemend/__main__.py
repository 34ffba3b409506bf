"""`python -m framemend` is the `framemend` command."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
