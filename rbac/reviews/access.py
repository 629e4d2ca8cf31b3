"""The access reviews: may someone do something, and what may they do."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.authorization import Attributes, Authorizer, Decision
from cluster.api.errors import BadRequest, Invalid
from cluster.api.field import FieldError
from cluster.api.names import GroupKind, Object
from cluster.api.user import UserInfo
from cluster.api.validation import is_qualified_name, is_valid_label_value
from rbac.authz.modes import RuleLister
from rbac.authz.selectors import reviewed_fields, reviewed_labels

_NAMELESS: Final = GroupKind("authorization.k8s.io", "")
"""Upstream's errors about reviews leave the kind empty."""
_RESOURCE_RULE: Final = ("verbs", "apiGroups", "resources", "resourceNames")


def subject_access_review(obj: Object, authorizer: Authorizer) -> Object:
    """May the user in the spec?  Invalid for a spec that asks nothing or for nobody."""
    return _answered(obj, subject_of(obj), authorizer, _metadata_errors(obj, "must be empty"))


def local_subject_access_review(obj: Object, namespace: str, authorizer: Authorizer) -> Object:
    """The same within the namespace of the URL."""
    spec = obj.get("spec") or {}
    metadata = obj.get("metadata") or {}
    within = metadata.get("namespace", "")
    errors = _metadata_errors(obj, "must be empty except for namespace", "namespace")
    resource = spec.get("resourceAttributes")
    if resource is not None and resource.get("namespace", "") != within:
        errors.append(field.invalid("spec.resourceAttributes.namespace", resource.get("namespace", ""), "must match metadata.namespace"))
    if spec.get("nonResourceAttributes") is not None:
        shown = _shown_path(spec["nonResourceAttributes"])
        errors.append(field.invalid("spec.nonResourceAttributes", shown, "disallowed on this kind of request"))
    _raise(spec_errors(spec, subject=True) + errors)
    if namespace != within:
        raise BadRequest(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
    return _answered(obj, subject_of(obj), authorizer, [])


def self_subject_access_review(obj: Object, user: UserInfo, authorizer: Authorizer) -> Object:
    """May the caller?"""
    return _answered(obj, user, authorizer, _metadata_errors(obj, "must be empty"))


def self_subject_rules_review(obj: Object, user: UserInfo, lister: RuleLister) -> Object:
    """What the caller may do in a namespace, as far as authorizers can list it; BadRequest without a namespace."""
    namespace = (obj.get("spec") or {}).get("namespace")
    if not namespace:
        raise BadRequest("no namespace on request")
    found = lister(user, namespace)
    status: Object = {
        "resourceRules": [{name: rule[name] for name in _RESOURCE_RULE if rule.get(name)} for rule in found.rules if rule.get("resources")],
        "nonResourceRules": [
            {"verbs": rule.get("verbs") or [], "nonResourceURLs": rule["nonResourceURLs"]}
            for rule in found.rules
            if rule.get("nonResourceURLs")
        ],
        "incomplete": found.incomplete,
    }
    if found.error:
        status["evaluationError"] = found.error
    return {"kind": "SelfSubjectRulesReview", "apiVersion": obj.get("apiVersion"), "metadata": {}, "spec": {}, "status": status}


def subject_of(obj: Object) -> UserInfo | None:
    """The user that a spec asks about; None where it names nobody."""
    spec = obj.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        return None
    extra = {key: tuple(values or ()) for key, values in (spec.get("extra") or {}).items()}
    return UserInfo(spec.get("user", ""), spec.get("uid", ""), tuple(spec.get("groups") or ()), extra)


def _answered(obj: Object, user: UserInfo | None, authorizer: Authorizer, errors: list[FieldError]) -> Object:
    spec = obj.get("spec") or {}
    _raise(spec_errors(spec, subject=user is None) + errors)
    assert user is not None
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes") or {}
    problems: list[str] = []
    if resource is not None:
        attributes = resource_attributes(user, resource, problems)
    else:
        attributes = Attributes(user, path.get("verb", ""), is_resource=False, path=path.get("path", ""))
    verdict = authorizer.authorize(attributes)
    status: Object = {"allowed": verdict.allowed}
    if verdict.decision is Decision.DENY:
        status["denied"] = True
    if verdict.reason:
        status["reason"] = verdict.reason
    if verdict.error:
        problems.insert(0, verdict.error)
    if problems:
        status["evaluationError"] = "; ".join(problems)
    return {**obj, "status": status}


def resource_attributes(user: UserInfo, given: Object, problems: list[str]) -> Attributes:
    """The question; selectors that cannot be read are left out, which only makes the question broader, and are told of."""
    fields, faulty = reviewed_fields(given["fieldSelector"]) if given.get("fieldSelector") else ((), False)
    if faulty:
        problems.append(f"spec.resourceAttributes.fieldSelector {'partially ' if fields else ''}ignored due to parse error")
    labels, faulty = reviewed_labels(given["labelSelector"]) if given.get("labelSelector") else ((), False)
    if faulty:
        problems.append(f"spec.resourceAttributes.labelSelector {'partially ' if labels else ''}ignored due to parse error")
    return Attributes(
        user,
        given.get("verb", ""),
        namespace=given.get("namespace", ""),
        api_group=given.get("group", ""),
        api_version=given.get("version") or "*",
        resource=given.get("resource", ""),
        subresource=given.get("subresource", ""),
        name=given.get("name", ""),
        field_selector=fields,
        label_selector=labels,
    )


def _raise(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(_NAMELESS, "", errors)


def spec_errors(spec: Object, *, subject: bool) -> list[FieldError]:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    errors: list[FieldError] = []
    if resource is not None and path is not None:
        why = "cannot be specified in combination with resourceAttributes"
        errors.append(field.invalid("spec.nonResourceAttributes", _shown_path(path), why))
    if resource is None and path is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        errors.append(field.invalid("spec.resourceAttributes", None, why))
    if subject and not spec.get("user") and not spec.get("groups"):
        errors.append(field.invalid("spec.user", "", "at least one of user or group must be specified"))
    for name in ("fieldSelector", "labelSelector"):
        if resource is not None and resource.get(name) is not None:
            errors += _selector_errors(resource[name], f"spec.resourceAttributes.{name}", labels=name == "labelSelector")
    return errors


def _selector_errors(selector: Object, path: str, *, labels: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    raw, requirements = selector.get("rawSelector"), selector.get("requirements")
    if raw and requirements:
        errors.append(field.invalid(f"{path}.rawSelector", raw, "may not specified at the same time as requirements"))
    if not raw and not requirements:
        why = f"when {path} is specified, requirements or rawSelector is required"
        errors.append(field.required(f"{path}.requirements", why))
    for place, requirement in enumerate(requirements or ()):
        errors += _requirement_errors(requirement, field.index(f"{path}.requirements", place), labels=labels)
    return errors


def _requirement_errors(requirement: Object, path: str, *, labels: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    key, operator, values = requirement.get("key", ""), requirement.get("operator"), requirement.get("values") or []
    if not labels and not key:
        errors.append(field.required(f"{path}.key", "must be specified"))
    if operator in ("In", "NotIn") and not values:
        errors.append(field.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    if operator in ("Exists", "DoesNotExist") and values:
        errors.append(field.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    if labels:
        errors += [field.invalid(f"{path}.key", key, message) for message in is_qualified_name(key)]
        for place, value in enumerate(values):
            where = field.index(f"{path}.values", place)
            errors += [field.invalid(where, value, message) for message in is_valid_label_value(value)]
    return errors


def _metadata_errors(obj: Object, why: str, *allowed: str) -> list[FieldError]:
    metadata = {name: value for name, value in (obj.get("metadata") or {}).items() if value}
    if metadata.keys() - {"managedFields", *allowed}:
        return [field.invalid("metadata", metadata, why)]
    return []


def _shown_path(attributes: Object) -> dict[str, Any]:
    """NonResourceAttributes as upstream's errors show its internal form."""
    return {"Path": attributes.get("path", ""), "Verb": attributes.get("verb", "")}
