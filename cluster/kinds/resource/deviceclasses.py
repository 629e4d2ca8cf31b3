"""Device classes.  Upstream: `pkg/registry/resource`."""

from __future__ import annotations

from typing import Final

from cluster.kinds.cells import name_and
from cluster.kinds.model import Strategy

STRATEGY: Final = Strategy(cells=name_and())
