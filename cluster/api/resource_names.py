"""What the names of resources say: `cpu`, `hugepages-2Mi`, `example.com/gpu`, `requests.example.com/gpu`.

Upstream: `pkg/apis/core/helper/helpers.go`, `pkg/apis/core/v1/helper/helpers.go`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cluster.api import validation

HUGE_PAGES: Final = "hugepages-"
REQUESTS: Final = "requests."
"""How a quota names what is requested, in contrast to `limits.`; an extended resource is quoted in this form alone."""
DEVICE_CLASS: Final = "deviceclass.resource.kubernetes.io/"
"""With a DeviceClass's name, the extended resource that each class has without saying so."""


def is_native(name: str) -> bool:
    """In the namespace kubernetes.io, which names without a slash are by nature."""
    return "/" not in name or "kubernetes.io/" in name


@lru_cache(maxsize=1024)
def is_extended(name: str) -> bool:
    if is_native(name) or name.startswith(REQUESTS):
        return False
    return not validation.is_qualified_name(REQUESTS + name)


def is_extended_in_quota(name: str) -> bool:
    """Whether a quota that names this limits an extended resource: `requests.example.com/gpu`."""
    return name.startswith(REQUESTS) and (not is_native(name) or name.startswith(REQUESTS + DEVICE_CLASS))
