"""Grants with an end: a binding that carries an expiry counts until then and no longer."""

from __future__ import annotations

import math
from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.meta import parse_time
from cluster.api.names import Object

EXPIRES_AT: Final = "berth.io/expires-at"
"""An annotation of RoleBindings and ClusterRoleBindings: when they end, in RFC 3339."""


def expiry_of(obj: Object) -> float | None:
    """Epoch seconds until which an object counts; None for one without an end, minus infinity for one whose end cannot be read."""
    text = (obj["metadata"].get("annotations") or {}).get(EXPIRES_AT)
    if text is None:
        return None
    try:
        return parse_time(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return -math.inf


def validate_expiry(obj: Object) -> list[FieldError]:
    """What is wrong with an object's expiry; an end that lies in the past is none of it."""
    expires = expiry_of(obj)
    if expires is None or math.isfinite(expires):
        return []
    why = "must be a time in RFC 3339, for example 2030-01-31T18:00:00Z"
    return [field.invalid(field.key("metadata.annotations", EXPIRES_AT), obj["metadata"]["annotations"][EXPIRES_AT], why)]
