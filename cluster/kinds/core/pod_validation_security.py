"""Validation of security contexts.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

import re
from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_rules import MAX_INT32, descending_path, members

_ID_MESSAGE: Final = f"must be between 0 and {MAX_INT32}, inclusive"
_SYSCTL_SEGMENT: Final = r"[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL_PATTERN: Final = rf"^({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}$"
_SYSCTL: Final = re.compile(_SYSCTL_PATTERN)
_SYSCTL_LENGTH: Final = 253
_IPC_SYSCTLS: Final = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_PROFILES: Final = ("Localhost", "RuntimeDefault", "Unconfined")


def container_security_context(context: Object | None, path: str, host_users: bool) -> list[FieldError]:
    if context is None:
        return []
    errors = _id(context.get("runAsUser"), f"{path}.runAsUser") + _id(context.get("runAsGroup"), f"{path}.runAsGroup")
    mount, where = context.get("procMount"), f"{path}.procMount"
    if mount is not None:
        if mount not in ("Default", "Unmasked"):
            errors.append(field.not_supported(where, mount, ("Default", "Unmasked")))
        if host_users and mount == "Unmasked":
            errors.append(field.invalid(where, mount, "`hostUsers` must be false to use `Unmasked`"))
    errors += seccomp_profile(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            errors.append(field.invalid(path, _as_upstream(context), detail))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            errors.append(field.invalid(path, _as_upstream(context), detail))
    return errors + app_armor_profile(context.get("appArmorProfile"), f"{path}.appArmorProfile")


def pod_security_context(spec: Object, path: str) -> list[FieldError]:
    context = spec.get("securityContext")
    if context is None:
        return []
    errors: list[FieldError] = []
    for name in ("fsGroup", "runAsUser", "runAsGroup"):
        errors += _id(context.get(name), f"{path}.{name}")
    for position, group in enumerate(context.get("supplementalGroups") or ()):
        errors += _id(group, f"{path}.supplementalGroups[{position}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(field.invalid(f"{path}.shareProcessNamespace", True, detail))
    errors += _sysctls(context, spec, f"{path}.sysctls")
    errors += _word(context.get("fsGroupChangePolicy"), f"{path}.fsGroupChangePolicy", ("Always", "OnRootMismatch"))
    errors += seccomp_profile(context.get("seccompProfile"), f"{path}.seccompProfile")
    errors += app_armor_profile(context.get("appArmorProfile"), f"{path}.appArmorProfile")
    errors += _word(context.get("supplementalGroupsPolicy"), f"{path}.supplementalGroupsPolicy", ("Merge", "Strict"))
    return errors + _word(context.get("seLinuxChangePolicy"), f"{path}.seLinuxChangePolicy", ("Recursive",))


def seccomp_profile(profile: Object | None, path: str) -> list[FieldError]:
    if profile is None:
        return []
    kind, file = profile.get("type") or "", profile.get("localhostProfile")
    errors: list[FieldError] = []
    if not kind:
        errors.append(field.required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _PROFILES:
        errors.append(field.not_supported(f"{path}.type", kind, _PROFILES))
    where = f"{path}.localhostProfile"
    if kind == "Localhost":
        missing = [field.required(where, "must be set when seccomp type is Localhost")]
        return errors + (missing if file is None else descending_path(file, where))
    if file is not None:
        shown = {"Type": kind, "LocalhostProfile": file}
        errors.append(field.invalid(where, shown, "can only be set when seccomp type is Localhost"))
    return errors


def app_armor_profile(profile: Object | None, path: str) -> list[FieldError]:
    if profile is None:
        return []
    kind, name = profile.get("type") or "", profile.get("localhostProfile")
    where = f"{path}.localhostProfile"
    if not kind:
        return [field.required(f"{path}.type", "type is required when appArmorProfile is set")]
    if kind not in _PROFILES:
        return [field.not_supported(f"{path}.type", kind, _PROFILES)]
    if kind != "Localhost":
        return [] if name is None else [field.invalid(where, name, "can only be set when AppArmor type is Localhost")]
    if name is None:
        return [field.required(where, "must be set when AppArmor type is Localhost")]
    errors: list[FieldError] = []
    if name != name.strip():
        errors.append(field.invalid(where, name, "must not be padded with whitespace"))
    elif not name:
        errors.append(field.required(where, "must be set when AppArmor type is Localhost"))
    return [*errors, field.too_long(where, "", 4095)] if len(name) > 4095 else errors


def _sysctls(context: Object, spec: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, sysctl in enumerate(members(context.get("sysctls"))):
        where, name = f"{path}[{position}].name", sysctl.get("name") or ""
        dotted = name.replace("/", ".")
        if not name:
            errors.append(field.required(where))
        elif len(name) > _SYSCTL_LENGTH or not _SYSCTL.match(name):
            errors.append(field.invalid(where, name, f"must have at most {_SYSCTL_LENGTH} characters and match regex {_SYSCTL_PATTERN}"))
        elif name in names:
            errors.append(field.duplicate(where, name))
        if spec.get("hostNetwork") and dotted.startswith("net."):
            errors.append(field.invalid(where, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and dotted.startswith(_IPC_SYSCTLS):
            errors.append(field.invalid(where, name, "may not be specified when 'hostIPC' is true"))
        names.add(name)
    return errors


def _id(value: int | None, path: str) -> list[FieldError]:
    return [] if value is None or 0 <= value <= MAX_INT32 else [field.invalid(path, value, _ID_MESSAGE)]


def _word(value: str | None, path: str, supported: tuple[str, ...]) -> list[FieldError]:
    return [] if value is None or value in supported else [field.not_supported(path, value, supported)]


_CONTEXT_FIELDS: Final = (
    *("Capabilities", "Privileged", "SELinuxOptions", "WindowsOptions", "RunAsUser", "RunAsGroup", "RunAsNonRoot"),
    *("ReadOnlyRootFilesystem", "AllowPrivilegeEscalation", "ProcMount", "SeccompProfile", "AppArmorProfile"),
)
_STRUCTURES: Final = {
    "Capabilities": ("Add", "Drop"),
    "SELinuxOptions": ("User", "Role", "Type", "Level"),
    "WindowsOptions": ("GMSACredentialSpecName", "GMSACredentialSpec", "RunAsUserName", "HostProcess"),
    "SeccompProfile": ("Type", "LocalhostProfile"),
    "AppArmorProfile": ("Type", "LocalhostProfile"),
}


def _as_upstream(context: Object) -> dict[str, Any]:
    """The context as upstream prints it in a message: every field of its internal form, set or not."""
    by_name = {name.lower(): value for name, value in context.items()}
    shown = {name: by_name.get(name.lower()) for name in _CONTEXT_FIELDS}
    for name, fields in _STRUCTURES.items():
        structure = shown[name]
        if structure is not None:
            inner = {key.lower(): value for key, value in structure.items()}
            missing = "" if name == "SELinuxOptions" else None
            shown[name] = {each: inner.get(each.lower(), missing) for each in fields}
    return shown
