"""The webhook backend: events are posted as an EventList, again and again for a while where that fails.

Upstream: apiserver `plugin/pkg/audit/webhook`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Final

from cluster.api.protocols import HttpCaller, HttpFailure
from rbac.audit.model import API_VERSION, AuditEvent
from rbac.webhook import HEADERS, pauses

log = logging.getLogger(__name__)
_TIMEOUT: Final = 30.0
_LAST_TIMEOUT: Final = 0.8
"""Seconds for an attempt once the server ends."""


class Webhook:
    """Sends events before it returns; `strict` says that those it could not send are told to the request."""

    def __init__(self, caller: HttpCaller, initial_backoff: float, *, strict: bool = True) -> None:
        self._caller = caller
        self._backoff = initial_backoff
        self._strict = strict
        self._closing = threading.Event()
        self.failures = 0
        """Events that were given up."""

    def process(self, events: Sequence[AuditEvent]) -> bool:
        failure = self._deliver(b'{"kind":"EventList","apiVersion":"%b","metadata":{},"items":[%b]}' % (_VERSION, _joined(events)))
        if not failure:
            return True
        self.failures += len(events)
        log.error("%d audit events were not sent to the webhook: %s", len(events), failure)
        return not self._strict

    def close(self) -> None:
        """What is being sent is tried once more at most."""
        self._closing.set()

    def _deliver(self, body: bytes) -> str:
        """What went wrong, empty for nothing."""
        failure = self._attempt(body)
        for attempt, pause in enumerate(pauses(self._backoff)):
            if not failure or (self._closing.wait(pause) and attempt):
                break
            failure = self._attempt(body)
        return failure

    def _attempt(self, body: bytes) -> str:
        timeout = _LAST_TIMEOUT if self._closing.is_set() else _TIMEOUT
        try:
            answer = self._caller.call("POST", body=body, headers=HEADERS, timeout=timeout)
        except HttpFailure as error:
            return str(error) or type(error).__name__
        return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"


_VERSION: Final = API_VERSION.encode()


def _joined(events: Sequence[AuditEvent]) -> bytes:
    return b",".join([each.encoded for each in events])
