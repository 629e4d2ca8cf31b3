"""Volumes of a pod spec: their defaults.  Upstream: `pkg/apis/core/v1/defaults.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.kinds.core.pod_containers import default_divisor, default_field_ref, pull_policy
from cluster.kinds.core.pod_resources import canonical_resource_list

_MODE: Final = 0o644
_SIMPLE: Final[dict[str, dict[str, object]]] = {
    "hostPath": {"type": ""},
    "secret": {"defaultMode": _MODE},
    "configMap": {"defaultMode": _MODE},
    "downwardAPI": {"defaultMode": _MODE},
    "projected": {"defaultMode": _MODE},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": False, "kind": "Shared"},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
_GATED_SOURCES: Final = ("clusterTrustBundle", "podCertificate")
"""Projected sources that Kubernetes keeps behind gates that are closed: they are dropped."""
_EMPTY_IS_UNSET: Final = frozenset({"iscsi", "rbd", "scaleIO"})


def default_volume(volume: Object) -> None:
    """An empty source is an emptyDir; each other source has defaults of its own."""
    sources = [name for name, source in volume.items() if name != "name" and source is not None]
    if not sources:
        volume["emptyDir"] = {}
    for name in sources:
        source = volume[name]
        for field, value in _SIMPLE.get(name, {}).items():
            if source.get(field) is None or (name in _EMPTY_IS_UNSET and not source[field]):
                source[field] = value
    _default_items(volume.get("downwardAPI") or {})
    if volume.get("projected") is not None:
        volume["projected"].setdefault("sources", None)
    for projection in (volume.get("projected") or {}).get("sources") or ():
        for gated in _GATED_SOURCES:
            projection.pop(gated, None)
        _default_items(projection.get("downwardAPI") or {})
        token = projection.get("serviceAccountToken")
        if token is not None and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = 3600
    _default_image(volume.get("image"))
    _default_claim_template((volume.get("ephemeral") or {}).get("volumeClaimTemplate"))


def _default_items(source: Object) -> None:
    for item in source.get("items") or ():
        if item.get("fieldRef") is not None:
            default_field_ref(item["fieldRef"])
        if item.get("resourceFieldRef") is not None:
            default_divisor(item["resourceFieldRef"])


def _default_image(image: Object | None) -> None:
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = pull_policy(image.get("reference") or "")


def _default_claim_template(template: Object | None) -> None:
    if template is None:
        return
    template.setdefault("metadata", {})
    spec = template.setdefault("spec", {})
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    for field in ("limits", "requests"):
        canonical_resource_list((spec.get("resources") or {}).get(field))
