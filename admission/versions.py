"""The object of a write and the one that it replaces, in the versions that webhooks and policies ask for.

Upstream: apiserver `pkg/admission/conversion.go` (VersionedAttributes), and the accessors of both dispatchers.
"""

from __future__ import annotations

from typing import Protocol

from admission.attributes import Attributes
from admission.objects import Objects
from cluster.api.errors import InternalError
from cluster.api.names import GroupVersionKind, Object

Pair = tuple[Object | None, Object | None]
"""(the object, the one that it replaces)"""


class Versions(Protocol):
    def now(self) -> Object | None:
        """The object as it is at this moment, in any version."""
        ...

    def at(self, kind: GroupVersionKind) -> Pair:
        """Both in a version; InternalError where they have none such.  None of it may be changed."""
        ...


class FixedVersions:
    """Of a write that nobody changes any more; each version is made once."""

    def __init__(self, attributes: Attributes, objects: Objects) -> None:
        self._attributes = attributes
        self._objects = objects
        self._made: dict[GroupVersionKind, Pair] = {}

    def now(self) -> Object | None:
        return self._attributes.object

    def at(self, kind: GroupVersionKind) -> Pair:
        found = self._made.get(kind)
        if found is None:
            asked = self._attributes
            found = self._made[kind] = (
                _converted(self._objects, asked.object, asked.kind, kind),
                _converted(self._objects, asked.old_object, asked.kind, kind),
            )
        return found


class ChangingVersions:
    """Of a write that webhooks change, each in the version that it was shown; `settle` takes the changes over into the write."""

    def __init__(self, attributes: Attributes, objects: Objects) -> None:
        self._attributes = attributes
        self._objects = objects
        self._kind = attributes.kind
        self._object = attributes.object
        self.changed = False

    def now(self) -> Object | None:
        return self._object

    def at(self, kind: GroupVersionKind) -> Pair:
        self._object = _converted(self._objects, self._object, self._kind, kind)
        self._kind = kind
        return self._object, _converted(self._objects, self._attributes.old_object, self._attributes.kind, kind)

    def replace(self, obj: Object) -> None:
        """The object is this one from now on, in the version that was last asked for."""
        self._object = obj
        self.changed = True

    def settle(self) -> None:
        """Whoever writes holds the object itself, so that it changes in place."""
        target = self._attributes.object
        if not self.changed or target is None:
            return
        made = _converted(self._objects, self._object, self._kind, self._attributes.kind)
        assert made is not None, "an object was put in place of an object"
        target.clear()
        target.update(made)


def _converted(objects: Objects, obj: Object | None, source: GroupVersionKind, target: GroupVersionKind) -> Object | None:
    if obj is None or source == target:
        return obj
    try:
        return objects.convert(obj, source, target)
    except ValueError as error:
        raise InternalError.of(error) from None
