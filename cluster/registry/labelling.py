"""Labels that the API server itself sets on an object, past admission, as its own bookkeeping."""

from __future__ import annotations

import logging
from typing import Final

from cluster.api.names import GroupVersionKind, Object
from cluster.registry.registry import Registry
from cluster.storage.contract import StoreUnavailable, Write, WriteConflict

log = logging.getLogger(__name__)
_ATTEMPTS: Final = 3


def set_label(registry: Registry, gvk: GroupVersionKind, obj: Object, key: str, value: str) -> None:
    """Sets the label of an object of that kind, unless it is gone, another one by now, or has it.

    That it cannot be done is logged, for no request depends on it.
    """
    kind = registry.catalog.by_kind(gvk)
    assert kind is not None
    codec = registry.codec(kind)
    metadata = obj["metadata"]
    at = codec.key(metadata.get("namespace", ""), metadata["name"])
    for _ in range(_ATTEMPTS):
        try:
            entry = registry.store.get(at)
            if entry is None:
                return
            found = codec.load(entry)
            labels = found["metadata"].get("labels") or {}
            if found["metadata"].get("uid") != metadata.get("uid") or labels.get(key) == value:
                return
            changed = {**found, "metadata": {**found["metadata"], "labels": {**labels, key: value}}}
            registry.store.commit([Write(at, entry.revision, codec.encode(changed))])
            return
        except WriteConflict:  # another worker was faster with this or with something else
            continue
        except StoreUnavailable as error:
            log.warning("%s %s/%s was not labelled: %s", kind.gvk.kind, metadata.get("namespace", ""), metadata["name"], error)
            return
