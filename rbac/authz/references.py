"""What a pod refers to, and which node a caller is.  Upstream: `pkg/api/pod/util.go`, `pkg/auth/nodeidentifier`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.api.names import Object
from cluster.api.pod_references import config_map_names, secret_names
from cluster.api.user import NODE_PREFIX, NODES, UserInfo

MIRROR: Final = "kubernetes.io/config.mirror"


def node_name(user: UserInfo) -> str | None:
    """The node that a user is: "" when it is one that cannot be told; None for a user who is no node."""
    if not user.name.startswith(NODE_PREFIX) or NODES not in user.groups:
        return None
    return user.name[len(NODE_PREFIX) :]


def is_mirror(pod: Object) -> bool:
    return MIRROR in (pod["metadata"].get("annotations") or {})


def claim_names(pod: Object) -> Iterator[str]:
    """The persistent volume claims of a pod; an ephemeral volume's is named `<pod>-<volume>`."""
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            yield volume["persistentVolumeClaim"].get("claimName", "")
        elif volume.get("ephemeral") is not None:
            yield f"{pod['metadata']['name']}-{volume['name']}"


def resource_claim_names(pod: Object) -> Iterator[str]:
    """The resource claims of a pod, as far as they exist: a template's claim is named in the pod's status."""
    status = pod.get("status") or {}
    made = {each.get("name"): each.get("resourceClaimName") for each in status.get("resourceClaimStatuses") or ()}
    for claim in pod["spec"].get("resourceClaims") or ():
        name = claim.get("resourceClaimName") or made.get(claim.get("name"))
        if name:
            yield name
    yield from filter(None, [(status.get("extendedResourceClaimStatus") or {}).get("resourceClaimName")])


_HARMLESS_VOLUMES: Final = frozenset(
    {
        "awsElasticBlockStore",
        "azureDisk",
        "cephfs",
        "cinder",
        "downwardAPI",
        "emptyDir",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "gitRepo",
        "hostPath",
        "image",
        "iscsi",
        "nfs",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    }
)
_REFERRING_VOLUMES: Final = {
    "configMap": "configmaps (via configmap volumes)",
    "secret": "secrets (via secret volumes)",
    "csi": "csidrivers (via CSI volumes)",
    "glusterfs": "endpoints (via glusterFS volumes)",
    "persistentVolumeClaim": "persistentvolumeclaims",
    "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
    "azureFile": "secrets (via azureFile volumes)",
}
_REFERRING_PROJECTIONS: Final = {
    "configMap": "configmaps (via projected volumes)",
    "secret": "secrets (via projected volumes)",
    "serviceAccountToken": "serviceaccounts (via projected volumes)",
    "clusterTrustBundle": "clustertrustbundles",
    "podCertificate": "podcertificates",
}


def api_references(spec: Object) -> tuple[str, str]:
    """(what of the API a pod's spec refers to first, what of it cannot be judged); both empty for a pod that needs no API."""
    if spec.get("serviceAccountName"):
        return "serviceaccounts", ""
    if any(True for _ in secret_names(spec)):
        return "secrets", ""
    if any(True for _ in config_map_names(spec)):
        return "configmaps", ""
    if spec.get("resourceClaims"):
        return "resourceclaims", ""
    for volume in spec.get("volumes") or ():
        found = _volume_reference(volume)
        if found != ("", ""):
            return found
    return "", ""


def _volume_reference(volume: Object) -> tuple[str, str]:
    if volume.keys() & _HARMLESS_VOLUMES:
        return "", ""
    for source, shown in _REFERRING_VOLUMES.items():
        if source in volume:
            return shown, ""
    if "projected" not in volume:
        return "", f'unknown volume type for volume  "{volume.get("name", "")}"'
    for projection in volume["projected"].get("sources") or ():
        for source, shown in _REFERRING_PROJECTIONS.items():
            if source in projection:
                return shown, ""
        if "downwardAPI" not in projection:
            return "", f'unknown source for projected volume "{volume.get("name", "")}"'
    return "", ""
