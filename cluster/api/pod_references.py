"""The secrets and config maps that a pod names.  Upstream: `pkg/api/pod/util.go`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.api.names import Object

_SECRET_VOLUMES: Final = {"cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos"}


def containers(spec: Object) -> Iterator[Object]:
    """Init, ordinary and ephemeral containers, in this order."""
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def secret_names(spec: Object) -> Iterator[str]:
    """The secrets that a pod's spec names."""
    for reference in spec.get("imagePullSecrets") or ():
        yield reference.get("name", "")
    yield from _from_environment(spec, "secretKeyRef", "secretRef")
    for volume in spec.get("volumes") or ():
        if volume.get("secret"):
            yield volume["secret"].get("secretName", "")
        if volume.get("azureFile"):
            yield volume["azureFile"].get("secretName", "")
        if volume.get("csi"):
            yield from _name(volume["csi"].get("nodePublishSecretRef"))
        yield from _projected(volume, "secret")
        for source in _SECRET_VOLUMES & volume.keys():
            yield from _name((volume[source] or {}).get("secretRef"))


def config_map_names(spec: Object) -> Iterator[str]:
    """The config maps that a pod's spec names."""
    yield from _from_environment(spec, "configMapKeyRef", "configMapRef")
    for volume in spec.get("volumes") or ():
        yield from _name(volume.get("configMap"))
        yield from _projected(volume, "configMap")


def _from_environment(spec: Object, one: str, all_of: str) -> Iterator[str]:
    for container in containers(spec):
        for each in container.get("envFrom") or ():
            yield from _name(each.get(all_of))
        for each in container.get("env") or ():
            yield from _name((each.get("valueFrom") or {}).get(one))


def _projected(volume: Object, kind: str) -> Iterator[str]:
    for source in (volume.get("projected") or {}).get("sources") or ():
        yield from _name(source.get(kind))


def _name(reference: Object | None) -> Iterator[str]:
    if reference and reference.get("name"):
        yield reference["name"]
