"""Parameters of admission policies: the kind that a policy names, and the objects that a binding does.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import format_label_selector
from cluster.kinds.checks import value_of
from cluster.kinds.printing import UNSET

_NOT_FOUND_ACTIONS: Final = ("Deny", "Allow")
_EXCLUSIVE: Final = "name and selector are mutually exclusive"


def validate_parameter_kind(kind: Object, path: str) -> list[FieldError]:
    errors = _validate_api_version(kind.get("apiVersion") or "", f"{path}.apiVersion")
    name = kind.get("kind") or ""
    if not name:
        return [*errors, field.required(f"{path}.kind")]
    messages = validation.is_dns1035_label(name.lower())
    if messages:
        why = f"may have mixed case, but should otherwise match: {','.join(messages)}"
        errors.append(field.invalid(f"{path}.kind", name, why))
    return errors


def _validate_api_version(given: str, path: str) -> list[FieldError]:
    if not given:
        return [field.required(path)]
    if given.count("/") > 1:
        return [field.invalid(path, given, f"unexpected GroupVersion string: {given}")]
    group, _, version = given.rpartition("/")
    errors = []
    messages = validation.is_dns1123_subdomain(group) if group else []
    if messages:
        errors.append(field.invalid(path, group, ",".join(messages)))
    if not version:
        return [*errors, field.invalid(path, given, "version must be specified")]
    messages = validation.is_dns1035_label(version)
    if messages:
        errors.append(field.invalid(path, version, ",".join(messages)))
    return errors


def validate_parameter_reference(reference: Object, path: str) -> list[FieldError]:
    name, selector = reference.get("name") or "", reference.get("selector")
    errors: list[FieldError] = []
    if name:
        errors += [field.invalid(f"{path}.name", name, message) for message in validation.path_segment_name(name, False)]
        if selector is not None:
            errors.append(field.forbidden(f"{path}.name", _EXCLUSIVE))
    if selector is not None:
        errors += validation.validate_label_selector(selector, f"{path}.selector")
        if name:
            errors.append(field.forbidden(f"{path}.selector", _EXCLUSIVE))
    if not name and selector is None:
        errors.append(field.required(path, "one of name or selector must be specified"))
    action, place = reference.get("parameterNotFoundAction") or "", f"{path}.parameterNotFoundAction"
    if not action:
        errors.append(field.required(place))
    elif action not in _NOT_FOUND_ACTIONS:
        errors.append(field.not_supported(place, action, _NOT_FOUND_ACTIONS))
    return errors


def parameter_kind(policy: Object) -> str:
    """The cell ParamKind."""
    kind = value_of(policy, "spec", "paramKind")
    return UNSET if kind is None else f"{kind.get('apiVersion') or ''}/{kind.get('kind') or ''}"


def parameter_reference(binding: Object) -> Any:
    """The cell ParamRef."""
    reference = value_of(binding, "spec", "paramRef")
    if reference is None:
        return UNSET
    if reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{reference['name']}"
    return UNSET if reference.get("selector") is None else format_label_selector(reference["selector"])
