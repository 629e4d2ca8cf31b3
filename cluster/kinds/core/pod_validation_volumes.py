"""Validation of volumes and of the mounts that refer to them.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, quantity
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_claim_templates import claim_template
from cluster.kinds.core.pod_rules import choice, descending_path, dns_label, dns_subdomain, each, members, no_backsteps
from cluster.kinds.core.pod_validation_projected import file_mode, key_to_path, projected, volume_file

_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "gitRepo": ("repository",),
    "gcePersistentDisk": ("pdName",),
    "awsElasticBlockStore": ("volumeID",),
    "nfs": ("server", "path"),
    "glusterfs": ("endpoints", "path"),
    "persistentVolumeClaim": ("claimName",),
    "rbd": ("monitors", "image"),
    "cinder": ("volumeID",),
    "cephfs": ("monitors",),
    "flexVolume": ("driver",),
    "azureFile": ("secretName", "shareName"),
    "vsphereVolume": ("volumePath",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "csi": ("driver",),
    "iscsi": ("targetPortal", "iqn"),
    "secret": ("secretName",),
    "configMap": ("name",),
}
_ORDER: Final = (
    *("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi", "glusterfs", "flocker"),
    *("persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI", "fc", "flexVolume", "configMap", "azureFile"),
    *("vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO", "csi", "ephemeral"),
    "image",
)
_KINDS: Final = frozenset(_ORDER)
_HOST_PATH_TYPES: Final = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_OPTIONS: Final = frozenset({"subPath", "subPathExpr", "mountPropagation", "recursiveReadOnly"})
_READ_ONLY: Final = ("Disabled", "Enabled", "IfPossible")


def volumes(listed: list[Object], pod_name: str, path: str) -> tuple[dict[str, Object], list[FieldError]]:
    """The volumes that are in order, by name, and the errors of the others."""
    found: dict[str, Object] = {}
    errors: list[FieldError] = []
    created = {f"{pod_name}-{each.get('name')}" for each in listed if each.get("ephemeral") is not None} if pod_name else set()
    for position, volume in enumerate(listed):
        here, name = f"{path}[{position}]", volume.get("name") or ""
        own = _source(volume, pod_name, here)
        own += dns_label(name, f"{here}.name") if name else [field.required(f"{here}.name")]
        if name in found:
            own.append(field.duplicate(f"{here}.name", name))
        if not own:
            found[name] = volume
        errors += own
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim in created:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            errors.append(field.invalid(f"{here}.persistentVolumeClaim.claimName", claim, detail))
    return found, errors


def _source(volume: Object, pod_name: str, path: str) -> list[FieldError]:
    """Exactly one source, and that in order."""
    kinds = [kind for kind in _KINDS.intersection(volume) if volume[kind] is not None]
    if not kinds:
        return [field.required(path, "must specify a volume type")]
    if len(kinds) == 1:
        return _one_source(kinds[0], volume, pod_name, path)
    kinds.sort(key=_ORDER.index)
    errors = _one_source(kinds[0], volume, pod_name, path)
    return errors + [field.forbidden(f"{path}.{kind}", "may not specify more than 1 volume type") for kind in kinds[1:]]


def _one_source(kind: str, volume: Object, pod_name: str, path: str) -> list[FieldError]:
    source: Any = volume[kind]
    where = f"{path}.{'persistentDisk' if kind == 'gcePersistentDisk' else kind}"
    errors = [field.required(f"{where}.{name}") for name in _REQUIRED.get(kind, ()) if not source.get(name)]
    if kind == "emptyDir":
        if source.get("sizeLimit") is not None and quantity.compare(source["sizeLimit"], 0) < 0:
            errors.append(field.forbidden(f"{where}.sizeLimit", "SizeLimit field must be a valid resource quantity"))
    elif kind == "hostPath":
        errors += _host_path(source, where)
    elif kind in ("secret", "configMap"):
        errors += file_mode(source.get("defaultMode"), f"{where}.defaultMode")
        for position, item in enumerate(source.get("items") or ()):
            errors += key_to_path(item, f"{where}.items[{position}]")
    elif kind == "downwardAPI":
        errors += file_mode(source.get("defaultMode"), f"{where}.defaultMode")
        for item in members(source.get("items")):
            errors += volume_file(item, where)
    elif kind == "projected":
        errors += projected(source, where)
    elif kind == "nfs" and not (source.get("path") or "").startswith("/"):
        errors.append(field.invalid(f"{where}.path", source.get("path") or "", "must be an absolute path"))
    elif kind == "ephemeral":
        errors += _ephemeral(volume, pod_name, path)
    elif kind == "image":
        if pod_name and not source.get("reference"):
            errors.append(field.required(f"{where}.reference"))
        errors += choice(source.get("pullPolicy"), f"{where}.pullPolicy", _PULL_POLICIES)
    return errors


def _host_path(source: Object, path: str) -> list[FieldError]:
    if not source.get("path"):
        return [field.required(f"{path}.path")]
    errors = no_backsteps(source["path"], f"{path}.path")
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        errors.append(field.not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def _ephemeral(volume: Object, pod_name: str, path: str) -> list[FieldError]:
    where, template = f"{path}.ephemeral.volumeClaimTemplate", volume["ephemeral"].get("volumeClaimTemplate")
    errors = [field.required(where)] if template is None else claim_template(template, where)
    name = volume.get("name") or ""
    if pod_name and name:
        claim = f"{pod_name}-{name}"
        for error in dns_subdomain(claim, path):
            errors.append(field.invalid(f"{path}.name", name, f'PVC name "{claim}": {error.detail}'))  # one shape for all
    return errors


def volume_mounts(container: Object, found: dict[str, Object], path: str) -> list[FieldError]:
    """A container's mounts: each refers to a volume, and no two share a path."""
    devices = members(container.get("volumeDevices"))
    device_names, device_paths = {each.get("name") for each in devices}, {each.get("devicePath") for each in devices}
    errors: list[FieldError] = []
    taken: set[str] = set()
    for position, mount in enumerate(members(container.get("volumeMounts"))):
        here, name, at = f"{path}[{position}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(field.required(f"{here}.name"))
        if name not in found:
            errors.append(field.not_found(f"{here}.name", name))
        if not at:
            errors.append(field.required(f"{here}.mountPath"))
        if at in taken:
            errors.append(field.invalid(f"{here}.mountPath", at, "must be unique"))
        taken.add(at)
        if name in device_names:
            errors.append(field.invalid(f"{here}.name", name, "must not already exist in volumeDevices"))
        if at in device_paths:
            errors.append(field.invalid(f"{here}.mountPath", at, "must not already exist as a path in volumeDevices"))
        errors += _mount_options(mount, container, here, path)
    return errors


def _mount_options(mount: Object, container: Object, here: str, path: str) -> list[FieldError]:
    """Upstream reports most of these at the list's path, without the member's index."""
    errors: list[FieldError] = []
    if _OPTIONS.isdisjoint(mount):
        return errors
    if mount.get("subPath"):
        errors += descending_path(mount["subPath"], f"{path}.subPath")
    if mount.get("subPathExpr"):
        if mount.get("subPath"):
            errors.append(field.invalid(f"{here}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive"))
        errors += descending_path(mount["subPathExpr"], f"{path}.subPathExpr")
    propagation, where = mount.get("mountPropagation"), f"{path}.mountPropagation"
    if propagation is not None:
        if propagation not in _PROPAGATIONS:
            errors.append(field.not_supported(where, propagation, _PROPAGATIONS))
        if propagation == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
            errors.append(field.forbidden(where, "Bidirectional mount propagation is available only to privileged containers"))
    recursive, where = mount.get("recursiveReadOnly"), f"{path}.recursiveReadOnly"
    if recursive in ("Enabled", "IfPossible"):
        if not mount.get("readOnly"):
            errors.append(field.forbidden(where, "may only be specified when readOnly is true"))
        if propagation not in (None, "None"):
            errors.append(field.forbidden(where, "may only be specified when mountPropagation is None or not specified"))
    elif recursive not in (None, "Disabled"):
        errors.append(field.not_supported(where, recursive, _READ_ONLY))
    return errors


def volume_devices(container: Object, found: dict[str, Object], path: str) -> list[FieldError]:
    """Block devices, which only claims can be."""
    mounts = members(container.get("volumeMounts"))
    mount_names, mount_paths = {each.get("name") for each in mounts}, {each.get("mountPath") for each in mounts}
    errors: list[FieldError] = []
    names: set[str] = set()
    paths: set[str] = set()
    for position, device in enumerate(members(container.get("volumeDevices"))):
        here, name, at = f"{path}[{position}]", device.get("name") or "", device.get("devicePath") or ""
        if not name:
            errors.append(field.required(f"{here}.name"))
        if name in names:
            errors.append(field.invalid(f"{here}.name", name, "must be unique"))
        if name not in found:
            errors.append(field.not_found(f"{here}.name", name))
        elif not any(found[name].get(kind) is not None for kind in ("persistentVolumeClaim", "ephemeral")):
            detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            errors.append(field.invalid(f"{here}.name", name, detail))
        where = f"{here}.devicePath"
        if not at:
            errors.append(field.required(where))
        if at in paths:
            errors.append(field.invalid(where, at, "must be unique"))
        if no_backsteps(at, where):
            errors.append(field.invalid(where, at, "can not contain backsteps ('..')"))
        else:
            paths.add(at)
        errors += each(["must not already exist in volumeMounts"] if name in mount_names else [], f"{here}.name", name)
        errors += each(["must not already exist as a path in volumeMounts"] if at in mount_paths else [], where, at)
        if name:
            names.add(name)
    return errors
