"""What webhook configurations and admission policies share: rules, selectors, match conditions, and their defaults.

Upstream: `pkg/apis/admissionregistration/v1/defaults.go`, `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import format_label_selector
from cluster.kinds.checks import qualified_name, value_of
from cluster.kinds.printing import UNSET

FAILURE_POLICIES: Final = ("Fail", "Ignore")
MATCH_POLICIES: Final = ("Equivalent", "Exact")
_OPERATIONS: Final = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES: Final = ("*", "Cluster", "Namespaced")
_MAX_CONDITIONS: Final = 64


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


def validate_rule(rule: Object, path: str) -> list[FieldError]:
    errors = _validate_operations(rule.get("operations") or [], f"{path}.operations")
    for name in ("apiGroups", "apiVersions"):
        values, place = rule.get(name) or [], f"{path}.{name}"
        if not values:
            errors.append(field.required(place))
        if len(values) > 1 and "*" in values:
            errors.append(field.invalid(place, values, "if '*' is present, must not specify other API " + name[3:].lower()))
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
    """A wildcard and what it covers may not both be there, in as far as upstream finds that: it looks at what came before."""
    if not resources:
        return [field.required(path)]
    errors: list[FieldError] = []
    whole: set[str] = set()
    everywhere: set[str] = set()
    named = False
    for position, each in enumerate(resources):
        place = field.index(path, position)
        resource, slash, subresource = each.partition("/")
        if not each:
            errors.append(field.required(place))
        if not slash:
            named = each != "*" if each else named
            continue
        if resource in whole:
            errors.append(field.invalid(place, each, f"if '{resource}/*' is present, must not specify {each}"))
        if subresource in everywhere:
            errors.append(field.invalid(place, each, f"if '*/{subresource}' is present, must not specify {each}"))
        if subresource == "*":
            whole.add(resource)
        if resource == "*":
            everywhere.add(subresource)
    if len(resources) > 1 and "*/*" in resources:
        errors.append(field.invalid(path, resources, "if '*/*' is present, must not specify other resources"))
    if "*" in resources and named:
        message = "if '*' is present, must not specify other resources without subresources"
        errors.append(field.invalid(path, resources, message))
    return errors


def validate_selectors(matcher: Object, path: str) -> list[FieldError]:
    names = ("namespaceSelector", "objectSelector")
    return [error for name in names for error in validation.validate_label_selector(matcher.get(name), f"{path}.{name}")]


def validate_policies(matcher: Object, path: str) -> list[FieldError]:
    """Failure policy and match policy, where they are."""
    errors: list[FieldError] = []
    for name, known in (("failurePolicy", FAILURE_POLICIES), ("matchPolicy", MATCH_POLICIES)):
        value = matcher.get(name)
        if value is not None and value not in known:
            errors.append(field.not_supported(f"{path}.{name}", value, known))
    return errors


def validate_conditions(conditions: list[Object], path: str) -> list[FieldError]:
    """Match conditions, but for their expressions, which the CEL room compiles."""
    errors: list[FieldError] = []
    if len(conditions) > _MAX_CONDITIONS:
        errors.append(field.too_many(path, len(conditions), _MAX_CONDITIONS))
    names: set[str] = set()
    for position, condition in enumerate(conditions):
        place = field.index(path, position)
        name = condition.get("name") or ""
        if not (condition.get("expression") or "").strip():
            errors.append(field.required(f"{place}.expression"))
        errors += qualified_name(f"{place}.name", name) if name else [field.required(f"{place}.name")]
        if name and name in names:
            errors.append(field.duplicate(f"{place}.name", name))
        names.add(name)
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
