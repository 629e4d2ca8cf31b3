"""Objects that the server itself writes beside one that it was asked for, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.api.meta import new_uid, now
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.registry.registry import Registry
from cluster.storage.contract import Write


def first_writes(registry: Registry, objects: Iterable[Object]) -> list[Write]:
    """Writes that make the objects, as their kinds default and prepare them; those that exist are left as they are."""
    return [write for obj in objects for write in _first_write(registry, obj)]


def _first_write(registry: Registry, obj: Object) -> list[Write]:
    gvk = GroupVersionKind(*parse_api_version(obj["apiVersion"]), obj["kind"])
    kind = registry.catalog.by_kind(gvk)
    assert kind is not None, f"{gvk} is served in every version"
    codec, strategy = registry.codec(kind), kind.strategy
    key = codec.key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    if registry.store.get(key) is not None:
        return []
    made = registry.decoder(gvk).decode(obj).object
    made["metadata"] = {"uid": new_uid(), "creationTimestamp": now(), **made["metadata"]}
    if strategy.has_generation:
        made["metadata"]["generation"] = 1
    strategy.default(made)
    strategy.prepare_for_create(made)
    return [Write(key, 0, codec.encode(made))]
