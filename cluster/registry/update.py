"""Update, and what patch and the subresources make of it.

Upstream: apiserver `pkg/registry/rest/update.go`, `pkg/registry/generic/registry/store.go` (Update).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from admission.attributes import Operation
from cluster.api.authorization import Attributes as Question
from cluster.api.errors import Conflict, Invalid, NotFound, StatusError
from cluster.api.field import FieldError, invalid
from cluster.api.names import GroupKind, GroupVersionKind, Object
from cluster.kinds.model import Asker, Kind, SubresourceStrategy, no_authorization, nothing_from
from cluster.registry import create as creating
from cluster.registry.metadata import (
    check_uid,
    keep_identity,
    match_namespace,
    raise_generation,
    raise_invalid,
    stale,
    validate_changed_metadata,
)
from cluster.registry.registry import Call, Companion, Registry, Result, attributes
from cluster.storage.contract import Entry, Write, WriteConflict

ATTEMPTS: Final = 64
"""How often a write without a resourceVersion is tried against others'."""

Make = Callable[[Object | None], Object]
"""From the object as it is (a copy, None where there is none) to what it is to be; raises StatusError."""


class Target(Struct, frozen=True):
    """What is updated: an object, or one subresource of it."""

    kind: Kind
    namespace: str
    name: str
    subresource: str = ""
    gvk: GroupVersionKind | None = None
    """The kind that admission is told of, where it is not the object's own."""
    shown: Callable[[Object], Object] | None = None
    """What validating admission is shown of the object: the subresource is a part of it, of a kind of its own (scale).

    It changes the object by the rules of the main resource, and `make` runs mutating admission, on that part.
    """
    may_create: bool = False
    unconditional: bool | None = None
    """Whether a resourceVersion may be missing; None: as the strategy says."""
    companion: Companion | None = None
    """In place of the kind's own."""


def update(registry: Registry, call: Call, target: Target, make: Make) -> tuple[Result, bool]:
    """(what was stored, whether it was created).  NotFound, Conflict, Invalid, or what `make` or admission raises."""
    kind, name = target.kind, target.name
    resource = kind.resource.group_resource
    codec = registry.codec(kind)
    key = codec.key(target.namespace, name)
    for _ in range(ATTEMPTS):
        entry = registry.store.get(key)
        if entry is None:
            if not target.may_create:
                raise NotFound.of(resource, name)
            return _create(registry, call, target, make(None)), True
        result = _attempt(registry, call, target, entry, make)
        if result is not None:
            return result, False
    raise stale(resource, name)


def _attempt(registry: Registry, call: Call, target: Target, entry: Entry, make: Make) -> Result | None:
    """One try against one revision of the object; None where somebody else was faster."""
    kind = target.kind
    codec = registry.codec(kind)
    resource = kind.resource.group_resource
    old = codec.load(entry)
    obj = make(codec.load(entry))
    check_uid(resource, target.name, obj["metadata"].get("uid"), old)
    _check_revision(target, obj, entry)
    match_namespace(obj, target.namespace)
    kind.strategy.default(obj)
    asked = attributes(call, Operation.UPDATE, kind, target.namespace, target.name, obj, old, target.subresource, target.gvk)
    if target.shown is None:
        registry.mutate(call, asked, kind)
        match_namespace(obj, target.namespace)  # admission may have changed it
    registry.guard(call, kind, target.namespace, obj, old)
    _prepare_and_validate(target, obj, old, call)
    if not target.subresource:
        registry.check(call, kind, obj, old)
        call.warnings += [each for each in kind.strategy.warnings(obj, old) if each not in call.warnings]
    if target.shown is not None:
        asked.object, asked.old_object = target.shown(obj), target.shown(old)
    registry.validate(call, asked)
    if obj == old:
        return entry
    if call.dry_run:
        return obj
    companion = target.companion or registry.companion(kind)
    try:
        if _is_finalized(obj, old):
            extra = companion.delete(old)
            registry.store.commit([*extra, Write(entry.key, entry.revision, None)])  # what is gone is not charged
            return obj
        extra = companion.update(obj, old)
        value = codec.encode(obj)
        revision = registry.commit(asked, [*extra, Write(entry.key, entry.revision, value)])
    except WriteConflict:
        return None
    return Entry(entry.key, revision, value)


def _check_revision(target: Target, obj: Object, entry: Entry) -> None:
    """Conflict where the object names another revision than the stored one; Invalid where it must name one and does not."""
    metadata = obj["metadata"]
    asked = metadata.get("resourceVersion") or ""
    allowed = target.kind.strategy.allow_unconditional_update if target.unconditional is None else target.unconditional
    resource = target.kind.resource.group_resource
    if asked in ("", "0"):
        if not allowed:
            error = invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise Invalid.of(GroupKind(resource.group, resource.resource), target.name, [error])
        metadata["resourceVersion"] = str(entry.revision)
    elif asked != str(entry.revision):
        raise stale(resource, target.name)


def _prepare_and_validate(target: Target, obj: Object, old: Object, call: Call) -> None:
    kind = target.kind
    strategy = kind.strategy
    keep_identity(obj, old)
    errors: list[FieldError] = []
    if target.subresource and target.shown is None:
        part = strategy.subresources.get(target.subresource) or (GENERIC_STATUS if target.subresource == "status" else KEPT)
        part.prepare_for_update(obj, old)
        validate_update = part.validate_update
        if part.authorize_update is not no_authorization:
            errors += part.authorize_update(obj, old, _asker(target, call))
    else:
        if "status" in kind.subresources:
            _keep(obj, old, "status")
        strategy.prepare_for_update(obj, old)
        validate_update = strategy.validate_update
    if target.subresource != "status":
        raise_generation(obj, old, kind)
    errors += validate_changed_metadata(obj, old)
    raise_invalid(obj, kind, errors + validate_update(obj, old))


def _asker(target: Target, call: Call) -> Asker:
    """Asks the authorizer about the kind's other subresources on behalf of who writes; without an authorizer, all is allowed."""
    group, version, resource = target.kind.resource

    def refusal(verb: str, subresource: str, namespace: str, name: str) -> str:
        if call.authorizer is None:
            return ""
        question = Question(call.user, verb, namespace, group, version, resource, subresource, name)
        verdict = call.authorizer.authorize(question)
        return "" if verdict.allowed else _forbidden(question, verdict.reason).message

    return Asker(call.user, "patch" if call.options.get("kind") == "PatchOptions" else "update", target.namespace, refusal)


def _keep(obj: Object, old: Object, field: str) -> None:
    if field in old:
        obj[field] = old[field]
    else:
        obj.pop(field, None)


def _keep_all_but_status(obj: Object, old: Object) -> None:
    for field in [*obj, *old]:
        if field not in ("metadata", "status"):
            _keep(obj, old, field)


GENERIC_STATUS: Final = SubresourceStrategy(_keep_all_but_status)
"""A status update of a kind that says nothing of its own: the status and the metadata may change."""
KEPT: Final = SubresourceStrategy(nothing_from)
"""A subresource whose maker has made the object as it is to be."""


def _is_finalized(obj: Object, old: Object) -> bool:
    """Whether the update takes away the last finalizer of an object that waits for that alone."""
    metadata = obj["metadata"]
    if not old["metadata"].get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if (old["metadata"].get("deletionGracePeriodSeconds") or 0) > 0:
        return False
    spec = obj.get("spec")
    return not (obj.get("kind") == "Namespace" and isinstance(spec, dict) and spec.get("finalizers"))


def _create(registry: Registry, call: Call, target: Target, obj: Object) -> Result:
    """An update that creates needs the right to create."""
    kind = target.kind
    if call.authorizer is not None:
        group, version, resource = kind.resource
        question = Question(call.user, "create", target.namespace, group, version, resource, target.subresource, target.name)
        verdict = call.authorizer.authorize(question)
        if not verdict.allowed:
            raise _forbidden(question, verdict.reason)
    if obj["metadata"].get("uid"):
        uid = obj["metadata"]["uid"]
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
        raise Conflict.of(kind.resource.group_resource, target.name, why)
    if obj["metadata"].get("resourceVersion") in ("0", ""):
        obj["metadata"].pop("resourceVersion")
    return creating.create(registry, call, kind, target.namespace, obj)


def _forbidden(question: Question, reason: str) -> StatusError:
    from rbac.authz.messages import forbidden

    return forbidden(question, reason)
