"""Label selectors of the API (`matchLabels`, `matchExpressions`) against labels.  Upstream: apimachinery `pkg/labels/selector.go`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.api.names import Object

Labels = Mapping[str, str]


def labels_of(obj: Object) -> Labels:
    return obj["metadata"].get("labels") or {}


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a LabelSelector matches; none at all matches nothing, an empty one everything."""
    if selector is None:
        return False
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    return all(_fits(each, labels) for each in selector.get("matchExpressions") or ())


def is_empty(selector: Mapping[str, Any] | None) -> bool:
    return not (selector or {}).get("matchLabels") and not (selector or {}).get("matchExpressions")


def _fits(requirement: Mapping[str, Any], labels: Labels) -> bool:
    present, value = requirement["key"] in labels, labels.get(requirement["key"])
    values = requirement.get("values") or ()
    operator = requirement["operator"]
    if operator == "In":
        return present and value in values
    if operator == "NotIn":
        return not present or value not in values
    if operator == "Exists":
        return present
    if operator == "DoesNotExist":
        return not present
    raise ValueError(f'"{operator}" is not a valid label selector operator')
