"""Events and batches cut to a size that the backend takes.  Upstream: apiserver `plugin/pkg/audit/truncate`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import orjson

from cluster.api.names import Object
from rbac.audit.model import AuditEvent, Level, Sink

log = logging.getLogger(__name__)
ANNOTATION: Final = "audit.k8s.io/truncated"


class Truncated:
    """Hands on events without request and response where they are too big with them, in batches that are not."""

    def __init__(self, delegate: Sink, max_event: int, max_batch: int) -> None:
        self._delegate = delegate
        self._max_event = max_event
        self._max_batch = max_batch
        self.dropped = 0
        """Events that were too big even so."""

    def process(self, events: Sequence[AuditEvent]) -> bool:
        kept = True
        batch: list[AuditEvent] = []
        size = 0
        for each in events:
            event = each if len(each.encoded) <= self._max_event or each.level < Level.REQUEST else truncated(each)
            if len(event.encoded) > self._max_event:
                self.dropped += 1
                log.error("audit event %s is too large even after truncating", event.fields["auditID"])
                continue
            if batch and size + len(event.encoded) > self._max_batch:
                kept = self._delegate.process(batch) and kept
                batch, size = [], 0
            batch.append(event)
            size += len(event.encoded)
        return (not batch or self._delegate.process(batch)) and kept

    def close(self) -> None:
        self._delegate.close()


def truncated(event: AuditEvent) -> AuditEvent:
    """The event without request and response, which says so."""
    fields: Object = {key: value for key, value in event.fields.items() if key not in ("requestObject", "responseObject")}
    fields["annotations"] = dict(sorted(({**fields.get("annotations", {})} | {ANNOTATION: "true"}).items()))
    return AuditEvent(event.level, fields, orjson.dumps(fields))
