"""Selectors as authorizers are asked about them.

Upstream: apiserver `pkg/endpoints/filters/authorization.go`, `pkg/registry/authorization/util/helpers.go`.  Whatever of a selector
cannot be read is left out: requirements only narrow, so that without one the question is the broader.
"""

from __future__ import annotations

from typing import Final

from cluster.api import selectors
from cluster.api.names import Object
from cluster.api.selectors import (
    FieldRequirements,
    LabelRequirements,
    asked_fields,
    asked_labels,
    new_requirement,
    parse_field_selector,
    parse_label_selector,
)

_READ: Final = {"In": selectors.IN, "NotIn": selectors.NOT_IN, "Exists": selectors.EXISTS, "DoesNotExist": selectors.DOES_NOT_EXIST}


def queried_fields(text: str) -> FieldRequirements:
    """The requirements of a query's field selector; none where it cannot be read, which the handler refuses."""
    return reviewed_fields({"rawSelector": text})[0]


def queried_labels(text: str) -> LabelRequirements:
    """The requirements of a query's label selector without comparisons of numbers; none where it cannot be read."""
    return reviewed_labels({"rawSelector": text})[0]


def reviewed_fields(selector: Object) -> tuple[FieldRequirements, bool]:
    """(what of a review's fieldSelector could be read, whether anything could not)."""
    if selector.get("rawSelector"):
        try:
            return asked_fields(parse_field_selector(selector["rawSelector"])), False
        except ValueError:
            return (), True
    found: list[tuple[str, str, str]] = []
    given = selector.get("requirements") or ()
    for each in given:
        operator = {"In": selectors.EQUALS, "NotIn": selectors.NOT_EQUALS}.get(each.get("operator", ""))
        values = each.get("values") or []
        if operator and len(values) == 1:
            found.append((each.get("key", ""), operator, values[0]))
    return tuple(found), len(found) < len(given)


def reviewed_labels(selector: Object) -> tuple[LabelRequirements, bool]:
    """(what of a review's labelSelector could be read, whether anything could not)."""
    if selector.get("rawSelector"):
        try:
            return asked_labels(parse_label_selector(selector["rawSelector"])), False
        except ValueError:
            return (), True
    found: list[tuple[str, str, tuple[str, ...]]] = []
    given = selector.get("requirements") or ()
    for each in given:
        key, operator, values = each.get("key", ""), each.get("operator", ""), tuple(each.get("values") or ())
        try:
            new_requirement(key, _READ.get(operator, ""), values)
        except ValueError:
            continue
        found.append((key, operator, values))
    return tuple(found), len(found) < len(given)
