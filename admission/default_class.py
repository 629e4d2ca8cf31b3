"""Which class counts where several are marked as the default one: the newest, and of equally new ones the first by name.

Upstream: `pkg/volume/util/storageclass.go` (GetDefaultClass), `plugin/pkg/admission/network/defaultingressclass`.
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.api.names import Object


def newest(classes: Iterable[Object]) -> str | None:
    """Its name; None where there are no classes."""
    by_name = sorted(classes, key=_name)
    found = max(by_name, key=_created, default=None)
    return _name(found) if found is not None else None


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _created(obj: Object) -> str:
    """RFC 3339 in UTC, so that text order is time order."""
    return str(obj["metadata"].get("creationTimestamp") or "")
