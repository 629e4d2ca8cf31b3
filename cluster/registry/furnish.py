"""Objects that the server itself writes beside one that it was asked for, in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cluster.api.meta import new_uid, now
from cluster.api.names import GroupResource, GroupVersionKind, Object, parse_api_version
from cluster.api.quota.evaluators import Evaluators
from cluster.api.quota.resource_claims import NoNeighbours
from cluster.api.quota.scopes import scopes_of
from cluster.api.quota.usage import concerned, total
from cluster.api.resource_lists import ResourceList, added, texts_of
from cluster.kinds.model import Kind
from cluster.registry.registry import Registry
from cluster.storage.contract import Write

_QUOTAS: Final = GroupResource("", "resourcequotas")


class _Made(NamedTuple):
    kind: Kind
    obj: Object


def first_writes(registry: Registry, objects: Iterable[Object]) -> list[Write]:
    """Writes that make the objects of a new namespace, as their kinds default and prepare them; those that exist are left as they are.

    Quotas among them are counted already: they bind from the first moment, and not once a controller has looked.
    """
    made = [each for obj in objects if (each := _made(registry, obj)) is not None]
    for kind, obj in made:
        if kind.resource.group_resource == _QUOTAS:
            obj["status"] = {"hard": obj["spec"].get("hard") or {}, "used": texts_of(_usage(obj, made))}
    return [_write(registry, *each) for each in made]


def _made(registry: Registry, obj: Object) -> _Made | None:
    gvk = GroupVersionKind(*parse_api_version(obj["apiVersion"]), obj["kind"])
    kind = registry.catalog.by_kind(gvk)
    assert kind is not None, f"{gvk} is served in every version"
    strategy, metadata = kind.strategy, obj["metadata"]
    if registry.store.get(registry.codec(kind).key(metadata.get("namespace", ""), metadata["name"])) is not None:
        return None
    made = registry.decoder(gvk).decode(obj).object
    made["metadata"] = {"uid": new_uid(), "creationTimestamp": now(), **made["metadata"]}
    if strategy.has_generation:
        made["metadata"]["generation"] = 1
    strategy.default(made)
    strategy.prepare_for_create(made)
    return _Made(kind, made)


def _write(registry: Registry, kind: Kind, obj: Object) -> Write:
    codec, metadata = registry.codec(kind), obj["metadata"]
    return Write(codec.key(metadata.get("namespace", ""), metadata["name"]), 0, codec.encode(obj))


def _usage(quota: Object, made: Sequence[_Made]) -> ResourceList:
    """What all that is made with a quota uses of it."""
    used: ResourceList = {}
    for evaluator, names in concerned(Evaluators(NoNeighbours()), quota["spec"].get("hard") or {}):
        objects = [each.obj for each in made if each.kind.resource.group_resource == evaluator.resource]
        used = added(used, total(evaluator, scopes_of(quota), names, objects))
    return used
