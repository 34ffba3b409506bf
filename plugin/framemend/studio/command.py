"""`framemend repair` for the studio: the same command, which tells of its progress more often."""

import sys

from framemend import progress
from framemend.cli import main

PLAIN_INTERVAL = 0.4
"""Seconds."""

if __name__ == "__main__":
    progress.PLAIN_INTERVAL = PLAIN_INTERVAL
    sys.exit(main(["repair", *sys.argv[1:]]))
