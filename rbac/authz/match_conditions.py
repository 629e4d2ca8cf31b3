"""Match conditions: which questions a webhook is asked at all, by expressions about the `request`, a SubjectAccessReview's spec (v1).

Upstream: apiserver `pkg/authorization/cel` (compile.go, matcher.go).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.cel import types
from cluster.cel.types import Type
from rbac.authz.union import aggregated
from rbac.expressions import LISTS_OF_TEXTS, TEXTS, EvaluationFailed, Expression, struct

if TYPE_CHECKING:  # what compiles takes a while to load, and most files have no expressions
    from cluster.cel.environment import Environment

OPERATORS: Final = {"=": "In", "!=": "NotIn"}
"""Of requirements of fields, as reviews have them."""
_REQUEST: Final = "request"


class Judged(NamedTuple):
    """`excluded`: a condition does not hold, so that the webhook is not asked; `error`: what could not be evaluated."""

    excluded: bool
    error: str = ""


@functools.cache
def environment() -> Environment:
    """What conditions may use: all that expressions which are stored already may, and `request`."""
    from cluster.cel.environment import STORED, Environment

    return Environment(STORED, {_REQUEST: _request_type()})


def judge(conditions: Sequence[Expression], attributes: Attributes) -> Judged:
    """Whatever else fails, one condition that does not hold excludes the question."""
    values = {_REQUEST: request_value(attributes)}
    errors: list[str] = []
    for each in conditions:
        try:
            if each.evaluate(values) is False:
                return Judged(True, aggregated(errors))
        except EvaluationFailed as error:
            errors.append(f"cel evaluation error: {error}")
    return Judged(False, aggregated(errors))


def _request_type() -> Type:
    requirement = struct("SelectorRequirement", {"key": types.STRING, "operator": types.STRING, "values": TEXTS})
    selector = {"rawSelector": types.STRING, "requirements": types.list_of(requirement)}
    names = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
    resource = {
        **dict.fromkeys(names, types.STRING),
        "fieldSelector": struct("FieldSelectorAttributes", selector),
        "labelSelector": struct("LabelSelectorAttributes", selector),
    }
    spec = {
        "resourceAttributes": struct("ResourceAttributes", resource),
        "nonResourceAttributes": struct("NonResourceAttributes", {"path": types.STRING, "verb": types.STRING}),
        "user": types.STRING,
        "groups": TEXTS,
        "extra": LISTS_OF_TEXTS,
        "uid": types.STRING,
    }
    return struct("SubjectAccessReviewSpec", spec)


def request_value(attributes: Attributes) -> Object:
    """The question as conditions see it: texts that are empty are there, other than in the review that is sent."""
    user = attributes.user
    made: Object = {
        "user": user.name,
        "groups": list(user.groups),
        "uid": user.uid,
        "extra": {key: list(values) for key, values in user.extra.items()},
    }
    if attributes.is_resource:
        made["resourceAttributes"] = _resource(attributes)
    else:
        made["nonResourceAttributes"] = {"verb": attributes.verb, "path": attributes.path}
    return made


def _resource(attributes: Attributes) -> Object:
    found: Object = {
        "namespace": attributes.namespace,
        "verb": attributes.verb,
        "group": attributes.api_group,
        "version": attributes.api_version,
        "resource": attributes.resource,
        "subresource": attributes.subresource,
        "name": attributes.name,
    }
    if attributes.field_selector:
        fields = [_requirement(key, OPERATORS[sign], (value,)) for key, sign, value in attributes.field_selector]
        found["fieldSelector"] = {"requirements": fields}
    if attributes.label_selector:
        labels = [_requirement(key, operator, values) for key, operator, values in attributes.label_selector]
        found["labelSelector"] = {"requirements": labels}
    return found


def _requirement(key: str, operator: str, values: Sequence[str]) -> Object:
    return {"key": key, "operator": operator, "values": list(values)}
