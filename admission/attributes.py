"""What a plugin is shown of a write.  Upstream: apiserver `pkg/admission/attributes.go`, `interfaces.go`."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, field

from admission.charges import Charge
from admission.observer import Observer
from admission.reinvocation import Reinvocation
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.api.user import UserInfo


class Operation(enum.StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    CONNECT = "CONNECT"


class Attributes(Struct):
    """One write.  `object` is None for a delete, `old_object` for a create; a mutating plugin changes `object` in place.

    `warnings` reach the client as Warning headers; `annotations` the audit event, `request_annotations` where its level shows requests.
    `charges` are settled when the write is committed.
    """

    operation: Operation
    kind: GroupVersionKind
    resource: GroupVersionResource
    subresource: str
    namespace: str
    name: str
    object: Object | None
    old_object: Object | None
    options: Object
    dry_run: bool
    user: UserInfo
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    request_annotations: dict[str, str] = field(default_factory=dict)
    reinvocation: Reinvocation = field(default_factory=Reinvocation)
    observer: Observer | None = None
    charges: list[Charge] = field(default_factory=list)
    deadline: float = math.inf
    """When, on the monotonic clock, nobody waits for the write any more."""


class Plugin(Protocol):
    """A plugin implements `admit` (may mutate), `validate` (must not), or both; either raises a StatusError to deny.

    One that looks at few resources may name them: as `resources`, a set of GroupResource.  It is asked about no others.
    """

    name: str

    def handles(self, operation: Operation) -> bool: ...


class MutatingPlugin(Plugin, Protocol):
    def admit(self, attributes: Attributes) -> None: ...


class ValidatingPlugin(Plugin, Protocol):
    def validate(self, attributes: Attributes) -> None: ...


Redefault = Callable[[Object], None]
"""Runs the kind's defaulting again, after a plugin has changed the object."""
