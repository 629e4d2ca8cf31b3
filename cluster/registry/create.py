"""Create.  Upstream: apiserver `pkg/endpoints/handlers/create.go`, `pkg/registry/generic/registry/store.go` (Create)."""

from __future__ import annotations

from typing import Final

import orjson

from admission.attributes import Attributes, Operation
from cluster.api.errors import AlreadyExists, BadRequest, StatusError
from cluster.api.meta import generate_name
from cluster.api.names import GroupResource, Object
from cluster.kinds.model import Kind
from cluster.registry.metadata import fill_system_fields, match_namespace, metadata_of, validate_new, wipe_system_fields
from cluster.registry.registry import NOBODY, Call, Companion, Registry, Result, attributes
from cluster.storage.contract import Entry, Write, WriteConflict

NAMES_TRIED: Final = 8
_STATUS_ON_CREATE: Final = frozenset({GroupResource("", "nodes")})
"""Kinds that may be created with a status: a kubelet registers its node so."""


def create(registry: Registry, call: Call, kind: Kind, namespace: str, obj: Object, companion: Companion | None = None) -> Result:
    """Creates a decoded object, which is changed; AlreadyExists, Invalid, BadRequest, or what admission raises.

    `companion`: in place of the kind's own.
    """
    asked = admit(registry, call, kind, namespace, obj)
    return _store(registry, call, asked, kind, obj, companion or registry.companion(kind))


def admit(registry: Registry, call: Call, kind: Kind, namespace: str, obj: Object) -> Attributes:
    """All of a create but the store: the object is made what would be stored.  Errors as of `create`, but for AlreadyExists.

    What is answered says what the write is charged when it is committed.
    """
    strategy = kind.strategy
    metadata = metadata_of(obj)
    wipe_system_fields(obj)
    match_namespace(obj, namespace)
    if "resourceVersion" in metadata and metadata.pop("resourceVersion"):
        raise BadRequest("resourceVersion should not be set on objects to be created")
    strategy.default(obj)
    asked = attributes(call, Operation.CREATE, kind, namespace, metadata.get("name", ""), obj, None)
    registry.mutate(call, asked, kind)
    match_namespace(obj, namespace)  # admission may have changed it
    registry.guard(call, kind, namespace, obj, None)
    fill_system_fields(obj, kind)
    prepare(call, kind, obj)
    validate_new(obj, kind)
    registry.check(call, kind, obj, None)
    call.warnings += strategy.warnings(obj, None)
    asked.name = obj["metadata"]["name"]
    registry.validate(call, asked)
    return asked


def prepare(call: Call, kind: Kind, obj: Object) -> None:
    """The kind's own preparation, and what it leaves to the generic rule: a new object has no status but what is prepared."""
    strategy = kind.strategy
    if "status" in kind.subresources and kind.storage not in _STATUS_ON_CREATE:
        obj.pop("status", None)
    strategy.prepare_for_create(obj)
    if strategy.prepare_with_user is not None:
        strategy.prepare_with_user(obj, call.user)
    if strategy.default_finalizers:
        finalizers = obj["metadata"].setdefault("finalizers", [])
        finalizers += [each for each in strategy.default_finalizers if each not in finalizers]


def _store(registry: Registry, call: Call, asked: Attributes, kind: Kind, obj: Object, companion: Companion) -> Result:
    codec = registry.codec(kind)
    metadata = obj["metadata"]
    generated = bool(metadata.get("generateName")) and metadata["name"].startswith(metadata["generateName"][:58])
    pristine = orjson.dumps(obj) if generated or companion is not NOBODY else b""
    for _ in range(NAMES_TRIED):
        key = codec.key(metadata.get("namespace", ""), metadata["name"])
        extra = companion.create(obj)
        value = codec.encode(obj)
        if call.dry_run:
            if registry.store.get(key) is not None:
                raise AlreadyExists.of(kind.resource.group_resource, key.name)
            return obj
        try:
            revision = registry.commit(asked, [*extra, Write(key, 0, value)])
            return Entry(key, revision, value)
        except WriteConflict as conflict:
            if not pristine or (conflict.key == key and not generated):
                raise AlreadyExists.of(kind.resource.group_resource, key.name) from None
            obj = orjson.loads(pristine)
            metadata = obj["metadata"]
            if conflict.key == key:
                metadata["name"] = generate_name(metadata["generateName"])
    raise _no_free_name(kind, metadata["name"])


def _no_free_name(kind: Kind, name: str) -> StatusError:
    error = AlreadyExists.of(kind.resource.group_resource, name)
    error.message += ", the server was not able to generate a unique name for the object"
    error.details = {**(error.details or {}), "retryAfterSeconds": 1}
    return error
