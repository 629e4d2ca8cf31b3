"""`python -m cluster.cli`: the `berth` command where it isn't installed on PATH."""

import sys

from cluster.cli import main

sys.exit(main())
