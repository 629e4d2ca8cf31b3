"""An apply configuration: what it says is put into the object, by the types of the object's kind, and the rest stays.

Nobody keeps account of who said what.  What is merged as a whole may not be said at all, as all else in it would be lost.
Upstream: apiserver `pkg/admission/plugin/policy/mutating/patch/smd.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster.api.names import Object
from cluster.patch.structured.merging import merge
from cluster.patch.structured.validation import NotOfType, check
from cluster.schema.merge_types import MergeType


class NotApplied(ValueError):
    """The configuration is none for the object; worded as upstream words it."""


def apply(kind: MergeType, live: Object, configuration: Object) -> Object:
    """A new object over parts that may be shared with both; NotApplied."""
    try:
        check(kind, configuration)
    except NotOfType as error:
        raise NotApplied(f"failed to convert patch object to typed object: {error}") from None
    wholes = list(_wholes(kind, configuration, ""))
    if wholes:
        raise NotApplied(f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {', '.join(wholes)}")
    try:
        check(kind, live, duplicates=True)
    except NotOfType as error:
        raise NotApplied(f"failed to convert original object to typed object: {error}") from None
    merged: Object = merge(kind, live, configuration)
    return merged


def _wholes(kind: MergeType, value: Any, path: str) -> Iterator[str]:
    """The paths of all that is merged as a whole.  Below a map whose members are not named nothing is looked at."""
    if isinstance(value, dict) and kind.map is not None:
        if kind.map.atomic:
            yield path
        for name, each in value.items():
            declared = kind.map.fields.get(name)
            if declared is not None:
                yield from _wholes(declared.type, each, f"{path}.{name}")
    elif isinstance(value, list) and kind.list is not None:
        if kind.list.atomic:
            yield path
        for position, each in enumerate(value):
            yield from _wholes(kind.list.element.type, each, f"{path}[{position}]")
