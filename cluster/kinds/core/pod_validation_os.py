"""What a pod may not set on the operating system that it names.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_containers import container_lists

_SYSTEMS: Final = ("linux", "windows")
_NOT_ON_LINUX: Final = "windows options cannot be set for a linux pod"
_NOT_ON_WINDOWS: Final = "cannot be set for a windows pod"
_POD_FIELDS: Final = (
    *("securityContext.appArmorProfile", "securityContext.seLinuxOptions", "hostUsers", "hostPID", "hostIPC"),
    *("securityContext.seccompProfile", "securityContext.fsGroup", "securityContext.fsGroupChangePolicy", "securityContext.sysctls"),
    *("shareProcessNamespace", "securityContext.runAsUser", "securityContext.runAsGroup", "securityContext.supplementalGroups"),
    *("securityContext.supplementalGroupsPolicy", "securityContext.seLinuxChangePolicy"),
)
_CONTAINER_FIELDS: Final = (
    *("appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged"),
    *("allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"),
)


def operating_system(spec: Object, path: str) -> list[FieldError]:
    """`spec.os`, and the fields that have no meaning there."""
    name = spec["os"].get("name") or ""
    if not name:
        return [field.required(f"{path}.os.name")]
    if name not in _SYSTEMS:
        return [field.not_supported(f"{path}.os", name, _SYSTEMS)]
    if name == "linux":
        return _forbidden(spec, path, ("securityContext.windowsOptions",), ("windowsOptions",), _NOT_ON_LINUX)
    return _forbidden(spec, path, _POD_FIELDS, _CONTAINER_FIELDS, _NOT_ON_WINDOWS)


def _forbidden(spec: Object, path: str, fields: tuple[str, ...], container_fields: tuple[str, ...], detail: str) -> list[FieldError]:
    context = spec.get("securityContext") or {}
    errors = []
    for name in fields:
        outer, dot, inner = name.partition(".")
        if (context.get(inner) if dot else spec.get(outer)) is not None:
            errors.append(field.forbidden(f"{path}.{name}", detail))
    for list_name, containers in container_lists(spec):
        for position, container in enumerate(containers):
            where = f"{path}.{list_name}[{position}].securityContext"
            own = container.get("securityContext") or {}
            errors += [field.forbidden(f"{where}.{name}", detail) for name in container_fields if own.get(name) is not None]
    return errors
