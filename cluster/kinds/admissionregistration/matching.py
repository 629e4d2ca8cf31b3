"""What webhook configurations and admission policies share: rules, selectors, and their defaults.

Upstream: `pkg/apis/admissionregistration/v1/defaults.go`, `pkg/apis/admissionregistration/validation/{validation,static_suffix}.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object

FAILURE_POLICIES: Final = ("Fail", "Ignore")
MATCH_POLICIES: Final = ("Equivalent", "Exact")
_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_MUTABLE: Final = ("*", "CONNECT", "CREATE", "UPDATE")
_SCOPES: Final = ("*", "Cluster", "Namespaced")
_STATIC_SUFFIX: Final = ".static.k8s.io"
_STATIC_SINCE: Final = 36


def default_matching(matcher: Object, rules: str) -> None:
    """Of a webhook or of a policy's match constraints; `rules` is the name of its list of rules."""
    if matcher.get("matchPolicy") is None:
        matcher["matchPolicy"] = "Equivalent"
    for name in ("namespaceSelector", "objectSelector"):
        if matcher.get(name) is None:
            matcher[name] = {}
    for list_name in (rules, "excludeResourceRules"):
        for rule in matcher.get(list_name) or ():
            if rule.get("scope") is None:
                rule["scope"] = "*"


def static_warnings(version: str) -> Callable[[Object, Object | None], list[str]]:
    """Warns of names that are for what is configured by manifests, since there are such."""
    if int(version.split(".")[1]) < _STATIC_SINCE:
        return lambda obj, old: []

    def warnings(obj: Object, old: Object | None) -> list[str]:
        if not obj["metadata"].get("name", "").endswith(_STATIC_SUFFIX):
            return []
        why = "are reserved for static manifest-based configurations and cannot be managed via the API"
        return [f'metadata.name: names ending with "{_STATIC_SUFFIX}" {why}']

    return warnings


def validate_match_resources(resources: Object, path: str) -> list[FieldError]:
    """Of a policy or a binding."""
    errors = one_of(resources, "matchPolicy", MATCH_POLICIES, path)
    for name in ("namespaceSelector", "objectSelector"):
        selector = resources.get(name)
        if selector is None:
            errors.append(field.required(f"{path}.{name}"))
        else:
            errors += validation.validate_label_selector(selector, f"{path}.{name}")
    for name in ("resourceRules", "excludeResourceRules"):
        for position, rule in enumerate(resources.get(name) or ()):
            place = field.index(f"{path}.{name}", position)
            errors += _validate_names(rule.get("resourceNames") or (), f"{place}.resourceNames") + validate_rule(rule, place)
    return errors


def validate_mutable(resources: Object, path: str) -> list[FieldError]:
    """What is deleted can not be mutated."""
    operations = [each for rule in resources.get("resourceRules") or () for each in rule.get("operations") or ()]
    return [field.not_supported(f"{path}.resourceRules.operations", each, _MUTABLE) for each in operations if each not in _MUTABLE]


def one_of(owner: Object, name: str, known: Sequence[str], path: str) -> list[FieldError]:
    """A field that defaults fill in."""
    value = owner.get(name)
    if value is None:
        return [field.required(f"{path}.{name}")]
    return [] if value in known else [field.not_supported(f"{path}.{name}", value, known)]


def _validate_names(names: Sequence[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, name in enumerate(names):
        place = field.index(path, position)
        errors += [field.invalid(place, name, message) for message in validation.path_segment_name(name, False)]
        if name in names[:position]:
            errors.append(field.duplicate(place, name))
    return errors


def validate_rule(rule: Object, path: str) -> list[FieldError]:
    errors = _validate_operations(rule.get("operations") or [], f"{path}.operations")
    for name, shown in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values, place = rule.get(name) or [], f"{path}.{name}"
        if not values:
            errors.append(field.required(place))
        if len(values) > 1 and "*" in values:
            errors.append(field.invalid(place, values, f"if '*' is present, must not specify other {shown}"))
        if name == "apiVersions":
            errors += [field.required(field.index(place, i)) for i, each in enumerate(values) if not each]
    errors += _validate_resources(rule.get("resources") or [], f"{path}.resources")
    scope = rule.get("scope")
    if scope is not None and scope not in _SCOPES:
        errors.append(field.not_supported(f"{path}.scope", scope, _SCOPES))
    return errors


def _validate_operations(operations: list[str], path: str) -> list[FieldError]:
    if not operations:
        return [field.required(path)]
    errors: list[FieldError] = []
    if len(operations) > 1 and "*" in operations:
        errors.append(field.invalid(path, operations, "if '*' is present, must not specify other operations"))
    unknown = [(i, each) for i, each in enumerate(operations) if each not in _OPERATIONS]
    return errors + [field.not_supported(field.index(path, i), each, _OPERATIONS) for i, each in unknown]


def _validate_resources(resources: list[str], path: str) -> list[FieldError]:
    """Resources and subresources: none may be named that a wildcard before it covers."""
    if not resources:
        return [field.required(path)]
    errors: list[FieldError] = []
    with_all_parts: set[str] = set()
    parts_of_all: set[str] = set()
    for position, each in enumerate(resources):
        place = field.index(path, position)
        if not each:
            errors.append(field.required(place))
            continue
        resource, slash, part = each.partition("/")
        if not slash:
            continue
        if resource in with_all_parts:
            errors.append(field.invalid(place, each, f"if '{resource}/*' is present, must not specify {each}"))
        if part in parts_of_all:
            errors.append(field.invalid(place, each, f"if '*/{part}' is present, must not specify {each}"))
        if part == "*":
            with_all_parts.add(resource)
        if resource == "*":
            parts_of_all.add(part)
    if len(resources) > 1 and "*/*" in resources:
        errors.append(field.invalid(path, resources, "if '*/*' is present, must not specify other resources"))
    whole = [each for each in resources if each and "/" not in each]
    if "*" in whole and whole[-1] != "*":  # upstream looks at the last one alone
        message = "if '*' is present, must not specify other resources without subresources"
        errors.append(field.invalid(path, resources, message))
    return errors
