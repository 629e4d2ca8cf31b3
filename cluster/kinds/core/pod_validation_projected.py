"""Validation of files in volumes: projected sources, keys to paths, the downward API.

Upstream: `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_rules import descending_path, members
from cluster.kinds.core.pod_validation_env import VOLUME_FIELDS, field_ref, resource_field_ref

_SOURCES: Final = ("secret", "configMap", "downwardAPI", "serviceAccountToken")
_DUPLICATE: Final = "conflicting duplicate paths"


def file_mode(mode: int | None, path: str) -> list[FieldError]:
    if mode is None or 0 <= mode <= 0o777:
        return []
    return [field.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")]


def local_path(value: str, path: str) -> list[FieldError]:
    """A path below its directory whose first element isn't reserved."""
    errors = descending_path(value, path)
    if value.startswith("..") and not value.startswith("../"):
        errors.append(field.invalid(path, value, "must not start with '..'"))
    return errors


def key_to_path(item: Object, path: str) -> list[FieldError]:
    errors = [field.required(f"{path}.{name}") for name in ("key", "path") if not item.get(name)]
    return errors + local_path(item.get("path") or "", f"{path}.path") + file_mode(item.get("mode"), f"{path}.mode")


def volume_file(item: Object, path: str) -> list[FieldError]:
    """A file of the downward API; upstream reports it at its volume's path."""
    errors = [] if item.get("path") else [field.required(f"{path}.path")]
    errors += local_path(item.get("path") or "", f"{path}.path")
    if item.get("fieldRef") is not None:
        errors += field_ref(item["fieldRef"], VOLUME_FIELDS, f"{path}.fieldRef")
        if item.get("resourceFieldRef") is not None:
            errors.append(field.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
    elif item.get("resourceFieldRef") is not None:
        errors += resource_field_ref(item["resourceFieldRef"], f"{path}.resourceFieldRef", volume=True)
    else:
        errors.append(field.required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + file_mode(item.get("mode"), f"{path}.mode")


def projected(volume: Object, path: str) -> list[FieldError]:
    """Sources that share one directory: no two may write the same file."""
    errors = file_mode(volume.get("defaultMode"), f"{path}.defaultMode")
    taken: set[str] = set()
    for position, source in enumerate(volume.get("sources") or ()):
        here = f"{path}.sources[{position}]"
        found = [kind for kind in _SOURCES if source.get(kind) is not None]
        for kind in found:
            errors += _projection(kind, source[kind], f"{here}.{kind}", path, taken)
        if len(found) > 1:
            errors.append(field.forbidden(here, "may not specify more than 1 volume type per source"))
    return errors


def _projection(kind: str, source: Object, here: str, path: str, taken: set[str]) -> list[FieldError]:
    if kind in ("secret", "configMap"):
        errors = [] if source.get("name") else [field.required(f"{here}.name")]
        for position, item in enumerate(members(source.get("items"))):
            errors += key_to_path(item, f"{here}.items[{position}]")
            errors += _claim(item.get("path"), source.get("name", ""), path, taken)
        return errors
    if kind == "downwardAPI":
        errors = []
        for item in members(source.get("items")):
            errors += volume_file(item, here)
            errors += _claim(item.get("path"), item.get("path"), path, taken)
        return errors
    return _token(source, here, path)


def _claim(file: str | None, shown: Any, path: str, taken: set[str]) -> list[FieldError]:
    if not file:
        return []
    if file in taken:
        return [field.invalid(path, shown, _DUPLICATE)]
    taken.add(file)
    return []


def _token(source: Object, here: str, path: str) -> list[FieldError]:
    seconds, where = source.get("expirationSeconds") or 0, f"{here}.expirationSeconds"
    errors: list[FieldError] = []
    if seconds < 600:
        errors.append(field.invalid(where, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > 1 << 32:
        errors.append(field.invalid(where, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not source.get("path"):
        return [*errors, field.required(f"{path}.path")]
    return errors + local_path(source["path"], f"{path}.path")
