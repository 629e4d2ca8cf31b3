"""What both kinds of kubeconfig share: defaults, validation, cells.

The spec never changes, and the status is the API server's: what is written to either by a client is an error or is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.user import ANONYMOUS, AUTHENTICATED, SERVICE_ACCOUNT_PREFIX, SERVICE_ACCOUNTS, UNAUTHENTICATED
from cluster.kinds import printing
from cluster.kinds.cells import name_of
from cluster.kinds.checks import IMMUTABLE, dns1123_label, dns1123_subdomain, metadata_of, spec_of, status_of, text_at
from cluster.kinds.model import Strategy

SECRET_FIELDS: Final = (("status", "kubeconfig"),)
"""Paths of what no log and no audit event may hold, whatever its level, in requests and responses of both kinds."""
YEAR: Final = 365 * 24 * 3600
SHORTEST: Final = 600
LONGEST: Final = 10 * YEAR
BETWEEN: Final = f"must be between {SHORTEST} (10 minutes) and {LONGEST} (10 years)"
MAX_GROUPS: Final = 64
MAX_NAMESPACES: Final = 64
MAX_NAME_BYTES: Final = 64
"""What X.509 has room for in a common name or an organization."""
_MAX_URL: Final = 2048
_MAX_LABEL: Final = 253
_RBAC: Final = "rbac.authorization.k8s.io"
_GIVEN: Final = frozenset({AUTHENTICATED, UNAUTHENTICATED, SERVICE_ACCOUNTS})
"""Groups that authentication gives, so that no certificate may claim them."""
VALID: Final = "Active"
EXPIRED: Final = "Expired"
REVOKED: Final = "Revoked"


def strategy(*, namespaced: bool) -> Strategy:
    return Strategy(
        default=partial(_default, namespaced=namespaced),
        prepare_for_create=_prepare_for_create,
        prepare_for_update=_prepare_for_update,
        validate=partial(_validate, namespaced=namespaced),
        validate_update=_validate_update,
        selectable_fields={name: text_at("status", name.removeprefix("status.")) for name in ("status.username", "status.issuedBy")},
        cells=cells,
    )


def state_of(record: Object) -> str:
    """`Active`, `Expired` or `Revoked`: whether one of the credentials is good now."""
    status = status_of(record)
    if status.get("revokedAt"):
        return REVOKED
    live = [each for each in status.get("credentials") or () if not each.get("revokedAt")]
    return VALID if any(printing.parse_timestamp(each["expiresAt"]) > printing.now() for each in live) else EXPIRED


def newest(record: Object) -> Object:
    """The credential that was issued last; empty where none was."""
    credentials: Sequence[Object] = status_of(record).get("credentials") or ()
    return credentials[-1] if credentials else {}


def _default(record: Object, *, namespaced: bool) -> None:
    spec = record.get("spec")
    if not isinstance(spec, dict):
        spec = record["spec"] = {}
    role = spec.get("roleRef")
    if role and not role.get("apiGroup"):
        role["apiGroup"] = _RBAC
    if namespaced:
        namespace = metadata_of(record).get("namespace") or ""
        if role and not spec.get("namespaces"):
            spec["namespaces"] = [namespace]
        if not spec.get("contextNamespace"):
            spec["contextNamespace"] = namespace


def _prepare_for_create(record: Object) -> None:
    record["status"] = {}


def _prepare_for_update(record: Object, old: Object) -> None:
    record["status"] = status_of(old)


def _validate(record: Object, *, namespaced: bool) -> list[FieldError]:
    spec = spec_of(record)
    errors = _identity(spec, namespaced=namespaced)
    for i, group in enumerate(spec.get("groups") or ()):
        errors += _name(field.index("spec.groups", i), group, _GIVEN, f"{SERVICE_ACCOUNTS}:")
    errors += _list("spec.groups", spec.get("groups") or (), MAX_GROUPS)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and not SHORTEST <= seconds <= LONGEST:
        errors.append(field.invalid("spec.expirationSeconds", seconds, BETWEEN))
    return errors + _role(spec) + _file(spec)


def _identity(spec: Object, *, namespaced: bool) -> list[FieldError]:
    user, account = spec.get("user") or "", spec.get("serviceAccountName") or ""
    if account and user:
        return [field.invalid("spec.serviceAccountName", account, "may not be given together with user")]
    if account:
        errors = dns1123_subdomain("spec.serviceAccountName", account)
        return errors + ([field.forbidden("spec.groups", "a service account has its own groups")] if spec.get("groups") else [])
    if not user:
        return [field.required("spec.user", "or serviceAccountName" if namespaced else "")]
    return _name("spec.user", user, frozenset({ANONYMOUS}), SERVICE_ACCOUNT_PREFIX)


def _name(path: str, value: str, given: frozenset[str], prefix: str) -> list[FieldError]:
    """A user's or group's name: printable, as long as X.509 allows, and none that the API server alone gives."""
    if not value:
        return [field.required(path, "")]
    if len(value.encode()) > MAX_NAME_BYTES:
        return [field.too_long(path, value, MAX_NAME_BYTES)]
    if not value.isprintable() or value != value.strip():
        return [field.invalid(path, value, "must be printable, without space around it")]
    if value in given or value.startswith(prefix):
        return [field.invalid(path, value, "is given by the API server alone: no kubeconfig can be issued for it")]
    return []


def _list(path: str, values: Sequence[str], most: int) -> list[FieldError]:
    errors = [field.too_many(path, len(values), most)] if len(values) > most else []
    seen: set[str] = set()
    for i, value in enumerate(values):
        if value in seen:
            errors.append(field.duplicate(field.index(path, i), value))
        seen.add(value)
    return errors


def _role(spec: Object) -> list[FieldError]:
    role, namespaces = spec.get("roleRef"), spec.get("namespaces") or ()
    if not role:
        return [field.forbidden("spec.namespaces", "may only be given together with roleRef")] if namespaces else []
    errors: list[FieldError] = []
    if role["apiGroup"] != _RBAC:
        errors.append(field.not_supported("spec.roleRef.apiGroup", role["apiGroup"], [_RBAC]))
    if role.get("kind") not in ("ClusterRole", "Role"):
        errors.append(field.not_supported("spec.roleRef.kind", role.get("kind") or "", ["ClusterRole", "Role"]))
    elif role["kind"] == "Role" and not namespaces:
        errors.append(field.required("spec.namespaces", "a Role is bound in namespaces"))
    if not role.get("name"):
        errors.append(field.required("spec.roleRef.name", ""))
    else:
        errors += [field.invalid("spec.roleRef.name", role["name"], each) for each in validation.path_segment_name(role["name"], False)]
    for i, namespace in enumerate(namespaces):
        errors += dns1123_label(field.index("spec.namespaces", i), namespace)
    return errors + _list("spec.namespaces", namespaces, MAX_NAMESPACES)


def _file(spec: Object) -> list[FieldError]:
    """What only the file says."""
    errors: list[FieldError] = []
    server = spec.get("server") or ""
    if len(server) > _MAX_URL:
        errors.append(field.too_long("spec.server", server, _MAX_URL))
    elif server and not _is_address(server):
        errors.append(field.invalid("spec.server", server, 'must be a URL such as "https://10.0.0.1:6443"'))
    for name in ("clusterName", "contextName"):
        value = spec.get(name) or ""
        if len(value.encode()) > _MAX_LABEL:
            errors.append(field.too_long(f"spec.{name}", value, _MAX_LABEL))
        elif not value.isprintable():
            errors.append(field.invalid(f"spec.{name}", value, "must be printable"))
    if spec.get("contextNamespace"):
        errors += dns1123_label("spec.contextNamespace", spec["contextNamespace"])
    return errors


def _is_address(server: str) -> bool:
    try:
        parts = urlsplit(server)
        _ = parts.port
    except ValueError:
        return False
    plain = server.isprintable() and not any(char.isspace() for char in server)
    return plain and parts.scheme == "https" and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)


def _validate_update(record: Object, old: Object) -> list[FieldError]:
    if spec_of(record) == spec_of(old):
        return []
    return [field.invalid("spec", field.OMITTED, f"{IMMUTABLE}: create another kubeconfig, or renew this one")]


def cells(record: Object) -> list[Any]:
    status, credential = status_of(record), newest(record)
    groups = spec_of(record).get("groups") or ()
    used = status.get("lastUsedTime")
    return [
        name_of(record),
        status.get("username") or "",
        ",".join(groups) or printing.NONE,
        credential.get("issuedBy") or "",
        printing.translate_timestamp(credential.get("issuedAt")),
        _until(credential.get("expiresAt")),
        printing.translate_timestamp(used) if used else "<never>",
        state_of(record),
    ]


def _until(expires: str | None) -> str:
    if expires is None:
        return printing.UNKNOWN
    left = printing.parse_timestamp(expires) - printing.now()
    return printing.human_duration(left) if left > 0 else f"{printing.human_duration(-left)} ago"
