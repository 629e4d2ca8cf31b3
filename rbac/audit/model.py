"""The words of audit.k8s.io/v1: levels, stages, and what a policy decides of one request.

Upstream: apiserver `pkg/apis/audit/v1/types.go`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from cluster.api.names import Object

API_VERSION: Final = "audit.k8s.io/v1"
REQUEST_RECEIVED: Final = "RequestReceived"
RESPONSE_STARTED: Final = "ResponseStarted"
RESPONSE_COMPLETE: Final = "ResponseComplete"
PANIC: Final = "Panic"
STAGES: Final = (REQUEST_RECEIVED, RESPONSE_STARTED, RESPONSE_COMPLETE, PANIC)
DECISION: Final = "authorization.k8s.io/decision"
"""An event's annotation: `allow` or `forbid`."""
REASON: Final = "authorization.k8s.io/reason"
ALLOW: Final = "allow"
FORBID: Final = "forbid"
INTERNAL_ERROR: Final = "internal error"


class Level(enum.IntEnum):
    """How much of a request is recorded, each more than the one before."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3


LEVEL_NAMES: Final = {Level.NONE: "None", Level.METADATA: "Metadata", Level.REQUEST: "Request", Level.REQUEST_RESPONSE: "RequestResponse"}
LEVELS: Final = {name: level for level, name in LEVEL_NAMES.items()}


class AuditConfig(Struct, frozen=True):
    """What a policy says of one request."""

    level: Level
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False


class AuditEvent(Struct, frozen=True):
    """One event as it is given to backends: its fields, and the same as JSON without a newline."""

    level: Level
    fields: Object
    encoded: bytes


class Sink(Protocol):
    """Takes events.  Backends are sinks, and may wrap one another."""

    def process(self, events: Sequence[AuditEvent]) -> bool:
        """False where the events could not be kept and the request must not go on for that."""
        ...

    def close(self) -> None:
        """The process is about to end: hands over what waits."""
        ...


class Union:
    """Several sinks, each given every event."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)

    def process(self, events: Sequence[AuditEvent]) -> bool:
        kept = True
        for sink in self._sinks:
            kept = sink.process(events) and kept
        return kept

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()
