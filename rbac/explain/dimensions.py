"""In what a rule fails to allow a question, one dimension at a time, and in plain words."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from cluster.api.authorization import Attributes
from cluster.api.field import quoted
from rbac.rules import ALL, CompiledRule

SHOWN: Final = 8
"""How many values of a rule a message lists."""
_LISTING: Final = ("list", "watch", "deletecollection")


class Dimension(enum.StrEnum):
    VERB = "verb"
    API_GROUP = "apiGroup"
    RESOURCE = "resource"
    SUBRESOURCE = "subresource"
    RESOURCE_NAME = "resourceName"
    URL = "nonResourceURL"
    NAMESPACE = "namespace"
    SCOPE = "scope"
    SUBJECT = "subject"
    EXPIRY = "expiry"
    ROLE = "role"


COST: Final[Mapping[Dimension, float]] = {
    Dimension.EXPIRY: 0.5,
    Dimension.VERB: 1.0,
    Dimension.RESOURCE_NAME: 1.0,
    Dimension.SUBRESOURCE: 1.0,
    Dimension.ROLE: 1.0,
    Dimension.NAMESPACE: 1.1,
    Dimension.SCOPE: 1.1,
    Dimension.URL: 1.2,
    Dimension.API_GROUP: 1.2,
    Dimension.SUBJECT: 1.3,
    Dimension.RESOURCE: 1.6,
}
"""How far off a failure in this dimension is; the sum of a miss's is its distance."""
NEAR: Final = 2.5
"""What is farther off than that is no near miss."""


def failing(rule: CompiledRule, question: Attributes) -> tuple[Dimension, ...] | None:
    """The dimensions in which a rule fails, none where it allows; None where it is about something else entirely."""
    failed = [] if rule.verbs is None or question.verb in rule.verbs else [Dimension.VERB]
    if not question.is_resource:
        if not rule.urls:
            return None
        if question.path not in rule.urls and not question.path.startswith(rule.url_prefixes):
            failed.append(Dimension.URL)
        return tuple(failed)
    if not rule.source.get("resources"):
        return None
    if rule.groups is not None and question.api_group not in rule.groups:
        failed.append(Dimension.API_GROUP)
    resource = _resource(rule, question)
    if resource is not None:
        failed.append(resource)
    if rule.names is not None and question.name not in rule.names:
        failed.append(Dimension.RESOURCE_NAME)
    return tuple(failed)


def _resource(rule: CompiledRule, question: Attributes) -> Dimension | None:
    if rule.resources is None:
        return None
    asked = resource_text(question)
    if asked in rule.resources or (question.subresource and rule.suffixes and f"*/{question.subresource}" in rule.resources):
        return None
    if any(each.partition("/")[0] == question.resource for each in rule.resources):
        return Dimension.SUBRESOURCE
    return Dimension.RESOURCE


def resource_text(question: Attributes) -> str:
    """`pods` or `pods/log`"""
    return f"{question.resource}/{question.subresource}" if question.subresource else question.resource


def rule_message(dimension: Dimension, rule: CompiledRule, question: Attributes) -> str:
    """What is wrong in a dimension of the rule itself."""
    source = rule.source
    if dimension is Dimension.VERB:
        return f"verb {quoted(question.verb)} is not among {listed(source.get('verbs') or ())}"
    if dimension is Dimension.API_GROUP:
        return f"API group {quoted(question.api_group)} is not among {listed(source.get('apiGroups') or ())}"
    if dimension is Dimension.RESOURCE:
        return f"resource {quoted(resource_text(question))} is not among {listed(source.get('resources') or ())}"
    if dimension is Dimension.SUBRESOURCE:
        return _subresource_message(rule, question)
    if dimension is Dimension.RESOURCE_NAME:
        return _name_message(source.get("resourceNames") or (), question)
    return f"path {quoted(question.path)} matches none of {listed(source.get('nonResourceURLs') or ())}"


def _subresource_message(rule: CompiledRule, question: Attributes) -> str:
    granted = listed(rule.source.get("resources") or ())
    if question.subresource and question.resource in (rule.resources or ()):
        return (
            f"a rule for {quoted(question.resource)} does not cover its subresource {quoted(resource_text(question))}: it lists {granted}"
        )
    if question.subresource:
        return f"subresource {quoted(resource_text(question))} is not among {granted}"
    return f"a rule for a subresource does not cover {quoted(question.resource)} itself: it lists {granted}"


def _name_message(names: Collection[str], question: Attributes) -> str:
    allowed = listed(names)
    if question.name:
        return f"name {quoted(question.name)} is not among {allowed}"
    if question.verb == "create" and not question.subresource:
        return f"a create names no object to authorization, so a rule with resourceNames ({allowed}) never allows it"
    if question.verb in _LISTING:
        return f"the rule allows {allowed} only: {question.verb} with --field-selector metadata.name=NAME, one name at a time"
    return f"the rule allows {allowed} only, and the question names no object"


def listed(values: Iterable[str]) -> str:
    """`"get", "list"`, cut where there are many."""
    found = list(values)
    text = ", ".join(quoted(each) for each in found[:SHOWN])
    return f"{text} and {len(found) - SHOWN} more" if len(found) > SHOWN else text or "none"


def distance(failed: Iterable[Dimension]) -> float:
    return round(sum(COST[each] for each in failed), 1)


def is_wildcard(values: Iterable[str] | None) -> bool:
    return ALL in (values or ())
