"""Delete: at once, gracefully, or when finalizers allow.

Upstream: apiserver `pkg/registry/rest/delete.go`, `pkg/registry/generic/registry/store.go` (Delete).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from admission.attributes import Operation
from cluster.api.errors import Conflict, NotFound
from cluster.api.meta import format_time, parse_time
from cluster.api.names import GroupResource, Object
from cluster.kinds.model import Kind
from cluster.registry.codec import value_of
from cluster.registry.metadata import stale
from cluster.registry.registry import Call, Registry, attributes
from cluster.registry.selection import Selection
from cluster.storage.contract import Entry, Write, WriteConflict

ATTEMPTS: Final = 64
ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_NAMESPACES: Final = GroupResource("", "namespaces")
_RETURNS_OBJECT: Final = frozenset(
    GroupResource(group, resource)
    for group, resources in {
        "": "namespaces pods services serviceaccounts podtemplates persistentvolumes persistentvolumeclaims resourcequotas",
        "storage.k8s.io": "csidrivers csinodes storageclasses volumeattachments volumeattributesclasses",
        "resource.k8s.io": "resourceclaims resourceclaimtemplates resourceslices deviceclasses devicetaintrules",
    }.items()
    for resource in resources.split()
)
"""Kinds whose deletion answers with the last state of the object, not with a Status."""


class DeleteOptions(Struct, frozen=True):
    """What a DeleteOptions says; None where it says nothing."""

    grace_period: int | None = None
    uid: str | None = None
    resource_version: str | None = None
    propagation: str | None = None
    orphan: bool | None = None


class Deleted(Struct, frozen=True):
    """The outcome: the object as it is now or was last, None where a Status says it better; `gone` whether it is."""

    entry: Entry | None
    gone: bool
    uid: str = ""


def delete(
    registry: Registry,
    call: Call,
    kind: Kind,
    namespace: str,
    name: str,
    options: DeleteOptions,
    *,
    admitted: bool = False,
    collected: bool = False,
) -> Deleted:
    """Deletes or begins to.  NotFound, Conflict for a failed precondition, or what admission raises, unless it is `admitted` already.

    `collected`: as one of a collection, where the request, and so admission, names none.
    """
    codec = registry.codec(kind)
    key = codec.key(namespace, name)
    for _ in range(ATTEMPTS):
        entry = registry.store.get(key)
        if entry is None:
            raise NotFound.of(kind.resource.group_resource, name)
        outcome = _attempt(registry, call, kind, entry, options, admitted, "" if collected else name)
        if outcome is not None:
            return outcome
        if options.resource_version:
            raise stale(kind.resource.group_resource, name)
    raise stale(kind.resource.group_resource, name)


def _attempt(
    registry: Registry, call: Call, kind: Kind, entry: Entry, options: DeleteOptions, admitted: bool, asked_for: str
) -> Deleted | None:
    """`asked_for`: the name in the request."""
    codec = registry.codec(kind)
    old = codec.load(entry)
    check_preconditions(kind, old, options)
    key = entry.key
    if not admitted:
        asked = attributes(call, Operation.DELETE, kind, key.namespace, asked_for, None, old)
        registry.mutate(call, asked, kind)
        registry.validate(call, asked)
    obj = codec.load(entry)
    state = _mark(kind, obj, options)
    if state is _PENDING:
        return Deleted(entry, gone=False, uid=obj["metadata"]["uid"])
    if state is _NOW:
        return _remove(registry, call, kind, entry, obj)
    if obj == old:
        return Deleted(entry, gone=False, uid=obj["metadata"]["uid"])
    if call.dry_run:
        return Deleted(Entry(key, entry.revision, codec.encode(obj)), gone=False, uid=obj["metadata"]["uid"])
    value = codec.encode(obj)
    try:
        revision = registry.store.commit([Write(key, entry.revision, value)])
    except WriteConflict:
        return None
    return Deleted(Entry(key, revision, value), gone=False, uid=obj["metadata"]["uid"])


def _remove(registry: Registry, call: Call, kind: Kind, entry: Entry, obj: Object) -> Deleted | None:
    returned = kind.resource.group_resource in _RETURNS_OBJECT
    uid = obj["metadata"].get("uid", "")
    if not call.dry_run:
        extra = registry.companion(kind).delete(obj)
        try:
            revision = registry.store.commit([*extra, Write(entry.key, entry.revision, None)])
        except WriteConflict:
            return None
        entry = Entry(entry.key, revision, registry.codec(kind).encode(obj) if returned else value_of(entry))
    return Deleted(entry if returned else None, gone=True, uid=uid)


def check_preconditions(kind: Kind, obj: Object, options: DeleteOptions) -> None:
    """Conflict where the object is another one than the one that is to be deleted."""
    metadata = obj["metadata"]
    resource = GroupResource(kind.gvk.group, kind.gvk.kind)
    name = metadata["name"]
    if options.uid is not None and options.uid != metadata.get("uid", ""):
        why = f"the UID in the precondition ({options.uid}) does not match the UID in record ({metadata.get('uid', '')}). "
        raise Conflict.of(resource, name, why + "The object might have been deleted and then recreated")
    version = options.resource_version
    if version is not None and version != metadata["resourceVersion"]:
        why = f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
        raise Conflict.of(resource, name, f"{why}({metadata['resourceVersion']}). The object might have been modified")


_NOW: Final = "now"
_PENDING: Final = "pending"
_MARKED: Final = "marked"


def _mark(kind: Kind, obj: Object, options: DeleteOptions) -> str:
    """Writes into the object what its deletion needs; says whether it goes now, is pending already, or is to be stored."""
    strategy, metadata = kind.strategy, obj["metadata"]
    graceful = False
    asked = 1 if options.grace_period is not None and options.grace_period < 0 else options.grace_period
    if strategy.grace_period is not None:
        if metadata.get("deletionTimestamp"):
            left = metadata.get("deletionGracePeriodSeconds") or 0
            if left:
                if asked is None or asked >= left:
                    return _PENDING
                graceful = True
                _shorten(metadata, asked, left)
        else:
            seconds = strategy.grace_period(obj, asked)
            if seconds > 0:
                graceful = True
                metadata["deletionTimestamp"] = format_time(datetime.now(UTC) + timedelta(seconds=seconds))
                metadata["deletionGracePeriodSeconds"] = seconds
                if metadata.get("generation"):
                    metadata["generation"] += 1
                strategy.prepare_for_delete(obj, seconds)
    _set_finalizers(obj, options)
    held = bool(metadata.get("finalizers")) or _held_by_spec(kind, obj)
    if graceful and (metadata.get("deletionGracePeriodSeconds") or 0) > 0:
        return _MARKED
    if not held:
        return _NOW
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = format_time(datetime.now(UTC))
        if metadata.get("generation"):
            metadata["generation"] += 1
    if kind.resource.group_resource == _NAMESPACES:
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    else:
        metadata["deletionGracePeriodSeconds"] = 0
    strategy.prepare_for_delete(obj, 0)
    return _MARKED


def _shorten(metadata: Object, asked: int, left: int) -> None:
    """A second deletion may only bring the first one's end nearer, and never into the past."""
    ends = parse_time(metadata["deletionTimestamp"]) + timedelta(seconds=asked - left)
    now = datetime.now(UTC)
    if ends < now:
        ends, asked = now, 1 if asked else 0
    metadata["deletionTimestamp"] = format_time(ends)
    metadata["deletionGracePeriodSeconds"] = asked


def _held_by_spec(kind: Kind, obj: Object) -> bool:
    """A namespace stays until its own finalizers, which stand in its spec, are done."""
    return kind.resource.group_resource == _NAMESPACES and bool((obj.get("spec") or {}).get("finalizers"))


def _set_finalizers(obj: Object, options: DeleteOptions) -> None:
    """The two finalizers of the garbage collector, as the propagation policy asks for them."""
    metadata = obj["metadata"]
    before = metadata.get("finalizers") or []
    orphan, foreground = ORPHAN in before, FOREGROUND in before
    if options.orphan is not None:
        orphan, foreground = options.orphan, False
    elif options.propagation is not None:
        orphan, foreground = options.propagation == "Orphan", options.propagation == "Foreground"
    after = [each for each in before if each not in (ORPHAN, FOREGROUND)]
    after += [ORPHAN] if orphan else []
    after += [FOREGROUND] if foreground else []
    if sorted(after) != sorted(before):
        metadata["finalizers"] = after
    if not metadata.get("finalizers"):
        metadata.pop("finalizers", None)


def delete_collection(
    registry: Registry, call: Call, kind: Kind, namespace: str | None, selection: Selection, options: DeleteOptions
) -> tuple[int, list[Entry]]:
    """Deletes what the selection matches; (revision of the list, what was listed).  Not atomic, as upstream."""
    codec = registry.codec(kind)
    snapshot = registry.store.list(codec.resource, namespace)
    matching = [entry for entry in snapshot.entries if selection.everything or selection.matches(entry, codec)]
    for entry in matching:
        try:
            delete(registry, call, kind, entry.key.namespace, entry.key.name, options, collected=True)
        except NotFound:
            continue
    return snapshot.revision, matching
