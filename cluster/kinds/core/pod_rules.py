"""Small rules that the validation of pods and of workloads shares: each takes a value and its path, and returns field errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object

IMMUTABLE: Final = "field is immutable"
NOT_NEGATIVE: Final = "must be greater than or equal to 0"
MAX_INT32: Final = 2**31 - 1


def non_negative(value: Any, path: str) -> list[FieldError]:
    return [field.invalid(path, value, NOT_NEGATIVE)] if isinstance(value, int) and value < 0 else []


def immutable(new: Any, old: Any, path: str) -> list[FieldError]:
    """A missing value and an empty one are the same."""
    return [] if (new or None) == (old or None) else [field.invalid(path, new, IMMUTABLE)]


def each(messages: Sequence[str], path: str, value: Any) -> list[FieldError]:
    """One Invalid error for each message of a naming rule."""
    return [field.invalid(path, value, message) for message in messages] if messages else []


def dns_label(value: Any, path: str) -> list[FieldError]:
    return each(validation.is_dns1123_label(value), path, value)


def dns_subdomain(value: Any, path: str) -> list[FieldError]:
    return each(validation.is_dns1123_subdomain(value), path, value)


def qualified_name(value: Any, path: str) -> list[FieldError]:
    return each(validation.is_qualified_name(value), path, value)


def ip_address(value: Any, path: str) -> list[FieldError]:
    return each(validation.is_valid_ip(value), path, value)


def choice(value: Any, path: str, supported: Sequence[str]) -> list[FieldError]:
    """One of a few words; an empty value is required."""
    if not value:
        return [field.required(path)]
    return [] if value in supported else [field.not_supported(path, value, supported)]


def port_number(value: Any, path: str) -> list[FieldError]:
    return each(validation.is_valid_port_num(value), path, value)


def port_or_name(value: Any, path: str) -> list[FieldError]:
    """A port as a number or by its name."""
    if isinstance(value, str):
        return each(validation.is_valid_port_name(value), path, value)
    return port_number(value or 0, path)


def no_backsteps(value: str, path: str) -> list[FieldError]:
    return [field.invalid(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def descending_path(value: str, path: str) -> list[FieldError]:
    """A path below its directory."""
    errors = [field.invalid(path, value, "must be a relative path")] if value.startswith("/") else []
    return errors + no_backsteps(value, path) if ".." in value else errors


def members(value: Any) -> list[Object]:
    """A list of objects that may be missing."""
    return value or []
