"""Which object a write is of: most plugins look at one resource, and must cost next to nothing for all others."""

from __future__ import annotations

from admission.attributes import Attributes
from cluster.api.names import GroupResource, Object


def is_of(attributes: Attributes, resource: GroupResource) -> bool:
    """Whether the write is of the resource, or of a subresource of it."""
    written = attributes.resource
    return written.resource == resource.resource and written.group == resource.group


def object_of(attributes: Attributes, resource: GroupResource) -> Object | None:
    """The object that is created or replaced; None for a write of anything else, of a subresource, or without an object."""
    if attributes.subresource or not is_of(attributes, resource):
        return None
    return attributes.object
