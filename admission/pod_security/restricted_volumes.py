"""Volumes are of the kinds that need no privileges; all else goes through a claim.

Upstream: pod-security-admission `policy/check_restrictedVolumes.go`.
"""

from __future__ import annotations

from typing import Final

from admission.pod_security import host_path_volumes
from admission.pod_security.check import Check, Revision, Violation, joined, plural
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from cluster.api.names import Object

_ALLOWED: Final = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"}
)
_RESTRICTED: Final = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
)


def _judge(pod: Pod) -> Violation | None:
    bad = [volume for volume in pod.volumes if _ALLOWED.isdisjoint(volume)]
    if not bad:
        return None
    names, kinds = [each.get("name", "") for each in bad], sorted({_kind_of(each) for each in bad})
    uses = "uses" if len(bad) == 1 else "use"
    return Violation(
        "restricted volume types",
        f"{plural('volume', names)} {joined(names)} {uses} {plural('restricted volume type', kinds)} {joined(kinds)}",
    )


def _kind_of(volume: Object) -> str:
    return next((kind for kind in _RESTRICTED if kind in volume), "unknown")


CHECK: Final = Check("restrictedVolumes", Level.RESTRICTED, (Revision(0, _judge, frozenset({host_path_volumes.CHECK.id})),))
