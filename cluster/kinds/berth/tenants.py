"""Tenants: who owns which namespaces, and what holds in each of them.

What a tenant's namespaces are furnished with is judged and defaulted by the kinds that it will become, so that whatever is
accepted here can be written there, and compares equal once it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.subjects import shown_subject
from cluster.api.tenancy import FINALIZER, POD_SECURITY, POD_SECURITY_MODES, prefix_of, prefixes_overlap, quota_of
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import nonnegative, one_of, spec_of, status_of, unchanged
from cluster.kinds.core import limitranges, resourcequotas
from cluster.kinds.core.namespaces import NAME_LABEL
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.networking import networkpolicies
from cluster.kinds.rbac.rules import default_subjects, validate_subject

LEVELS: Final = ("privileged", "baseline", "restricted")
POLICIES: Final = ("Isolated", "None")
DELETIONS: Final = ("Orphan", "Delete")
FURNITURE: Final[Mapping[str, Strategy]] = {
    "resourceQuotas": resourcequotas.STRATEGY,
    "limitRanges": limitranges.STRATEGY,
    "networkPolicies": networkpolicies.STRATEGY,
}
"""Fields of the spec whose members each become an object of a namespace, and the strategy of its kind."""

_RESERVED: Final = ("kube-", "default")
_LONGEST_PREFIX: Final = 50
_MOST: Final = 256
"""The most members of each list: all that a namespace is furnished with is one transaction."""
_LISTS: Final = ("owners", "roles", *FURNITURE)
_VERSION: Final = re.compile(r"latest|v1\.(?:0|[1-9][0-9]{0,3})", re.ASCII)
_SET_ELSEWHERE: Final = {
    POD_SECURITY: "set spec.podSecurity instead",
    "berth.io/": "it is Berth's own",
    NAME_LABEL: "it is the namespace's name",
}


def _default(tenant: Object) -> None:
    spec = tenant.get("spec")
    if not spec:
        spec = tenant["spec"] = {}
    for name, value in (("defaultNetworkPolicy", POLICIES[0]), ("deletionPolicy", DELETIONS[0])):
        spec[name] = spec.get(name) or value
    default_subjects(spec.get("owners"))
    for role in spec.get("roles") or ():
        default_subjects(role.get("subjects"))
    for name, strategy in FURNITURE.items():
        for each in spec.get(name) or ():
            strategy.default(wrapped := {"spec": each.get("spec") or {}})
            each["spec"] = wrapped["spec"]


def _set_prefix(tenant: Object) -> None:
    """Needs the name, which may be generated."""
    namespaces = tenant["spec"].setdefault("namespaces", {})
    namespaces["prefix"] = namespaces.get("prefix") or f"{tenant['metadata']['name']}-"


def _keep_prefix(tenant: Object, old: Object) -> None:
    namespaces = tenant["spec"].setdefault("namespaces", {})
    namespaces["prefix"] = namespaces.get("prefix") or prefix_of(old)


def _validate(tenant: Object) -> list[FieldError]:
    spec = spec_of(tenant)
    errors = [field.too_many(f"spec.{name}", len(spec.get(name) or ()), _MOST) for name in _LISTS if len(spec.get(name) or ()) > _MOST]
    if errors:
        return errors
    errors += _validate_subjects(spec.get("owners"), "spec.owners")
    errors += _validate_namespaces(spec.get("namespaces") or {})
    for position, role in enumerate(spec.get("roles") or ()):
        errors += _validate_role(role, field.index("spec.roles", position))
    for name, strategy in FURNITURE.items():
        errors += _validate_furniture(spec.get(name) or (), f"spec.{name}", strategy)
    errors += _validate_pod_security(spec.get("podSecurity") or {})
    errors += one_of("spec.defaultNetworkPolicy", spec.get("defaultNetworkPolicy"), POLICIES)
    return errors + one_of("spec.deletionPolicy", spec.get("deletionPolicy"), DELETIONS)


def _validate_subjects(subjects: Iterable[Object] | None, path: str) -> list[FieldError]:
    return [error for i, each in enumerate(subjects or ()) for error in validate_subject(each, field.index(path, i), False)]


def _validate_namespaces(rules: Object) -> list[FieldError]:
    path = "spec.namespaces"
    prefix, quota, names = rules.get("prefix") or "", rules.get("quota"), rules.get("names") or []
    errors = _validate_prefix(prefix, f"{path}.prefix") + nonnegative(f"{path}.quota", quota)
    if len(names) > _MOST:
        return [*errors, field.too_many(f"{path}.names", len(names), _MOST)]
    seen: set[str] = set()
    for position, name in enumerate(names):
        place = field.index(f"{path}.names", position)
        errors += [field.invalid(place, name, message) for message in validation.is_dns1123_label(name)]
        if not name.startswith(prefix) or name == prefix:
            errors.append(field.invalid(place, name, f'must begin with the tenant\'s prefix, "{prefix}", and go on'))
        errors += [field.duplicate(place, name)] if name in seen else []
        seen.add(name)
    if quota is not None and len(seen) > quota:
        errors.append(field.invalid(f"{path}.quota", quota, f"must not be less than the number of declared namespaces, {len(seen)}"))
    errors += validation.validate_labels(rules.get("labels"), f"{path}.labels")
    errors += validation.validate_annotations(rules.get("annotations"), f"{path}.annotations")
    for what in ("labels", "annotations"):
        errors += [error for key in rules.get(what) or () for error in _validate_key(key, f"{path}.{what}")]
    return errors


def _validate_prefix(prefix: str, path: str) -> list[FieldError]:
    if not prefix:
        return [field.required(path)]
    errors = [field.invalid(path, prefix, message) for message in validation.name_is_dns_label(prefix, True)]
    if len(prefix) > _LONGEST_PREFIX:
        errors.append(field.too_long(path, prefix, _LONGEST_PREFIX))
    if any(prefixes_overlap(prefix, each) for each in _RESERVED):
        errors.append(field.invalid(path, prefix, "is reserved: names of the system's namespaces begin so"))
    return errors


def _validate_key(key: str, path: str) -> list[FieldError]:
    return [field.forbidden(field.key(path, key), why) for reserved, why in _SET_ELSEWHERE.items() if key.startswith(reserved)]


def _validate_role(role: Object, path: str) -> list[FieldError]:
    name, subjects = role.get("clusterRole") or "", role.get("subjects") or ()
    errors = [] if subjects else [field.required(f"{path}.subjects")]
    errors += _validate_subjects(subjects, f"{path}.subjects")
    if name:
        errors += [field.invalid(f"{path}.clusterRole", name, message) for message in validation.path_segment_name(name, False)]
    else:
        errors.append(field.required(f"{path}.clusterRole"))
    for position, each in enumerate(role.get("namespaces") or ()):
        place = field.index(f"{path}.namespaces", position)
        errors += [field.invalid(place, each, message) for message in validation.is_dns1123_label(each)]
    return errors


def _validate_furniture(members: Iterable[Object], path: str, strategy: Strategy) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for position, each in enumerate(members):
        place, name = field.index(path, position), each.get("name") or ""
        if name:
            errors += [field.invalid(f"{place}.name", name, message) for message in validation.is_dns1123_subdomain(name)]
        else:
            errors.append(field.required(f"{place}.name"))
        errors += [field.duplicate(f"{place}.name", name)] if name in seen else []
        seen.add(name)
        found = strategy.validate({"spec": each.get("spec") or {}})
        errors += [replace(error, path=f"{place}.{error.path}") for error in found]
    return errors


def _validate_pod_security(levels: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for mode in POD_SECURITY_MODES:
        level, version = levels.get(mode), levels.get(f"{mode}Version")
        errors += one_of(f"spec.podSecurity.{mode}", level, LEVELS) if level else []
        place = f"spec.podSecurity.{mode}Version"
        if version and not _VERSION.fullmatch(version):
            errors.append(field.invalid(place, version, "must be latest or a version of Kubernetes as v1.36"))
        if version and not level:
            errors.append(field.forbidden(place, f"there is no level that it is of: set {mode}, too"))
    return errors


def _validate_update(tenant: Object, old: Object) -> list[FieldError]:
    return _validate(tenant) + unchanged("spec.namespaces.prefix", prefix_of(tenant), prefix_of(old))


def _keep_spec(tenant: Object, old: Object) -> None:
    tenant["spec"] = spec_of(old)


def _cells(tenant: Object) -> list[Any]:
    status, quota = status_of(tenant), quota_of(tenant)
    count = len(status.get("namespaces") or ())
    ready = next((each.get("status") for each in status.get("conditions") or () if each.get("type") == "Ready"), "Unknown")
    owners = ",".join(shown_subject(each) for each in spec_of(tenant).get("owners") or ()) or "<none>"
    return [name_of(tenant), owners, f"{count}/{quota}" if quota is not None else str(count), ready, age_of(tenant)]


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_set_prefix,
    prepare_for_update=_keep_prefix,
    validate=_validate,
    validate_update=_validate_update,
    validate_name=validation.name_is_dns_label,
    subresources={"status": SubresourceStrategy(_keep_spec)},
    cells=_cells,
    default_finalizers=(FINALIZER,),
)
