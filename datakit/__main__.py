"""`python -m datakit`: the command line, without the current directory that Python put on the path for -m."""

import sys
from pathlib import Path

if sys.path and Path(sys.path[0] or ".").resolve() != Path(__file__).resolve().parent.parent:
    del sys.path[0]

from datakit.cli import main

main()
