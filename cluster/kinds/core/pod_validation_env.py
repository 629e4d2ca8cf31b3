"""Validation of environment variables and of what they refer to.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cluster.api import field, quantity, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_rules import dns_label, dns_subdomain, each, no_backsteps, qualified_name

ENV_FIELDS: Final = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS: Final = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_KNOWN_FIELDS: Final = frozenset((*ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.host"))
_RESOURCES: Final = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGEPAGES: Final = ("requests.hugepages-", "limits.hugepages-")
_DIVISORS: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_SUBSCRIPT: Final = re.compile(r"(?P<path>[^\[]+)\['(?P<key>.*)'\]", re.DOTALL)


def env(variables: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, variable in enumerate(variables):
        here, name = f"{path}[{position}]", variable.get("name") or ""
        if name:
            errors += each(validation.is_env_var_name(name), f"{here}.name", name)
        else:
            errors.append(field.required(f"{here}.name"))
        if variable.get("valueFrom") is not None:
            errors += _value_from(variable, f"{here}.valueFrom")
    return errors


def env_from(sources: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, source in enumerate(sources):
        here, prefix = f"{path}[{position}]", source.get("prefix") or ""
        if prefix:
            errors += each(validation.is_env_var_name(prefix), f"{here}.prefix", prefix)
        found = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in found:
            name, where = source[kind].get("name") or "", f"{here}.{kind}.name"
            errors += each(validation.name_is_dns_subdomain(name, True), where, name) if name else [field.required(where)]
        if not found:
            errors.append(field.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(found) > 1:
            errors.append(field.invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _value_from(variable: Object, path: str) -> list[FieldError]:
    source = variable["valueFrom"]
    found = [kind for kind in _SOURCES if source.get(kind) is not None]
    errors: list[FieldError] = []
    for kind in found:
        where = f"{path}.{kind}"
        if kind == "fieldRef":
            errors += field_ref(source[kind], ENV_FIELDS, where)
        elif kind == "resourceFieldRef":
            errors += resource_field_ref(source[kind], where, volume=False)
        elif kind == "fileKeyRef":
            errors += _file_key_ref(source[kind], where)
        else:
            errors += _key_ref(source[kind], where)
    if not found:
        shown = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        errors.append(field.invalid(path, "", f"must specify one of: {shown}"))
    elif variable.get("value"):
        errors.append(field.invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(found) > 1:
        errors.append(field.invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def field_ref(reference: Object, supported: Sequence[str], path: str) -> list[FieldError]:
    """A field of the pod, as variables (ENV_FIELDS) or files (VOLUME_FIELDS) may show it."""
    wanted = reference.get("fieldPath") or ""
    if not reference.get("apiVersion"):
        return [field.required(f"{path}.apiVersion")]
    if not wanted:
        return [field.required(f"{path}.fieldPath")]
    subscripted = _SUBSCRIPT.fullmatch(wanted)
    name = subscripted["path"] if subscripted else wanted
    if reference["apiVersion"] != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {reference['apiVersion']}"
        return [field.invalid(f"{path}.fieldPath", wanted, detail)]
    if subscripted and name in ("metadata.annotations", "metadata.labels"):
        return qualified_name(subscripted["key"].lower() if name == "metadata.annotations" else subscripted["key"], path)
    if subscripted or name not in _KNOWN_FIELDS:
        problem = "field label does not support subscript" if subscripted else "field label not supported"
        return [field.invalid(f"{path}.fieldPath", wanted, f"error converting fieldPath: {problem}: {wanted}")]
    if name not in supported:
        return [field.not_supported(f"{path}.fieldPath", name, supported)]
    return []


def resource_field_ref(reference: Object, path: str, *, volume: bool) -> list[FieldError]:
    """A container's limit or request; in a volume, which has no container of its own, it names the container."""
    wanted = reference.get("resource") or ""
    errors: list[FieldError] = []
    if volume and not reference.get("containerName"):
        errors.append(field.required(f"{path}.containerName"))
    elif not wanted:
        errors.append(field.required(f"{path}.resource"))
    elif wanted not in _RESOURCES and not wanted.startswith(_HUGEPAGES):
        errors.append(field.not_supported(f"{path}.resource", wanted, _RESOURCES))
    return errors + _divisor(wanted, reference.get("divisor"), f"{path}.divisor")


def _divisor(resource: str, divisor: str | None, path: str) -> list[FieldError]:
    if divisor is None or not quantity.parse(divisor):
        return []
    shown = str(divisor)
    if resource in ("limits.cpu", "requests.cpu"):
        if shown in ("1m", "1"):
            return []
        return [field.invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")]
    if resource.startswith(_HUGEPAGES):
        what = "hugepages"
    else:
        what = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(resource.partition(".")[2], "")
    if not what or shown in _DIVISORS:
        return []
    return [field.invalid(path, resource, f"only divisor's values {', '.join(_DIVISORS)} are supported with the {what} resource")]


def _key_ref(reference: Object, path: str) -> list[FieldError]:
    name, key = reference.get("name") or "", reference.get("key") or ""
    errors = dns_subdomain(name, f"{path}.name")
    if not key:
        return [*errors, field.required(f"{path}.key")]
    return errors + each(validation.is_config_map_key(key), f"{path}.key", key)


def _file_key_ref(reference: Object, path: str) -> list[FieldError]:
    key, volume, file = (reference.get(name) or "" for name in ("key", "volumeName", "path"))
    errors = each(validation.is_env_var_name(key), f"{path}.key", key) if key else [field.required(f"{path}.key")]
    errors += dns_label(volume, f"{path}.volumeName") if volume else [field.required(f"{path}.volumeName")]
    errors += no_backsteps(file, f"{path}.path") if file else [field.required(f"{path}.path")]
    return errors
