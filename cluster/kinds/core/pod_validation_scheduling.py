"""Validation of what steers a pod to its node: affinity, tolerations, spreading, gates.

Upstream: `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_affinity import PREFERRED, REQUIRED
from cluster.kinds.core.pod_rules import dns_label, dns_subdomain, each, members, qualified_name

_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ACTIONS: Final = ("DoNotSchedule", "ScheduleAnyway")
_POSITIVE: Final = "must be greater than zero"


def tolerations(listed: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, toleration in enumerate(listed):
        here, name, operator = f"{path}[{position}]", toleration.get("key") or "", toleration.get("operator") or ""
        value, effect = toleration.get("value") or "", toleration.get("effect") or ""
        if name:
            errors += validation.validate_label_name(name, f"{here}.key")
        elif operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(field.invalid(f"{here}.operator", operator, detail))
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            errors.append(field.invalid(f"{here}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
        if operator in ("Equal", ""):
            messages = validation.is_valid_label_value(value)
            if messages:
                errors.append(field.invalid(f"{here}.operator", value, ";".join(messages)))
        elif operator == "Exists":
            if value:
                errors.append(field.invalid(f"{here}.operator", value, "value must be empty when `operator` is 'Exists'"))
        else:
            words = ("Equal", "Exists", "Lt", "Gt") if operator in ("Lt", "Gt") else ("Equal", "Exists")
            errors.append(field.not_supported(f"{here}.operator", operator, words))
        if effect and effect not in _EFFECTS:
            errors.append(field.not_supported(f"{here}.effect", effect, _EFFECTS))
    return errors


def affinity(value: Object | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    node = (value or {}).get("nodeAffinity") or {}
    where = f"{path}.nodeAffinity"
    if node.get(REQUIRED) is not None:
        errors += node_selector(node[REQUIRED], f"{where}.{REQUIRED}")
    for position, term in enumerate(members(node.get(PREFERRED))):
        here = f"{where}.{PREFERRED}[{position}]"
        errors += _weight(term, here)
        errors += _node_selector_term(term.get("preference") or {}, f"{here}.preference", strict=False)
    for kind in ("podAffinity", "podAntiAffinity"):
        rules, where = (value or {}).get(kind) or {}, f"{path}.{kind}"
        for position, term in enumerate(members(rules.get(REQUIRED))):
            errors += _pod_affinity_term(term, f"{where}.{REQUIRED}[{position}]")
        for position, term in enumerate(members(rules.get(PREFERRED))):
            here = f"{where}.{PREFERRED}[{position}]"
            errors += _weight(term, here) + _pod_affinity_term(term.get("podAffinityTerm") or {}, f"{here}.podAffinityTerm")
    return errors


def _weight(term: Object, path: str) -> list[FieldError]:
    weight = term.get("weight") or 0
    return [] if 1 <= weight <= 100 else [field.invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def node_selector(selector: Object, path: str) -> list[FieldError]:
    """At least one term, each in order."""
    where = f"{path}.nodeSelectorTerms"
    terms = members(selector.get("nodeSelectorTerms"))
    if not terms:
        return [field.required(where, "must have at least one node selector term")]
    errors: list[FieldError] = []
    for position, term in enumerate(terms):
        errors += _node_selector_term(term, f"{where}[{position}]", strict=True)
    return errors


def _node_selector_term(term: Object, path: str, *, strict: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, requirement in enumerate(members(term.get("matchExpressions"))):
        errors += _node_requirement(requirement, f"{path}.matchExpressions[{position}]", strict=strict)
    for position, requirement in enumerate(members(term.get("matchFields"))):
        errors += _node_field_requirement(requirement, f"{path}.matchFields[{position}]")
    return errors


def _node_requirement(requirement: Object, path: str, *, strict: bool) -> list[FieldError]:
    """`strict`: values must be label values (in preferred terms they need not)."""
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    where = f"{path}.values"
    errors: list[FieldError] = []
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(field.required(where, "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.append(field.forbidden(where, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            errors.append(field.required(where, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
    else:
        errors.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    errors += validation.validate_label_name(requirement.get("key") or "", f"{path}.key")
    for position, value in enumerate(values if strict else ()):
        errors += each(validation.is_valid_label_value(value), f"{where}[{position}]", value)
    return errors


def _node_field_requirement(requirement: Object, path: str) -> list[FieldError]:
    operator, name, values = requirement.get("operator") or "", requirement.get("key") or "", requirement.get("values") or []
    errors: list[FieldError] = []
    if operator not in ("In", "NotIn"):
        errors.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        errors.append(field.required(f"{path}.values", detail))
    if name != "metadata.name":
        return [*errors, field.invalid(f"{path}.key", name, "not a valid field selector key")]
    for position, value in enumerate(values):
        errors += dns_subdomain(value, f"{path}.values[{position}]")
    return errors


def _pod_affinity_term(term: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("labelSelector", "namespaceSelector"):
        errors += validation.validate_label_selector(term.get(name), f"{path}.{name}")
    for namespace in term.get("namespaces") or ():
        errors += dns_label(namespace, f"{path}.namespace")
    errors += _label_keys(term, path)
    topology = term.get("topologyKey") or ""
    if not topology:
        errors.append(field.required(f"{path}.topologyKey", "can not be empty"))
    return errors + validation.validate_label_name(topology, f"{path}.topologyKey")


def _label_keys(holder: Object, path: str) -> list[FieldError]:
    """`matchLabelKeys` and `mismatchLabelKeys`, against each other and against the selector beside them."""
    selector, matched, mismatched = holder.get("labelSelector"), holder.get("matchLabelKeys") or [], holder.get("mismatchLabelKeys") or []
    errors: list[FieldError] = []
    for name, keys in (("matchLabelKeys", matched), ("mismatchLabelKeys", mismatched)):
        if keys and selector is None:
            errors.append(field.forbidden(f"{path}.{name}", "must not be specified when labelSelector is not set"))
            continue
        for position, label in enumerate(keys):
            errors += validation.validate_label_name(label, f"{path}.{name}[{position}]")
    positions = {label: position for position, label in enumerate(matched)}
    seen: set[Any] = set((selector or {}).get("matchLabels") or ())
    for expression in members((selector or {}).get("matchExpressions")):
        label = expression.get("key")
        if label in positions and label in seen:
            errors.append(field.invalid(f"{path}[{positions[label]}]", label, "exists in both matchLabelKeys and labelSelector"))
        seen.add(label)
    for position, label in enumerate(matched):
        if label in mismatched:
            where = f"{path}.matchLabelKeys[{position}]"
            errors.append(field.invalid(where, label, "exists in both matchLabelKeys and mismatchLabelKeys"))
    return errors


def topology_spread(constraints: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, constraint in enumerate(constraints):
        here, skew = f"{path}[{position}]", constraint.get("maxSkew") or 0
        topology, action = constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""
        if skew <= 0:
            errors.append(field.invalid(f"{here}.maxSkew", skew, _POSITIVE))
        if not topology:
            errors.append(field.required(f"{here}.topologyKey", "can not be empty"))
        if action not in _ACTIONS:
            errors.append(field.not_supported(f"{here}.whenUnsatisfiable", action, _ACTIONS))
        rest = constraints[position + 1 :]
        if any((other.get("topologyKey") or "", other.get("whenUnsatisfiable") or "") == (topology, action) for other in rest):
            errors.append(field.duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", f"{{{topology}, {action}}}"))
        errors += _min_domains(constraint.get("minDomains"), action, f"{here}.minDomains")
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(name) not in (None, "Honor", "Ignore"):
                errors.append(field.not_supported(f"{here}.{name}", constraint[name], ("Honor", "Ignore")))
        errors += _label_keys(constraint, here)
        errors += validation.validate_label_selector(constraint.get("labelSelector"), f"{here}.labelSelector")
    return errors


def _min_domains(domains: int | None, action: str, path: str) -> list[FieldError]:
    if domains is None:
        return []
    errors = [field.invalid(path, domains, _POSITIVE)] if domains <= 0 else []
    if action != "DoNotSchedule":
        errors.append(field.invalid(path, domains, f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"))
    return errors


def scheduling_gates(gates: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for position, gate in enumerate(gates):
        name = gate.get("name") or ""
        errors += qualified_name(name, f"{path}[{position}]")
        if name in seen:
            errors.append(field.duplicate(f"{path}[{position}]", name))
        seen.add(name)
    return errors
