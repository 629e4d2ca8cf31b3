"""The libraries that Kubernetes' expressions have, and since when.  Upstream: apiserver `pkg/cel/environment/base.go`."""

from __future__ import annotations

from typing import Final

from cluster.cel.functions import Library
from cluster.cel.libraries.optional import OPTIONALS
from cluster.cel.libraries.standard import STANDARD

LIBRARIES: Final[tuple[Library, ...]] = (
    STANDARD,
    OPTIONALS,
)
"""In upstream's order: of functions' overloads of one name the order is what messages and dispatch go by."""
