"""Selectors of a write's namespace and object.  Upstream: apiserver `pkg/admission/plugin/webhook/predicates` (namespace, object)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admission.attributes import Attributes, Operation
from cluster.api.errors import InternalError, NotFound
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.api.selectors import LabelSelector, from_label_selector

NAMESPACES: Final = GroupResource("", "namespaces")
_WRITTEN: Final = (Operation.CREATE, Operation.UPDATE)

Selector = LabelSelector | str
"""A text says why it is none."""


def parsed(selector: Object | None) -> Selector:
    try:
        return from_label_selector(selector)
    except ValueError as error:
        return str(error)


def usable(selector: Selector) -> LabelSelector:
    """InternalError for one that is none."""
    if isinstance(selector, str):
        raise InternalError.of(selector)
    return selector


class Namespaces:
    """As they are for one write: each is read once, however many selectors there are."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[str, Object | None] = {}

    def get(self, name: str) -> Object:
        """NotFound."""
        if name not in self._known:
            self._known[name] = self._reader.get(NAMESPACES, "", name)
        found = self._known[name]
        if found is None:
            raise NotFound.of(NAMESPACES, name)
        return found


def in_selected_namespace(selector: Selector, attributes: Attributes, obj: Object | None, namespaces: Namespaces) -> bool:
    """Whether the write's namespace has the labels; what is in none, and is none, always does.

    NotFound for a namespace that is missing, InternalError for a selector that is none.
    `obj` is the object as it is now: a namespace that is written is judged by the labels that it would have.
    """
    is_namespace = attributes.resource.resource == "namespaces"
    if not (attributes.namespace or is_namespace):
        return True
    wanted = usable(selector)
    if wanted.empty:
        return True
    if is_namespace and not attributes.subresource and attributes.operation in _WRITTEN:
        return wanted.matches(_labels(obj))
    return wanted.matches(_labels(namespaces.get(attributes.namespace)))


def is_selected_object(selector: Selector, *objects: Object | None) -> bool:
    """Whether one of the objects, of which there may be none, has the labels; InternalError for a selector that is none."""
    wanted = usable(selector)
    return wanted.empty or any(obj is not None and "metadata" in obj and wanted.matches(_labels(obj)) for obj in objects)


def _labels(obj: Object | None) -> Mapping[str, str]:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}
