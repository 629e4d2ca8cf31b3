"""The audit filters: a record for each request that the policy wants, filled while the request is served, told at its stages.

Upstream: apiserver `pkg/endpoints/filters/audit.go`, `authn_audit.go`, `request_deadline.go` (withFailedRequestAudit).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from cluster.api.durations import format_duration
from cluster.api.errors import NotAcceptable, NotFound, ServiceUnavailable, StatusError, Timeout
from cluster.server.context import NOBODY, Context, Filter, Handler
from cluster.server.deadline import Timer
from cluster.server.filters import internal_error, is_long_running, question_of
from cluster.server.response import Response
from cluster.storage.contract import FutureRevision, StoreUnavailable
from rbac.audit.model import PANIC, REQUEST_RECEIVED, RESPONSE_COMPLETE, RESPONSE_STARTED, Level, Sink
from rbac.audit.policy import Policy
from rbac.audit.record import Record, source_ips

_SLOW: Final = 500_000_000
"""Nanoseconds from which on a request's own time is told."""


class Auditor:
    """What is recorded of requests, and where it goes."""

    def __init__(self, policy: Policy, sink: Sink) -> None:
        self._policy = policy
        self._sink = sink

    def begin(self, context: Context) -> Record | None:
        """The record of a request; None for one that the policy leaves out."""
        asked = question_of(context)
        config = self._policy.evaluate(asked)
        if config.level is Level.NONE:
            return None
        header = context.header
        addresses = source_ips(header("HTTP_X_FORWARDED_FOR"), header("HTTP_X_REAL_IP"), header("REMOTE_ADDR"))
        record = Record(
            config,
            self._sink,
            context.audit_id,
            request_uri(context),
            asked,
            addresses,
            header("HTTP_USER_AGENT"),
            context.received or time.time_ns(),
            context.annotations,
        )
        context.audit = record
        return record

    def close(self) -> None:
        self._sink.close()


def request_uri(context: Context) -> str:
    """Path and query as they were sent, without a token that someone put there."""
    uri = str(context.environ.get("RAW_URI") or context.path)
    if not uri.startswith("/"):
        uri = "/" + uri.partition("://")[2].partition("/")[2]
    if "access_token=" not in uri:
        return uri
    path, _, query = uri.partition("?")
    return path + "?" + "&".join("access_token=REDACTED" if each.startswith("access_token=") else each for each in query.split("&"))


def with_failure_audit(auditor: Auditor) -> Filter:
    """Records what fails before anyone is known: a bad timeout, bad credentials.  It has one stage, ResponseStarted."""

    def watch_failures(context: Context, following: Handler) -> Response:
        try:
            return following(context)
        except StatusError as error:
            if context.requester is NOBODY:
                record = auditor.begin(context)
                if record is not None:
                    record.failed(error.status())
                    record.process(RESPONSE_STARTED)
            raise

    return watch_failures


def with_audit(auditor: Auditor) -> Filter:
    """Records every other request, from what is known of it once its user is."""

    def audit(context: Context, following: Handler) -> Response:
        record = auditor.begin(context)
        if record is None:
            return following(context)
        if not record.process(REQUEST_RECEIVED):
            return internal_error(context, "failed to store audit event")
        try:
            response = following(context)
        except BaseException as error:
            _end(context, record, error)
            raise
        record.answered(response.status_code)
        if not is_long_running(context.info):
            _complete(context, record)
            return response
        record.process(RESPONSE_STARTED)
        response.response = _Stream(response.response, lambda: _complete(context, record))
        return response

    return audit


class _Stream:
    """A stream's body as it is, or a short answer in its place, and what is to be done once it has ended, whoever ended it."""

    def __init__(self, body: Any, done: Callable[[], None]) -> None:
        self._body = body
        self._done = done

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """The WSGI server calls it at the end."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            done, self._done = self._done, lambda: None
            done()


def _end(context: Context, record: Record, error: BaseException) -> None:
    """The events of a request that raised."""
    if isinstance(error, StoreUnavailable | FutureRevision):
        error = ServiceUnavailable(str(error))
    elif isinstance(error, Timer):
        error = Timeout.of("request did not complete within the allotted timeout")
    if not isinstance(error, StatusError):
        record.panicked(error)
        record.process(PANIC)
        return
    if isinstance(error, NotAcceptable) or (isinstance(error, NotFound) and not context.info.is_resource):
        record.answered(error.code)  # upstream answers these outside of what records
    else:
        record.failed(error.status())
    if is_long_running(context.info):
        record.process(RESPONSE_STARTED)
    _complete(context, record)


def _complete(context: Context, record: Record) -> None:
    taken = time.time_ns() - record.received
    if taken > _SLOW and not is_long_running(context.info):
        context.annotations.setdefault("apiserver.latency.k8s.io/total", format_duration(taken / 1e9))
        if context.impersonates:
            context.annotations.setdefault("apiserver.latency.k8s.io/impersonation", format_duration(context.impersonation_time / 1e9))
    record.process(RESPONSE_COMPLETE)
