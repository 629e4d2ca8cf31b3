"""Rules of all RBAC kinds.  Upstream: `pkg/apis/rbac/validation/validation.go`, `pkg/apis/rbac/v1/defaults.go`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.api import field, validation
from cluster.api.expiry import validate_expiry
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.selectors import from_label_selector
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.model import Strategy

GROUP: Final = "rbac.authorization.k8s.io"
_SUBJECT_KINDS: Final = ("ServiceAccount", "User", "Group")


def validate_rules(role: Object, namespaced: bool) -> list[FieldError]:
    return [error for i, rule in enumerate(role.get("rules") or ()) for error in _validate_rule(rule, namespaced, field.index("rules", i))]


def _validate_rule(rule: Object, namespaced: bool, path: str) -> list[FieldError]:
    errors = [] if rule.get("verbs") else [field.required(f"{path}.verbs", "verbs must contain at least one value")]
    urls = rule.get("nonResourceURLs")
    if urls:
        url_path = f"{path}.nonResourceURLs"
        if namespaced:
            errors.append(field.invalid(url_path, urls, "namespaced rules cannot apply to non-resource URLs"))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            errors.append(field.invalid(url_path, urls, "rules cannot apply to both regular resources and non-resource URLs"))
        return errors
    if not rule.get("apiGroups"):
        errors.append(field.required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        errors.append(field.required(f"{path}.resources", "resource rules must supply at least one resource"))
    return errors


def default_binding(binding: Object) -> None:
    """The API group of the role and of users and groups is that of RBAC; an empty one of a service account is left out."""
    role = binding.setdefault("roleRef", {})
    if not role.get("apiGroup"):
        role["apiGroup"] = GROUP
    default_subjects(binding.get("subjects"))


def default_subjects(subjects: Sequence[Object] | None) -> None:
    for subject in subjects or ():
        if not subject.get("apiGroup"):
            subject.pop("apiGroup", None)
            if subject.get("kind") in ("User", "Group"):
                subject["apiGroup"] = GROUP


def validate_binding(binding: Object, role_kinds: Sequence[str], namespaced: bool) -> list[FieldError]:
    role: Object = binding.get("roleRef") or {}
    errors = validate_expiry(binding)
    if role.get("apiGroup") != GROUP:
        errors.append(field.not_supported("roleRef.apiGroup", role.get("apiGroup") or "", [GROUP]))
    if role.get("kind") not in role_kinds:
        errors.append(field.not_supported("roleRef.kind", role.get("kind") or "", role_kinds))
    name = role.get("name") or ""
    if name:
        errors += [field.invalid("roleRef.name", name, message) for message in validation.path_segment_name(name, False)]
    else:
        errors.append(field.required("roleRef.name"))
    for position, subject in enumerate(binding.get("subjects") or ()):
        errors += validate_subject(subject, field.index("subjects", position), namespaced)
    return errors


def validate_subject(subject: Object, path: str, namespaced: bool) -> list[FieldError]:
    """`namespaced`: whether a service account's namespace may be left out."""
    kind, name, group = subject.get("kind") or "", subject.get("name") or "", subject.get("apiGroup") or ""
    errors = [] if name else [field.required(f"{path}.name")]
    if kind not in _SUBJECT_KINDS:
        return [*errors, field.not_supported(f"{path}.kind", kind, _SUBJECT_KINDS)]
    if kind != "ServiceAccount":
        return errors if group == GROUP else [*errors, field.not_supported(f"{path}.apiGroup", group, [GROUP])]
    if name:
        errors += [field.invalid(f"{path}.name", name, message) for message in validation.is_dns1123_subdomain(name)]
    if group:
        errors.append(field.not_supported(f"{path}.apiGroup", group, [""]))
    if not namespaced and not subject.get("namespace"):
        errors.append(field.required(f"{path}.namespace"))
    return errors


def _default_role(role: Object) -> None:
    """Rules are shown even where there are none."""
    role.setdefault("rules", None)


def role_strategy(namespaced: bool, **more: Any) -> Strategy:
    """Roles and cluster roles differ in little."""

    def validate(role: Object) -> list[FieldError]:
        return validate_rules(role, namespaced) + ([] if namespaced else _validate_aggregation(role))

    return Strategy(
        default=_default_role,
        validate=validate,
        validate_update=lambda role, old: validate(role),
        validate_name=validation.path_segment_name,
        allow_create_on_update=True,
        has_generation=False,
        **more,
    )


def _validate_aggregation(role: Object) -> list[FieldError]:
    rule = role.get("aggregationRule")
    if rule is None:
        return []
    path = "aggregationRule.clusterRoleSelectors"
    selectors = rule.get("clusterRoleSelectors") or ()
    if not selectors:
        return [field.required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")]
    errors: list[FieldError] = []
    for position, selector in enumerate(selectors):
        place = field.index(path, position)
        errors += validation.validate_label_selector(selector, place)
        try:
            from_label_selector(selector)
        except ValueError:
            errors.append(field.invalid(place, None, "invalid label selector."))
    return errors


def binding_strategy(role_kinds: Sequence[str], namespaced: bool) -> Strategy:
    """What a binding grants can't be turned into another role."""

    def validate(binding: Object) -> list[FieldError]:
        return validate_binding(binding, role_kinds, namespaced)

    def validate_update(binding: Object, old: Object) -> list[FieldError]:
        errors = validate(binding)
        if binding.get("roleRef") != old.get("roleRef"):
            role = binding.get("roleRef") or {}
            shown = {name: role.get(name[0].lower() + name[1:]) or "" for name in ("Kind", "Name")}
            errors.append(field.invalid("roleRef", {"APIGroup": role.get("apiGroup") or "", **shown}, "cannot change roleRef"))
        return errors

    return Strategy(
        default=default_binding,
        validate=validate,
        validate_update=validate_update,
        validate_name=validation.path_segment_name,
        cells=binding_cells,
        allow_create_on_update=True,
        has_generation=False,
    )


def binding_cells(binding: Object) -> list[Any]:
    role = binding.get("roleRef") or {}
    named: dict[str, list[str]] = {kind: [] for kind in _SUBJECT_KINDS}
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind") or "", subject.get("name") or ""
        named.setdefault(kind, []).append(f"{subject.get('namespace') or ''}/{name}" if kind == "ServiceAccount" else name)
    shown = [", ".join(named[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [name_of(binding), f"{role.get('kind') or ''}/{role.get('name') or ''}", age_of(binding), *shown]
