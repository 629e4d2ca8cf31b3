"""The kinds that a Kubernetes version serves, in the order in which discovery names them.

The facts are those recorded from 1.36; an older version lacks what its schemas lack, and serves what `_GONE` adds.
Upstream: `pkg/controlplane/instance.go` (what is enabled by default), apiserver `pkg/endpoints/discovery`.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.api.names import GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource, Object
from cluster.kinds import load_strategy
from cluster.kinds.model import Column, Kind, Subresource

RECORDED: Final = (1, 36)

_GONE: Final[tuple[tuple[GroupVersion, GroupVersion, tuple[str, ...], int], ...]] = (
    (GroupVersion("autoscaling", "v2beta2"), GroupVersion("autoscaling", "v2"), ("horizontalpodautoscalers",), 25),
    (GroupVersion("storage.k8s.io", "v1beta1"), GroupVersion("storage.k8s.io", "v1"), ("csistoragecapacities",), 26),
    (
        GroupVersion("flowcontrol.apiserver.k8s.io", "v1beta3"),
        GroupVersion("flowcontrol.apiserver.k8s.io", "v1"),
        ("flowschemas", "prioritylevelconfigurations"),
        31,
    ),
    (
        GroupVersion("flowcontrol.apiserver.k8s.io", "v1beta2"),
        GroupVersion("flowcontrol.apiserver.k8s.io", "v1"),
        ("flowschemas", "prioritylevelconfigurations"),
        28,
    ),
    (
        GroupVersion("flowcontrol.apiserver.k8s.io", "v1beta1"),
        GroupVersion("flowcontrol.apiserver.k8s.io", "v1"),
        ("flowschemas", "prioritylevelconfigurations"),
        25,
    ),
)
"""(version, the version that replaced it, resources, the last minor that served it by default); 1.25 is the oldest of interest."""

_SUBRESOURCE_SINCE: Final[Mapping[tuple[str, str, str], int]] = {("", "pods", "resize"): 33}
"""(group, resource, subresource) to the first minor that served it by default, where that is after 1.25."""

_STORED_IN: Final[Mapping[GroupResource, GroupVersion]] = {GroupResource("events.k8s.io", "events"): GroupVersion("", "v1")}
"""Resources whose objects live with another group's."""

_NOT_STORED: Final = frozenset({"auditevents", "bindings", "componentstatuses", "tenantnamespaces"})
_DATA: Final = Path(__file__).parent / "data"
OWN_GROUP: Final = "berth.io"
_OWN: Final = ("tenants", "kubeconfigs", "explain", "audit")
"""The files in `data/berth` with the facts of Berth's own kinds, which every version serves."""


class Group(Struct, frozen=True):
    """An API group: its versions, the preferred one first."""

    name: str
    versions: tuple[GroupVersion, ...]

    @property
    def preferred(self) -> GroupVersion:
        return self.versions[0]


class Catalog:
    """The kinds of one Kubernetes version, by all the names that a request may use."""

    def __init__(self, version: str, kinds: Iterable[Kind]) -> None:
        self.version = version
        self._kinds = tuple(kinds)
        self._by_resource: dict[tuple[str, str, str], Kind] = {kind.resource: kind for kind in self._kinds}
        self._by_kind = {kind.gvk: kind for kind in self._kinds}
        self._preferred: dict[GroupResource, Kind] = {}
        self._by_version: dict[GroupVersion, list[Kind]] = {}
        groups: dict[str, list[GroupVersion]] = {}
        for kind in self._kinds:
            version_of_kind = kind.gvk.group_version
            self._preferred.setdefault(kind.resource.group_resource, kind)
            self._by_version.setdefault(version_of_kind, []).append(kind)
            versions = groups.setdefault(kind.gvk.group, [])
            if version_of_kind not in versions:
                versions.append(version_of_kind)
        self._groups = tuple(Group(name, tuple(versions)) for name, versions in groups.items())

    def find(self, group: str, version: str, resource: str) -> Kind | None:
        """The kind that a URL names; None where it isn't served."""
        return self._by_resource.get((group, version, resource))

    def by_kind(self, gvk: GroupVersionKind) -> Kind | None:
        """The kind that an object's apiVersion and kind name."""
        return self._by_kind.get(gvk)

    def by_group_resource(self, resource: GroupResource) -> Kind | None:
        """The preferred version of a resource."""
        return self._preferred.get(resource)

    def groups(self) -> tuple[Group, ...]:
        """All groups in discovery's order, the core group ("") first."""
        return self._groups

    def resources(self, version: GroupVersion) -> tuple[Kind, ...]:
        """The kinds of one group version in discovery's order; empty where it isn't served."""
        return tuple(self._by_version.get(version, ()))

    def all(self) -> tuple[Kind, ...]:
        """Every kind of every version, in discovery's order."""
        return self._kinds

    def stored(self, kind: Kind) -> Kind | None:
        """The version whose shape `kind` is stored in (`conversion.convert` goes between the two); None for a virtual kind."""
        return self._preferred.get(kind.storage) if is_stored(kind) else None


def catalog(version: str, gvks: Collection[GroupVersionKind]) -> Catalog:
    """The kinds that Kubernetes `version` ("1.36") serves; `gvks` are those of its schemas."""
    minor = int(version.split(".")[1])
    kinds = [*_recorded(version), *_own(version)]
    if (1, minor) < RECORDED:
        known = frozenset(gvks)
        kinds = [_as_of(kind, minor) for kind in [*kinds, *_gone(kinds, minor)] if kind.gvk in known]
    return Catalog(version, kinds)


def storage_version_hash(kind: Kind) -> str:
    """What discovery says of the stored version, for `Catalog.stored(kind)`; equal for kinds that share their storage."""
    import hashlib  # discovery alone wants it

    digest = hashlib.sha256(f"{kind.gvk.group}/{kind.gvk.version}/{kind.gvk.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def is_stored(kind: Kind) -> bool:
    """False for kinds that exist in a request only: reviews, bindings, component statuses."""
    return kind.resource.resource not in _NOT_STORED and kind.verbs != ("create",)


def _data(name: str) -> Any:
    return orjson.loads((_DATA / name).read_bytes())


def _recorded(version: str) -> list[Kind]:
    columns = _data("table-columns.json")
    return [
        _kind(facts, columns.get(f"{facts['group']}/{facts['version']}/{facts['resource']}", ()), version)
        for facts in _data("discovery.json")
    ]


def _own(version: str) -> list[Kind]:
    facts = [each for file in _OWN for each in _data(f"berth/{file}.json")]
    return [_kind(each, each.get("columns", ()), version) for each in sorted(facts, key=lambda each: str(each["resource"]))]


def _kind(facts: Object, columns: Iterable[Object], version: str) -> Kind:
    gvk = GroupVersionKind(facts["group"], facts["version"], facts["responseKind"]["kind"])
    resource = GroupVersionResource(gvk.group, gvk.version, facts["resource"])
    own_columns = tuple(Column(each["name"], each["type"], each["format"], each["priority"]) for each in columns)
    stored_in = _STORED_IN.get(resource.group_resource)
    return Kind(
        gvk=gvk,
        resource=resource,
        singular=facts["singularResource"],
        namespaced=facts["scope"] == "Namespaced",
        verbs=tuple(facts["verbs"]),
        short_names=tuple(facts.get("shortNames", ())),
        categories=tuple(facts.get("categories", ())),
        subresources={each["subresource"]: _subresource(each, gvk) for each in facts.get("subresources", ())},
        columns=own_columns,
        load=partial(load_strategy, gvk.group, resource.resource, version, own_columns),
        storage=GroupResource(stored_in.group, resource.resource) if stored_in else resource.group_resource,
    )


def _subresource(facts: Object, owner: GroupVersionKind) -> Subresource:
    """Discovery leaves out group and version where they are the owner's."""
    kind = facts["responseKind"]
    group, version = (kind["group"], kind["version"]) if kind["version"] else owner.group_version
    return Subresource(facts["subresource"], GroupVersionKind(group, version, kind["kind"]), tuple(facts["verbs"]))


def _gone(kinds: Iterable[Kind], minor: int) -> Iterable[Kind]:
    for version, successor, resources, last in _GONE:
        if minor <= last:
            yield from (_in_version(kind, version, minor) for kind in kinds if _is_one_of(kind, successor, resources))


def _is_one_of(kind: Kind, version: GroupVersion, resources: Collection[str]) -> bool:
    return kind.gvk.group_version == version and kind.resource.resource in resources


def _in_version(kind: Kind, version: GroupVersion, minor: int) -> Kind:
    subresources = {name: Subresource(name, _moved(each.kind, kind.gvk, version), each.verbs) for name, each in kind.subresources.items()}
    return _copy(kind, _moved(kind.gvk, kind.gvk, version), subresources, minor)


def _moved(gvk: GroupVersionKind, owner: GroupVersionKind, version: GroupVersion) -> GroupVersionKind:
    return GroupVersionKind(version.group, version.version, gvk.kind) if gvk.group_version == owner.group_version else gvk


def _as_of(kind: Kind, minor: int) -> Kind:
    group, _, resource = kind.resource
    left = {name: each for name, each in kind.subresources.items() if _SUBRESOURCE_SINCE.get((group, resource, name), minor) <= minor}
    return kind if len(left) == len(kind.subresources) else _copy(kind, kind.gvk, left, minor)


def _copy(kind: Kind, gvk: GroupVersionKind, subresources: Mapping[str, Subresource], minor: int) -> Kind:
    """Of another version."""
    resource = GroupVersionResource(gvk.group, gvk.version, kind.resource.resource)
    return Kind(
        gvk=gvk,
        resource=resource,
        singular=kind.singular,
        namespaced=kind.namespaced,
        verbs=kind.verbs,
        short_names=kind.short_names,
        categories=kind.categories,
        subresources=subresources,
        columns=kind.columns,
        load=partial(load_strategy, gvk.group, resource.resource, f"1.{minor}", kind.columns),
        storage=kind.storage,
    )
