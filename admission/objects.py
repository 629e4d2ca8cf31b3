"""What plugins may do with objects of any kind: default, decode and convert them, and find the other versions of a resource.

Upstream: apiserver `pkg/admission/interfaces.go` (ObjectInterfaces): creater, convertor, defaulter and equivalent resource mapper.
"""

from __future__ import annotations

from admission.connections import CONNECTIONS
from cluster.api.errors import BadRequest
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.kinds.catalog import Catalog
from cluster.kinds.conversion import convert
from cluster.kinds.model import Kind
from cluster.schema.decode import Decoder, decoder
from cluster.schema.model import SchemaSet


class Objects:
    """Of the kinds that a server serves."""

    def __init__(self, catalog: Catalog, schemas: SchemaSet) -> None:
        self.catalog = catalog
        self.schemas = schemas

    def kind(self, gvk: GroupVersionKind) -> Kind | None:
        return self.catalog.by_kind(gvk)

    def default(self, gvk: GroupVersionKind, obj: Object) -> None:
        """Fills in what the kind fills in, in place; a kind of a subresource (a Scale) has no defaults."""
        kind = self.catalog.by_kind(gvk)
        if kind is not None:
            kind.strategy.default(obj)

    def decode(self, gvk: GroupVersionKind, obj: Object) -> Object:
        """The object as the kind's schema has it, unknown fields dropped; BadRequest for types that don't fit."""
        return self._decoder(gvk).decode(obj).object

    def decode_strictly(self, gvk: GroupVersionKind, obj: Object) -> Object:
        """ValueError with why alone: for fields that the kind does not have, too."""
        try:
            result = self._decoder(gvk).decode(obj, strict=True)
        except BadRequest as error:
            raise ValueError(error.message.partition(f" cannot be handled as a {gvk.kind}: ")[2] or error.message) from None
        if result.problems:
            raise ValueError(f"strict decoding error: {', '.join(sorted(result.problems))}")
        return result.object

    def _decoder(self, gvk: GroupVersionKind) -> Decoder:
        """A connection's options are of no kind that is served."""
        return decoder(self.schemas if CONNECTIONS.gvk(*gvk) is None else CONNECTIONS, gvk)

    def convert(self, obj: Object, source: GroupVersionKind, target: GroupVersionKind) -> Object:
        """In the shape of another version of its kind, a new top level over what may be shared.  ValueError where there is none."""
        if source == target:
            return obj
        kinds = self.catalog.by_kind(source), self.catalog.by_kind(target)
        if kinds[0] is None or kinds[1] is None or kinds[0].storage != kinds[1].storage:
            raise ValueError(f"no conversion from {source.kind} in {source.group_version} to {target.kind} in {target.group_version}")
        return convert(obj, kinds[0], kinds[1])

    def equivalents(self, resource: GroupVersionResource, subresource: str = "") -> list[tuple[GroupVersionResource, GroupVersionKind]]:
        """The resource and its other versions, in all groups that serve the same objects, each with the kind that is written there."""
        own = self.catalog.find(*resource)
        if own is None:
            return []
        found = []
        for kind in self.catalog.all():
            if kind.storage != own.storage:
                continue
            if not subresource:
                found.append((kind.resource, kind.gvk))
            elif subresource in kind.subresources:
                found.append((kind.resource, kind.subresources[subresource].kind))
        return found
