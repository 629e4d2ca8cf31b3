"""Finalizers that admission gives to new objects, so that a controller must let them go before they do."""

from __future__ import annotations

from cluster.api.meta import has_finalizer
from cluster.api.names import Object


def protect(obj: Object, finalizer: str) -> None:
    """Adds the finalizer as the last one, unless the object has it."""
    if not has_finalizer(obj, finalizer):
        metadata = obj.setdefault("metadata", {})
        metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]
