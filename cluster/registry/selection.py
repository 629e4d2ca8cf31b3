"""Which entries a list, a watch or a deletecollection is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cluster.api.errors import BadRequest
from cluster.api.names import Object
from cluster.api.selectors import EVERYTHING, FieldSelector, LabelSelector, parse_field_selector, parse_label_selector
from cluster.registry.codec import Codec, labels, shared
from cluster.storage.contract import Entry

NO_FIELDS: Final = FieldSelector()
_ALWAYS: Final = ("metadata.name", "metadata.namespace")


class Selection(Struct, frozen=True):
    """Label and field selectors of one request, made for one kind.  `fields` are without those that the key decides."""

    labels: LabelSelector = EVERYTHING
    fields: tuple[tuple[Callable[[Object], str], bool, str], ...] = ()
    """(how to read the field, whether it must equal, the value)"""
    keys: FieldSelector = NO_FIELDS
    """The requirements on name and namespace."""
    name: str | None = None
    """The one name that is selected, if the selectors leave only one."""
    namespace: str | None = None

    @property
    def everything(self) -> bool:
        return self.labels.empty and not self.fields and self.keys.empty

    def matches(self, entry: Entry, codec: Codec) -> bool:
        if not self.keys.empty:
            key = entry.key
            if not self.keys.matches({"metadata.name": key.name, "metadata.namespace": key.namespace}):
                return False
        if not self.labels.empty and not self.labels.matches(labels(entry)):
            return False
        if self.fields:
            obj = shared(entry, codec.stored.gvk) if codec.same else codec.load(entry)
            return all((read(obj) == value) == equal for read, equal, value in self.fields)
        return True


ALL: Final = Selection()


def select(codec: Codec, label_selector: str, field_selector: str, name: str = "") -> Selection:
    """The Selection of a request; BadRequest for a selector that cannot be read or names a field that can't be selected by.

    `name` is that of the URL of a single object, which the selectors must agree with.
    """
    if not label_selector and not field_selector and not name:
        return ALL
    try:
        by_label = parse_label_selector(label_selector)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    try:
        by_field = parse_field_selector(field_selector)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    selectable = codec.kind.strategy.selectable_fields
    fields = []
    keys = []
    for requirement in by_field.requirements:
        if requirement.field in _ALWAYS:
            keys.append(requirement)
        elif requirement.field in selectable:
            fields.append((selectable[requirement.field], requirement.operator != "!=", requirement.value))
        else:
            raise BadRequest(_unsupported(codec, requirement.field))
    if name:
        selected = by_field.exact("metadata.name")
        if not by_field.empty and selected != name:
            raise BadRequest("fieldSelector metadata.name doesn't match requested name")
        if selected is None:
            keys += parse_field_selector(f"metadata.name={name}").requirements
    key_selector = FieldSelector(tuple(keys))
    return Selection(
        by_label,
        tuple(fields),
        key_selector,
        key_selector.exact("metadata.name"),
        key_selector.exact("metadata.namespace"),
    )


def _unsupported(codec: Codec, field: str) -> str:
    if codec.kind.strategy.selectable_fields:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
