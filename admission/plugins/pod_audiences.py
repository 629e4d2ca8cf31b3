"""The audiences that a pod's volumes call for: of token projections, and of the CSI drivers behind volumes and claims.

Upstream: `plugin/pkg/admission/noderestriction/admission.go` (podReferencesAudience), csi-translation-lib `plugins`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_CLAIMS: Final = GroupResource("", "persistentvolumeclaims")
_VOLUMES: Final = GroupResource("", "persistentvolumes")
_DRIVERS: Final = GroupResource("storage.k8s.io", "csidrivers")
_SUCCESSORS: Final[Mapping[str, str]] = {
    "awsElasticBlockStore": "ebs.csi.aws.com",
    "azureDisk": "disk.csi.azure.com",
    "azureFile": "file.csi.azure.com",
    "cinder": "cinder.csi.openstack.org",
    "gcePersistentDisk": "pd.csi.storage.gke.io",
    "portworxVolume": "pxd.portworx.com",
    "vsphereVolume": "csi.vsphere.vmware.com",
}
"""Volume sources that a CSI driver has taken over."""


class _Missing(Exception):
    """What a volume refers to is not there."""


class PodAudiences:
    """Follows a pod's volumes to the audiences that they name."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def named_by(self, pod: Object, audience: str) -> tuple[bool, str]:
        """(whether a volume names the audience, what was missing on the way if none does)."""
        problems: list[str] = []
        for volume in pod["spec"].get("volumes") or ():
            if _projects(volume, audience):
                return True, ""
            try:
                driver = self._driver(pod, volume)
                if driver and audience in self._audiences(driver):
                    return True, ""
            except _Missing as error:
                problems.append(str(error))
        distinct = list(dict.fromkeys(problems))
        return False, distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]" if distinct else ""

    def _driver(self, pod: Object, volume: Object) -> str:
        """The CSI driver of a volume, by its claim where it has one; empty where there is none."""
        namespace = pod["metadata"]["namespace"]
        if (volume.get("ephemeral") or {}).get("volumeClaimTemplate") is not None:
            return self._driver_of_claim(namespace, f"{pod['metadata']['name']}-{volume['name']}")
        if volume.get("persistentVolumeClaim"):
            return self._driver_of_claim(namespace, volume["persistentVolumeClaim"].get("claimName", ""))
        return _driver_in(volume)

    def _driver_of_claim(self, namespace: str, name: str) -> str:
        claim = self._get(_CLAIMS, namespace, name, "persistentvolumeclaim")
        return _driver_in(self._get(_VOLUMES, "", (claim.get("spec") or {}).get("volumeName", ""), "persistentvolume").get("spec") or {})

    def _audiences(self, driver: str) -> list[str]:
        spec = self._get(_DRIVERS, "", driver, "csidriver.storage.k8s.io").get("spec") or {}
        return [each.get("audience", "") for each in spec.get("tokenRequests") or ()]

    def _get(self, resource: GroupResource, namespace: str, name: str, shown: str) -> Any:
        found = self._reader.get(resource, namespace, name) if name else None
        if found is None:
            raise _Missing(f"{shown} {quoted(name)} not found")
        return found


def _projects(volume: Object, audience: str) -> bool:
    tokens = [source.get("serviceAccountToken") for source in (volume.get("projected") or {}).get("sources") or ()]
    return any(token is not None and token.get("audience", "") == audience for token in tokens)


def _driver_in(source: Object) -> str:
    """The driver of a volume or of a PersistentVolume's spec."""
    if source.get("csi"):
        return str(source["csi"].get("driver", ""))
    return next((driver for kind, driver in _SUCCESSORS.items() if source.get(kind) is not None), "")
