"""Volumes of a pod spec: their defaults.  Upstream: `pkg/apis/core/v1/defaults.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.kinds.core.pod_containers import default_divisor, default_field_ref, pull_policy
from cluster.kinds.core.pod_resources import canonical_requirements

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
        if name in _SIMPLE:
            for field, value in _SIMPLE[name].items():
                if source.get(field) is None or (name in _EMPTY_IS_UNSET and not source[field]):
                    source[field] = value
        if name == "downwardAPI":
            _default_items(source)
        elif name == "projected":
            _default_projections(source)
        elif name == "image":
            _default_image(source)
        elif name == "ephemeral":
            _default_claim_template(source.get("volumeClaimTemplate"))


def _default_projections(projected: Object) -> None:
    for projection in projected.setdefault("sources", None) or ():
        for gated in _GATED_SOURCES:
            projection.pop(gated, None)
        if items := projection.get("downwardAPI"):
            _default_items(items)
        token = projection.get("serviceAccountToken")
        if token is not None and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = 3600


def _default_items(source: Object) -> None:
    for item in source.get("items") or ():
        if item.get("fieldRef") is not None:
            default_field_ref(item["fieldRef"])
        if item.get("resourceFieldRef") is not None:
            default_divisor(item["resourceFieldRef"])


def _default_image(image: Object) -> None:
    if not image.get("pullPolicy"):
        image["pullPolicy"] = pull_policy(image.get("reference") or "")


def _default_claim_template(template: Object | None) -> None:
    if template is None:
        return
    template.setdefault("metadata", {})
    spec = template.setdefault("spec", {})
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    if resources := spec.get("resources"):
        canonical_requirements(resources)
