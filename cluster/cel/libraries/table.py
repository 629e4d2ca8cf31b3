"""The libraries that Kubernetes' expressions have, and since when.  Upstream: apiserver `pkg/cel/environment/base.go`."""

from __future__ import annotations

from typing import Final

from cluster.cel.functions import Library
from cluster.cel.libraries.authz import AUTHZ, AUTHZ_SELECTORS
from cluster.cel.libraries.cidr import CIDRS
from cluster.cel.libraries.comprehensions import COMPREHENSIONS
from cluster.cel.libraries.ext_lists import EXT_LISTS
from cluster.cel.libraries.format import NAMED_FORMATS
from cluster.cel.libraries.ip import IPS
from cluster.cel.libraries.lists import LISTS
from cluster.cel.libraries.optional import OPTIONALS
from cluster.cel.libraries.quantity import QUANTITIES
from cluster.cel.libraries.regex import REGEX
from cluster.cel.libraries.semver import SEMVERS
from cluster.cel.libraries.sets import SETS
from cluster.cel.libraries.standard import STANDARD
from cluster.cel.libraries.strings import STRINGS_0, STRINGS_2
from cluster.cel.libraries.urls import URLS

LIBRARIES: Final[tuple[Library, ...]] = (
    STANDARD,
    URLS,
    REGEX,
    LISTS,
    AUTHZ,
    OPTIONALS,
    QUANTITIES,
    STRINGS_0,
    STRINGS_2,
    SETS,
    IPS,
    CIDRS,
    NAMED_FORMATS,
    AUTHZ_SELECTORS,
    COMPREHENSIONS,
    SEMVERS,
    EXT_LISTS,
)
"""In upstream's order: of functions' overloads of one name the order is what messages and dispatch go by."""
