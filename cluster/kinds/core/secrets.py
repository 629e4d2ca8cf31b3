"""Secrets.  Upstream: `ValidateSecret` in `pkg/apis/core/validation/validation.go`, `pkg/registry/core/secret/strategy.go`."""

from __future__ import annotations

import base64
import json
from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import count, name_and, text
from cluster.kinds.checks import judged, metadata_of, text_at, unchanged
from cluster.kinds.core.configmaps import MAX_SIZE, decoded_size, immutable_errors
from cluster.kinds.model import Strategy

SERVICE_ACCOUNT_TOKEN: Final = "kubernetes.io/service-account-token"  # noqa: S105 - a type, not a token
SERVICE_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_REDACTED: Final = "<secret contents redacted>"
_JSON_KEYS: Final = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}


def _default(secret: Object) -> None:
    """`stringData` is for writing only: it is merged into `data` and never stored."""
    texts = secret.pop("stringData", None)
    if texts:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in texts.items()}
        secret["data"] = (secret.get("data") or {}) | encoded
    if not secret.get("type"):
        secret["type"] = "Opaque"


def _validate(secret: Object) -> list[FieldError]:
    data = secret.get("data") or {}
    errors = [error for key in data for error in judged(validation.is_config_map_key, f"data[{key}]", key)]
    if sum(decoded_size(value or "") for value in data.values()) > MAX_SIZE:
        errors.append(field.too_long("data", "", MAX_SIZE))
    return errors + _validate_type(secret, data)


def _validate_type(secret: Object, data: Object) -> list[FieldError]:
    """Each well-known type needs its keys."""
    kind = secret.get("type")
    if kind == SERVICE_ACCOUNT_TOKEN:
        annotations = metadata_of(secret).get("annotations") or {}
        path = field.key("metadata.annotations", SERVICE_ACCOUNT_NAME)
        return [] if annotations.get(SERVICE_ACCOUNT_NAME) else [field.required(path)]
    if kind in _JSON_KEYS:
        return _validate_json(_JSON_KEYS[kind], data)
    if kind == "kubernetes.io/basic-auth":
        return [] if {"username", "password"} & data.keys() else [_required("username"), _required("password")]
    if kind == "kubernetes.io/ssh-auth":
        return [] if data.get("ssh-privatekey") else [_required("ssh-privatekey")]
    if kind == "kubernetes.io/tls":
        return [_required(key) for key in ("tls.crt", "tls.key") if key not in data]
    return []


def _required(key: str) -> FieldError:
    return field.required(f"data[{key}]")


def _validate_json(key: str, data: Object) -> list[FieldError]:
    if key not in data:
        return [_required(key)]
    path = f"data[{key}]"
    content = base64.b64decode(data[key] or "")
    if not content:
        return [field.invalid(path, _REDACTED, "unexpected end of JSON input")]
    try:
        parsed = json.loads(content)
    except ValueError as error:
        return [field.invalid(path, _REDACTED, _json_fault(content, error))]
    if isinstance(parsed, dict) or parsed is None:
        return []
    kind = "array" if isinstance(parsed, list) else "string" if isinstance(parsed, str) else "number"
    return [field.invalid(path, _REDACTED, f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")]


def _json_fault(content: bytes, error: ValueError) -> str:
    """In the words of Go's decoder, as far as the place of the fault tells them."""
    text_ = content.decode(errors="replace")
    position = getattr(error, "pos", 0)
    if position >= len(text_.rstrip()):
        return "unexpected end of JSON input"
    return f"invalid character {text_[position]!r} looking for beginning of value"


def _prepare_for_update(secret: Object, old: Object) -> None:
    if not secret.get("type") and old.get("type"):
        secret["type"] = old["type"]


def _validate_update(secret: Object, old: Object) -> list[FieldError]:
    return unchanged("type", secret.get("type"), old.get("type")) + immutable_errors(secret, old, "data") + _validate(secret)


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=_validate_update,
    selectable_fields={"type": text_at("type")},
    cells=name_and(text("type"), count("data")),
    has_generation=False,
)
