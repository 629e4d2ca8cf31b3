"""No process of a cluster outlives the one that watches over it."""

from __future__ import annotations

import ctypes
import signal
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def die_with_parent(number: signal.Signals) -> None:
    """Has the kernel send this process the signal when its parent dies; kept over exec, not over fork.  Source: prctl(2)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
