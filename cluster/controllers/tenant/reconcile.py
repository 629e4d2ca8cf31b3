"""What is to be done about one tenant: a plan, made of what is there and what its spec says.  Everything here is pure.

What carries the controller's label and is not wanted any more goes; what tenants make themselves is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from cluster.api.furnishing import furniture, namespace_metadata, released_metadata
from cluster.api.names import Object
from cluster.api.tenancy import declared_names, tenant_of
from cluster.controllers.objects import being_deleted, copied, name_of, without_empty

READY: Final = "Ready"
MISSING: Final = "Missing"
Identity = tuple[str, str]
"""(kind, name) of an object in a namespace."""


class Fault(Struct, frozen=True):
    """Something that is not as it is to be: a reason as conditions have it, and what to tell."""

    reason: str
    message: str


class Changes(Struct, frozen=True):
    """What one namespace needs: objects to write, and objects to delete."""

    write: Sequence[Object] = ()
    delete: Sequence[Object] = ()


class Observed(Struct):
    """What a pass found out, of which the status is made."""

    namespaces: Mapping[str, Object] = field(default_factory=dict)
    """The tenant's namespaces by name."""
    faults: list[Fault] = field(default_factory=list)


def namespaces_to_make(tenant: Object, existing: Mapping[str, Object | None]) -> tuple[list[Object], list[Fault]]:
    """(declared namespaces that are missing, what stands in the way); `existing` has each declared name, None where there is none.

    A namespace that exists without the tenant's label is somebody's: it is never taken over.
    """
    made: list[Object] = []
    faults: list[Fault] = []
    for name in declared_names(tenant):
        found = existing.get(name)
        if found is None:
            made.append(new_namespace(tenant, name))
        elif tenant_of(found) != name_of(tenant):
            label = f"berth.io/tenant={name_of(tenant)}"
            why = f'namespace "{name}" exists and is not the tenant\'s: label it {label} to give it to the tenant'
            faults.append(Fault("NamespaceTaken", why))
    return made, faults


def new_namespace(tenant: Object, name: str) -> Object:
    labels, annotations = namespace_metadata(tenant, {})
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels, "annotations": annotations}}


def namespace_update(tenant: Object, namespace: Object) -> Object | None:
    """The namespace with the labels and annotations that it is to have; None where it has them."""
    metadata = namespace["metadata"]
    labels, annotations = namespace_metadata(tenant, metadata)
    if labels == (metadata.get("labels") or {}) and annotations == (metadata.get("annotations") or {}):
        return None
    changed = copied(namespace)
    changed["metadata"] |= {"labels": labels, "annotations": annotations}
    return changed


def namespace_release(namespace: Object) -> Object | None:
    """The namespace, which is no tenant's any more, without what its tenant applied; None where there is nothing of it."""
    metadata = namespace["metadata"]
    labels, annotations = released_metadata(metadata)
    if labels == (metadata.get("labels") or {}) and annotations == (metadata.get("annotations") or {}):
        return None
    changed = copied(namespace)
    changed["metadata"] |= {"labels": labels, "annotations": annotations}
    return changed


def changes(tenant: Object, namespace: str, present: Iterable[Object], now: float) -> Changes:
    """How a namespace comes to have its furniture; `present` are the objects there that carry the controller's label."""
    held = {identity(each): each for each in present}
    wanted = {identity(each): each for each in furniture(tenant, namespace, now)}
    write = [each for key, each in wanted.items() if key not in held or not is_as(held[key], each)]
    return Changes(write, [each for key, each in held.items() if key not in wanted and not _goes(each)])


def _goes(obj: Object) -> bool:
    """Whether it is being deleted, and nothing holds it."""
    return being_deleted(obj) and not obj["metadata"].get("finalizers")


def identity(obj: Object) -> Identity:
    return obj["kind"], name_of(obj)


def is_as(current: Object, wanted: Object) -> bool:
    """Whether an object says all that is wanted of it; further labels and annotations are left alone."""
    metadata, asked = current["metadata"], wanted["metadata"]
    for part in ("labels", "annotations"):
        held = metadata.get(part) or {}
        if any(held.get(key) != value for key, value in (asked.get(part) or {}).items()):
            return False
    content = ("spec", "subjects", "roleRef")
    return all(without_empty(current.get(name)) == without_empty(wanted.get(name)) for name in content)


def updated(current: Object, wanted: Object) -> Object | None:
    """The object to write over the current one; None where it must be made anew, as a binding's role cannot be changed."""
    if current.get("roleRef") != wanted.get("roleRef"):
        return None
    changed = copied(current)
    for part in ("labels", "annotations"):
        if wanted["metadata"].get(part):
            changed["metadata"][part] = (changed["metadata"].get(part) or {}) | wanted["metadata"][part]
    return changed | {name: wanted[name] for name in ("spec", "subjects") if name in wanted}


def status(tenant: Object, observed: Observed, now: str) -> Object:
    """The status after a pass; equal to the current one where nothing changed."""
    declared = declared_names(tenant)
    shown = [_shown_namespace(name, observed.namespaces.get(name), name in declared) for name in {*observed.namespaces, *declared}]
    before = next((each for each in (tenant.get("status") or {}).get("conditions") or () if each.get("type") == READY), None)
    ready = _ready(observed.faults)
    same = before is not None and before.get("status") == ready["status"]
    generation = tenant["metadata"].get("generation", 0)
    condition = {
        "type": READY,
        **ready,
        "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else now,
        "observedGeneration": generation,
    }
    found: Object = {"observedGeneration": generation, "conditions": [condition]}
    if shown:
        found["namespaces"] = sorted(shown, key=lambda each: str(each["name"]))
    return found


def _shown_namespace(name: str, namespace: Object | None, declared: bool) -> Object:
    phase = ((namespace.get("status") or {}).get("phase") or "Active") if namespace is not None else MISSING
    return {"name": name, "phase": phase, **({"declared": True} if declared else {})}


_TOLD: Final = 5


def _ready(faults: Sequence[Fault]) -> Object:
    if not faults:
        return {"status": "True", "reason": "Reconciled", "message": "all namespaces have what they are to have"}
    told = "; ".join(dict.fromkeys(fault.message for fault in faults[:_TOLD]))
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    return {"status": "False", "reason": faults[0].reason, "message": told + more}
