"""What each node may read, because a pod on it refers to it; kept up to date by the store's changes.

Upstream: `plugin/pkg/auth/authorizer/node/graph.go`.  There it is a graph; here each pod's references are kept as a set, and
each object knows which (node, pod) pairs lead to it, so that a question is two dictionary look-ups.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.api.names import GroupResource, Object
from cluster.api.pod_references import config_map_names, secret_names
from cluster.api.protocols import ChangeCallback, Reader
from rbac.authz.references import claim_names, is_mirror, resource_claim_names

Vertex = tuple[str, str, str]
"""(resource, namespace, name), the resource as in a URL."""
_VOLUME_SECRETS: Final = {
    "cephfs": ("secretRef",),
    "cinder": ("secretRef",),
    "flexVolume": ("secretRef",),
    "rbd": ("secretRef",),
    "scaleIO": ("secretRef",),
    "iscsi": ("secretRef",),
    "storageos": ("secretRef",),
    "csi": ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"),
}


class NodeGraph:
    """Paths from objects to nodes."""

    def __init__(self) -> None:
        self._edges: dict[Vertex, dict[str, int]] = {}
        self._owned: dict[Vertex, tuple[str, frozenset[Vertex]]] = {}
        self._claim_of_volume: dict[str, tuple[str, str]] = {}
        self._volumes_of_secret: dict[tuple[str, str], set[str]] = {}
        self._secrets_of_volume: dict[str, frozenset[tuple[str, str]]] = {}

    @classmethod
    def following(cls, reader: Reader) -> NodeGraph:
        """A graph that is always as new as what the reader answers."""
        graph = cls()
        reader.subscribe(GroupResource("", "pods"), graph.on_pod)
        reader.subscribe(GroupResource("", "persistentvolumes"), graph.on_volume)
        for resource, group in (
            ("volumeattachments", "storage.k8s.io"),
            ("resourceslices", "resource.k8s.io"),
        ):
            reader.subscribe(GroupResource(group, resource), graph.on_assigned(resource))
        return graph

    def leads(self, vertex: Vertex, node: str) -> bool:
        """True when a pod on the node refers to the object, directly or by a claim and its volume."""
        if node in self._edges.get(vertex, ()):
            return True
        resource, namespace, name = vertex
        if resource == "persistentvolumes":
            return self._volume_leads(name, node)
        if resource == "secrets":
            return any(self._volume_leads(volume, node) for volume in self._volumes_of_secret.get((namespace, name), ()))
        return False

    def _volume_leads(self, volume: str, node: str) -> bool:
        claim = self._claim_of_volume.get(volume)
        return claim is not None and node in self._edges.get(("persistentvolumeclaims", *claim), ())

    def on_pod(self, old: Object | None, new: Object | None) -> None:
        """A pod was created, bound, changed or deleted."""
        pod = new if new is not None else old
        assert pod is not None
        metadata = pod["metadata"]
        owner = ("pods", metadata["namespace"], metadata["name"])
        node = ((new or {}).get("spec") or {}).get("nodeName")
        if new is None or not node:
            self._own(owner, "", frozenset())
        elif old is None or owner not in self._owned or _pod_may_refer_anew(old, new):
            self._own(owner, node, frozenset(_references(new)) | {owner})

    def on_assigned(self, resource: str) -> ChangeCallback:
        """The callback for a resource whose objects name their one node in `spec.nodeName`."""

        def changed(old: Object | None, new: Object | None) -> None:
            metadata = (new or old or {})["metadata"]
            vertex = (resource, metadata.get("namespace", ""), metadata["name"])
            node = ((new or {}).get("spec") or {}).get("nodeName") or ""
            self._own(vertex, node, frozenset({vertex}) if node else frozenset())

        return changed

    def on_volume(self, old: Object | None, new: Object | None) -> None:
        """A persistent volume was created, bound, changed or deleted."""
        volume: str = (new or old or {})["metadata"]["name"]
        for secret in self._secrets_of_volume.pop(volume, frozenset()):
            _discard(self._volumes_of_secret, secret, volume)
        self._claim_of_volume.pop(volume, None)
        claim = ((new or {}).get("spec") or {}).get("claimRef")
        if new is None or not claim:
            return
        self._claim_of_volume[volume] = (claim.get("namespace", ""), claim.get("name", ""))
        secrets = frozenset(_volume_secrets(new["spec"], claim.get("namespace", "")))
        self._secrets_of_volume[volume] = secrets
        for secret in secrets:
            self._volumes_of_secret.setdefault(secret, set()).add(volume)

    def _own(self, owner: Vertex, node: str, targets: frozenset[Vertex]) -> None:
        """Replaces what an object contributes: paths from all `targets` to the node."""
        old_node, old_targets = self._owned.pop(owner, ("", frozenset()))
        for target in old_targets:
            counts = self._edges[target]
            counts[old_node] -= 1
            if not counts[old_node]:
                del counts[old_node]
            if not counts:
                del self._edges[target]
        if not targets:
            return
        self._owned[owner] = (node, targets)
        for target in targets:
            counts = self._edges.setdefault(target, {})
            counts[node] = counts.get(node, 0) + 1


def _pod_may_refer_anew(old: Object, new: Object) -> bool:
    """A bound pod's references change only with these."""

    def key(pod: Object) -> tuple[object, ...]:
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        claims = status.get("resourceClaimStatuses"), status.get("extendedResourceClaimStatus")
        return spec.get("nodeName"), pod["metadata"].get("uid"), len(spec.get("ephemeralContainers") or ()), claims

    return key(old) != key(new)


def _references(pod: Object) -> Iterator[Vertex]:
    """What a pod lets its node read; nothing for a mirror pod, which a node makes itself."""
    if is_mirror(pod):
        return
    namespace, spec = pod["metadata"]["namespace"], pod["spec"]
    if spec.get("serviceAccountName"):
        yield "serviceaccounts", namespace, spec["serviceAccountName"]
    found: tuple[tuple[str, Iterator[str]], ...] = (
        ("secrets", secret_names(spec)),
        ("configmaps", config_map_names(spec)),
        ("persistentvolumeclaims", claim_names(pod)),
        ("resourceclaims", resource_claim_names(pod)),
    )
    for resource, names in found:
        for name in names:
            if name:
                yield resource, namespace, name


def _volume_secrets(spec: Object, claim_namespace: str) -> Iterator[tuple[str, str]]:
    """(namespace, name) of the secrets that a kubelet needs to mount a persistent volume."""
    azure_file = spec.get("azureFile")
    if azure_file:
        yield azure_file.get("secretNamespace") or claim_namespace, azure_file.get("secretName", "")
    for source, fields in _VOLUME_SECRETS.items():
        for field in fields:
            reference = (spec.get(source) or {}).get(field)
            if reference and reference.get("name"):
                yield reference.get("namespace") or claim_namespace, reference["name"]


def _discard(sets: dict[tuple[str, str], set[str]], key: tuple[str, str], member: str) -> None:
    members = sets.get(key, set())
    members.discard(member)
    if not members:
        sets.pop(key, None)
