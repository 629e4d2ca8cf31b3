"""What the verbs share: the store, the kinds, admission, and one codec for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct, field

from admission.attributes import Attributes, Operation
from admission.chain import Chain
from admission.observer import Observer
from cluster.api.authorization import Authorizer
from cluster.api.field import FieldError
from cluster.api.names import GroupResource, GroupVersionKind, Object
from cluster.api.user import UserInfo
from cluster.kinds.catalog import Catalog
from cluster.kinds.model import Kind
from cluster.registry.charging import Charging, charges_of
from cluster.registry.codec import Codec
from cluster.registry.metadata import raise_invalid
from cluster.schema.decode import Decoder, decoder
from cluster.schema.model import SchemaSet
from cluster.storage.contract import Entry, Store, Write

STRICT: Final = "Strict"
WARN: Final = "Warn"
IGNORE: Final = "Ignore"
_NAMESPACES: Final = GroupResource("", "namespaces")

Result = Entry | Object
"""What a write leaves: the entry that was stored, or, where nothing was (a dry run), the object as it would be."""


class Call(Struct):
    """Who writes, and how.  `options` is what admission sees as the request's options; `warnings` go back to the client."""

    user: UserInfo
    options: Object = field(default_factory=dict)
    dry_run: bool = False
    field_validation: str = STRICT
    warnings: list[str] = field(default_factory=list)
    authorizer: Authorizer | None = None
    """Asked whether an update may create, where it would."""
    annotations: dict[str, str] = field(default_factory=dict)
    """What admission tells the audit event."""
    request_annotations: dict[str, str] = field(default_factory=dict)
    """What it tells the audit event only where its level shows requests."""
    observer: Observer | None = None
    """Told what admission does, as it happens."""
    deadline: float = math.inf
    """When, on the monotonic clock, nobody waits for its end any more."""


class Companion(Protocol):
    """Writes that accompany a kind's own in the same transaction, such as the allocation of a Service's address."""

    def create(self, obj: Object) -> Sequence[Write]:
        """May complete the object; Invalid where it asks for what is taken."""
        ...

    def update(self, obj: Object, old: Object) -> Sequence[Write]: ...

    def delete(self, old: Object) -> Sequence[Write]: ...


Guard = Callable[[UserInfo, str, Object, Object | None], None]
"""(who writes, the URL's namespace, the object, what it replaces): Forbidden for a write that the kind itself does not allow."""

Check = Callable[[UserInfo, Object, Object | None], list[FieldError]]
"""(who writes, the object, what it replaces): what of a valid object this user may not write."""


class NoCompanion:
    def create(self, obj: Object) -> Sequence[Write]:  # noqa: ARG002 - a Companion's signature
        return ()

    def update(self, obj: Object, old: Object) -> Sequence[Write]:  # noqa: ARG002
        return ()

    def delete(self, old: Object) -> Sequence[Write]:  # noqa: ARG002
        return ()


NOBODY: Final[Companion] = NoCompanion()
"""The companion of kinds that have none."""


class Registry:
    """Everything that a verb needs but the request."""

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        schemas: SchemaSet,
        admission: Chain,
        companions: Mapping[GroupResource, Companion],
        guards: Mapping[GroupResource, Guard] | None = None,
        checks: Mapping[GroupResource, Check] | None = None,
    ) -> None:
        self.store = store
        self.catalog = catalog
        self.schemas = schemas
        self.admission = admission
        self._companions = companions
        self._guards = guards or {}
        self._checks = checks or {}
        self._codecs: dict[GroupVersionKind, Codec] = {}
        self._charging = Charging(store, catalog, admission)

    def codec(self, kind: Kind) -> Codec:
        found = self._codecs.get(kind.gvk)
        if found is None:
            found = Codec(kind, self.catalog.stored(kind) or kind)
            self._codecs[kind.gvk] = found
        return found

    def companion(self, kind: Kind) -> Companion:
        return self._companions.get(kind.storage, NOBODY)

    def guard(self, call: Call, kind: Kind, namespace: str, obj: Object, old: Object | None) -> None:
        """Forbidden where the kind does not let this user write this."""
        guard = self._guards.get(kind.storage)
        if guard is not None:
            guard(call.user, namespace, obj, old)

    def check(self, call: Call, kind: Kind, obj: Object, old: Object | None) -> None:
        """Invalid where an object that is valid has this user do, by it, what they may not do themselves."""
        check = self._checks.get(kind.storage)
        if check is not None:
            raise_invalid(obj, kind, check(call.user, obj, old))

    def decode(self, call: Call, gvk: GroupVersionKind, body: Object, duplicates: Sequence[str] = ()) -> Object:
        """A body as an object of a kind, after the call's fieldValidation; BadRequest."""
        found = self.decoder(gvk)
        result = found.decode(body, call.field_validation != IGNORE, duplicates)
        if result.problems:
            if call.field_validation == STRICT:
                raise found.strict_error(result.problems)
            call.warnings += result.problems
        return result.object

    def decoder(self, gvk: GroupVersionKind) -> Decoder:
        return decoder(self.schemas, gvk)

    def mutate(self, call: Call, attributes: Attributes, kind: Kind) -> None:
        """Mutating admission, with the kind's defaulting after a change; what is of another kind than its resource's has none."""
        try:
            self.admission.mutate(attributes, kind.strategy.default if attributes.kind == kind.gvk else _undefaulted)
        finally:  # who is denied is warned, too
            if attributes.warnings:
                _take_warnings(call, attributes)

    def validate(self, call: Call, attributes: Attributes) -> None:
        """Validating admission."""
        try:
            self.admission.validate(attributes)
        finally:
            if attributes.warnings:
                _take_warnings(call, attributes)

    def commit(self, asked: Attributes, writes: Sequence[Write]) -> int:
        """Stores what was admitted, with what admission charges it, or nothing: the last write's revision.

        WriteConflict for one of the writes, StoreUnavailable, or what a charge denies.
        """
        charges = charges_of(asked.charges, writes)
        return self._charging.commit(charges, writes) if charges else self.store.commit(writes)


def _undefaulted(obj: Object) -> None:
    """Leaves the object as it is."""


def _take_warnings(call: Call, attributes: Attributes) -> None:
    call.warnings += [each for each in attributes.warnings if each not in call.warnings]
    attributes.warnings.clear()


def attributes(
    call: Call,
    operation: Operation,
    kind: Kind,
    namespace: str,
    name: str,
    obj: Object | None,
    old: Object | None,
    subresource: str = "",
    gvk: GroupVersionKind | None = None,
) -> Attributes:
    """What admission is shown of a write; `gvk` where a subresource's object is of another kind.

    A namespace counts as being in itself.  Upstream: apiserver `pkg/endpoints/request/requestinfo.go`.
    """
    return Attributes(
        operation=operation,
        kind=gvk or kind.gvk,
        resource=kind.resource,
        subresource=subresource,
        namespace=name if kind.storage == _NAMESPACES else namespace,
        name=name,
        object=obj,
        old_object=old,
        options=call.options,
        dry_run=call.dry_run,
        user=call.user,
        annotations=call.annotations,
        request_annotations=call.request_annotations,
        observer=call.observer,
        deadline=call.deadline,
    )
