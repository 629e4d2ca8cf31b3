"""What every write does to an object's metadata.  Upstream: apiserver `pkg/registry/rest/{meta,create,update}.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.errors import BadRequest, Conflict, Invalid
from cluster.api.field import FieldError
from cluster.api.meta import generate_name, new_uid, now
from cluster.api.names import GroupResource, Object
from cluster.api.validation import name_is_dns_subdomain, validate_object_meta, validate_object_meta_update
from cluster.kinds.model import Kind

MODIFIED: Final = "the object has been modified; please apply your changes to the latest version and try again"
_SYSTEM_FIELDS: Final = frozenset({"creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"})
_BESIDES_SPEC: Final = frozenset({"apiVersion", "kind", "metadata", "status"})


def metadata_of(obj: Object) -> Object:
    """The object's metadata, made where it is missing."""
    found = obj.get("metadata")
    if not isinstance(found, dict):
        found = obj["metadata"] = {}
    return found


def match_namespace(obj: Object, namespace: str) -> None:
    """Sets the namespace of the request where the object has none; BadRequest where it has another."""
    metadata = metadata_of(obj)
    if not namespace:
        metadata.pop("namespace", None)
        return
    own = metadata.get("namespace")
    if not own:
        metadata["namespace"] = namespace
    elif own != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")


def match_name(obj: Object, name: str) -> None:
    """Sets the name of the URL where the object has none; BadRequest where it has another."""
    metadata = metadata_of(obj)
    own = metadata.get("name") or ""
    if not own:
        metadata["name"] = name
    elif own != name:
        raise BadRequest(f"the name of the object ({own}) does not match the name on the URL ({name})")


def wipe_system_fields(obj: Object) -> None:
    metadata = metadata_of(obj)
    if not _SYSTEM_FIELDS.isdisjoint(metadata):
        for name in _SYSTEM_FIELDS:
            metadata.pop(name, None)


def fill_system_fields(obj: Object, kind: Kind) -> None:
    """A new object's identity; its name, too, where it is to be generated."""
    metadata = obj["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(metadata["generateName"])
    metadata["uid"] = new_uid()
    metadata["creationTimestamp"] = now()
    if kind.strategy.has_generation:
        metadata["generation"] = 1
    else:
        metadata.pop("generation", None)


def validate_new(obj: Object, kind: Kind) -> None:
    """Invalid with everything that is wrong with a new object."""
    strategy = kind.strategy
    errors = validate_object_meta(obj["metadata"], kind.namespaced, strategy.validate_name or name_is_dns_subdomain)
    errors += strategy.validate(obj)
    if errors:
        raise_invalid(obj, kind, errors)


def raise_invalid(obj: Object, kind: Kind, errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(kind.gvk.group_kind, obj["metadata"].get("name", ""), errors)


def keep_identity(obj: Object, old: Object) -> None:
    """What an update can never change is taken from the old object."""
    metadata, before = metadata_of(obj), old["metadata"]
    if "generation" in before:
        metadata["generation"] = before["generation"]
    else:
        metadata.pop("generation", None)
    if not metadata.get("uid") and before.get("uid"):
        metadata["uid"] = before["uid"]
    for name in ("creationTimestamp", "deletionTimestamp"):
        if before.get(name):
            metadata[name] = before[name]
    if before.get("deletionGracePeriodSeconds") is not None and metadata.get("deletionGracePeriodSeconds") is None:
        metadata["deletionGracePeriodSeconds"] = before["deletionGracePeriodSeconds"]
    metadata.pop("selfLink", None)


def validate_changed_metadata(obj: Object, old: Object) -> list[FieldError]:
    return validate_object_meta_update(obj["metadata"], old["metadata"])


def raise_generation(obj: Object, old: Object, kind: Kind) -> None:
    """Generation goes up when anything but metadata and status has changed."""
    if kind.strategy.has_generation and _spec(obj) != _spec(old):
        obj["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _spec(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in _BESIDES_SPEC}


def check_uid(resource: GroupResource, name: str, wanted: str | None, old: Object) -> None:
    """Conflict where a precondition's UID is not the object's."""
    uid = old["metadata"].get("uid", "")
    if wanted and wanted != uid:
        raise Conflict.of(resource, name, f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}")


def stale(resource: GroupResource, name: str) -> Conflict:
    return Conflict.of(resource, name, MODIFIED)
