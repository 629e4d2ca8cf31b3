"""The world of a suite or a case: objects that are there, as their kinds default and check them, without having asked anyone.

What a cluster's controllers would see to is seen to: namespaces have their default service account and CA, cluster roles are filled with
what they aggregate, quotas say what is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from admission.quota.neighbours import StoredNeighbours
from cluster.api.aggregation import aggregated, selectors
from cluster.api.errors import StatusError
from cluster.api.meta import new_uid, now
from cluster.api.names import GroupResource, GroupVersionKind, Object, parse_api_version
from cluster.api.quota.evaluators import Evaluators
from cluster.api.quota.scopes import scopes_of
from cluster.api.quota.usage import concerned, total
from cluster.api.resource_lists import ResourceList, masked, parsed, texts_of
from cluster.kinds.catalog import is_stored
from cluster.kinds.model import Kind
from cluster.registry.metadata import validate_new
from cluster.registry.reader import StoreReader
from cluster.registry.registry import Registry
from cluster.storage.contract import Write
from policies.lab.manifests import Manifest
from policies.lab.store import MemoryStore

_NAMESPACES: Final = GroupResource("", "namespaces")
_PODS: Final = GroupResource("", "pods")
_QUOTAS: Final = GroupResource("", "resourcequotas")
_CLUSTER_ROLES: Final = GroupResource("rbac.authorization.k8s.io", "clusterroles")
_KEPT: Final = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


class World:
    """Puts objects into a store."""

    def __init__(self, store: MemoryStore, registry: Registry, reader: StoreReader) -> None:
        self._store = store
        self._registry = registry
        self._reader = reader
        self._evaluators = Evaluators(StoredNeighbours(reader))
        self._counted: set[str] = set()
        """The UIDs of quotas whose use a fixture says, which is believed."""

    def place(self, manifests: Sequence[Manifest]) -> None:
        """In their order, namespaces first, and those that are missing made; Broken for what can not be there."""
        placed = [(each, self._kind(each)) for each in manifests]
        ordered = sorted(placed, key=lambda pair: pair[1].storage != _NAMESPACES)
        for manifest, kind in ordered:
            self._put(manifest, kind)
        resources = {kind.storage for _, kind in placed}
        if _CLUSTER_ROLES in resources:
            self._aggregate()
        if resources and self._store.list(str(_QUOTAS)).entries:
            self._count(None if _QUOTAS in resources or _NAMESPACES in resources else {_namespace(each) for each in manifests})

    def begin(self, namespaces: Iterable[str]) -> None:
        """Furnishes the namespaces that a new cluster has."""
        for name in namespaces:
            self._furnish(name)

    def kind_of(self, obj: Object) -> Kind | None:
        """The kind that an object says it is of; None for one that is not served."""
        try:
            return self._registry.catalog.by_kind(GroupVersionKind(*parse_api_version(obj.get("apiVersion") or ""), obj.get("kind") or ""))
        except (ValueError, TypeError):
            return None

    def _kind(self, manifest: Manifest) -> Kind:
        kind = self.kind_of(manifest.object)
        if kind is None or not is_stored(kind):
            version, obj = self._registry.catalog.version, manifest.object
            raise manifest.broken(f'Kubernetes {version} keeps no kind "{obj.get("kind")}" of "{obj.get("apiVersion")}"')
        return kind

    def _put(self, manifest: Manifest, kind: Kind) -> None:
        try:
            obj = self._made(manifest.object, kind)
            name, namespace = obj["metadata"]["name"], obj["metadata"].get("namespace", "")
            codec = self._registry.codec(kind)
            key = codec.key(namespace, name)
            if self._store.get(key) is not None:
                raise manifest.broken(f'{kind.resource.resource} "{name}" is there already')
            writes = [*self._registry.companion(kind).create(obj), Write(key, 0, codec.encode(obj))]
        except StatusError as error:
            raise manifest.broken(error.message) from None
        self._store.commit(writes)
        if kind.storage == _NAMESPACES:
            self._furnish(name)

    def _made(self, given: Object, kind: Kind) -> Object:
        """The object as it would lie in the store; StatusError for one that could not."""
        decoder, strategy = self._registry.decoder(kind.gvk), kind.strategy
        result = decoder.decode(given, strict=True)
        if result.problems:
            raise decoder.strict_error(result.problems)
        obj = result.object
        metadata = obj.setdefault("metadata", {})
        if kind.namespaced:
            metadata.setdefault("namespace", "default")
            self._ensure_namespace(metadata["namespace"])
        else:
            metadata.pop("namespace", None)
        kept = {field: metadata[field] for field in _KEPT if field in metadata}
        status = obj.get("status")
        strategy.default(obj)
        strategy.prepare_for_create(obj)
        obj["metadata"] |= {"uid": new_uid(), "creationTimestamp": now()} | ({"generation": 1} if strategy.has_generation else {}) | kept
        obj["metadata"].pop("resourceVersion", None)
        validate_new(_as_new(obj) if kind.storage == _PODS else obj, kind)
        if status is not None:
            obj["status"] = status
        if kind.storage == _QUOTAS and (status or {}).get("hard"):
            self._counted.add(obj["metadata"]["uid"])
        return obj

    def _ensure_namespace(self, name: str) -> None:
        if self._reader.get(_NAMESPACES, "", name) is None:
            self._write({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            self._furnish(name)

    def _furnish(self, namespace: str) -> None:
        """What controllers put into every namespace."""
        self._write({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}})
        self._write({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": namespace}})

    def _write(self, given: Object) -> None:
        """Unless it is there."""
        kind = self.kind_of(given)
        assert kind is not None, "every version has it"
        obj = self._made(given, kind)
        codec = self._registry.codec(kind)
        key = codec.key(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if self._store.get(key) is None:
            self._store.commit([Write(key, 0, codec.encode(obj))])

    def _aggregate(self) -> None:
        """Fills the cluster roles that aggregate others."""
        roles = list(self._reader.list(_CLUSTER_ROLES))
        for role in roles:
            if selectors(role):
                rules = aggregated(role, roles)
                if rules != (role.get("rules") or []):
                    self._replace(_CLUSTER_ROLES, role, {**role, "rules": rules})

    def _count(self, namespaces: set[str] | None) -> None:
        """What quotas have used: of these namespaces, or of all."""
        for quota in list(self._reader.list(_QUOTAS)):
            metadata = quota["metadata"]
            if (namespaces is None or metadata["namespace"] in namespaces) and metadata["uid"] not in self._counted:
                hard = (quota.get("spec") or {}).get("hard") or {}
                status = {"hard": hard, "used": texts_of(self._used(quota, hard))}
                self._replace(_QUOTAS, quota, {**quota, "status": status})

    def _used(self, quota: Object, hard: Object) -> ResourceList:
        used: ResourceList = {}
        for evaluator, names in concerned(self._evaluators, hard):
            objects = self._reader.list(evaluator.resource, quota["metadata"]["namespace"])
            used |= total(evaluator, scopes_of(quota), names, objects)
        return masked(used, parsed(hard))

    def _replace(self, resource: GroupResource, old: Object, obj: Object) -> None:
        kind = self._registry.catalog.by_group_resource(resource)
        assert kind is not None, "every version has it"
        stored = self._registry.catalog.stored(kind) or kind
        codec, metadata = self._registry.codec(stored), old["metadata"]
        key = codec.key(metadata.get("namespace", ""), metadata["name"])
        self._store.commit([Write(key, int(metadata["resourceVersion"]), codec.encode(obj))])


def _as_new(pod: Object) -> Object:
    """A pod is given ephemeral containers once it is there, never before."""
    spec = pod.get("spec") or {}
    return {**pod, "spec": {name: value for name, value in spec.items() if name != "ephemeralContainers"}}


def _namespace(manifest: Manifest) -> str:
    metadata = manifest.object.get("metadata") or {}
    return str(metadata.get("namespace") or "default")
