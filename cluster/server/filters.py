"""The filters that every request passes before it is dispatched, each a function of the request and what follows.

Upstream: apiserver `pkg/server/config.go` (DefaultBuildHandlerChain), `pkg/endpoints/filters`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Final

from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import BadRequest, InternalError, ServiceUnavailable, StatusError, Timeout
from cluster.api.field import quoted
from cluster.api.meta import new_uid
from cluster.api.requestinfo import ASKED_OF_QUERY, RequestInfo, UnknownPath, parse, parse_path
from cluster.server.context import Context, Filter, Handler
from cluster.server.deadline import REQUEST_TIMEOUT, WRITE_TIMEOUT, StartTimer, Timer, parse_timeout, stop_reading
from cluster.server.response import Response
from cluster.server.responses import add_warnings, error_response, text_response
from cluster.storage.contract import FutureRevision, StoreUnavailable
from rbac.audit.model import ALLOW, DECISION, FORBID, INTERNAL_ERROR, REASON
from rbac.authz.messages import escaped, forbidden
from rbac.authz.selectors import queried_fields, queried_labels
from rbac.impersonation import Checked, Impersonator
from rbac.impersonation import parse as parse_impersonation

log = logging.getLogger(__name__)
_SAFE_ID: Final = re.compile(r"[\w.-]{1,64}", re.ASCII)
_LONG_RUNNING: Final = frozenset({"watch", "proxy"})
_STREAMS: Final = frozenset({"attach", "exec", "proxy", "log", "portforward"})
_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_EXPIRED: Final = "request did not complete within the allotted timeout"
_WRITE_EXPIRED: Final = "request did not complete within requested timeout - context deadline exceeded"
_IMPERSONATE: Final = "IMPERSONATE-"


def with_recovery(context: Context, following: Handler) -> Response:
    """Every failure becomes a Status: what was raised on purpose as it is, anything else as a 500 without its trace."""
    try:
        response = following(context)
    except StatusError as error:
        response = error_response(context, error)
    except StoreUnavailable as error:
        response = error_response(context, ServiceUnavailable(str(error)))
    except FutureRevision as error:
        response = error_response(context, ServiceUnavailable(str(error)))
    except Exception:
        log.exception("request %s: %s %s failed", context.audit_id, context.method, quoted(context.path))
        response = error_response(context, InternalError.of("the request could not be handled; the server's log says why"))
    return response


def with_headers(context: Context, following: Handler) -> Response:
    """The client's Audit-ID where it is a decent one, else a new one; and what the headers of all answers say.

    Around all others, and left out where no answer is sent.
    """
    context.received = time.time_ns()
    given = context.header("HTTP_AUDIT_ID")
    context.audit_id = given if _SAFE_ID.fullmatch(given) else new_uid()
    response = following(context)
    if context.warnings:
        add_warnings(response, context.warnings)
    response.headers["Audit-Id"] = context.audit_id
    if not response.headers.getlist("Cache-Control"):
        response.headers.add("Cache-Control", "no-cache, private")
    if context.abandoned:
        stop_reading(context)
    return response


def with_request_info(context: Context, following: Handler) -> Response:
    method, path, query = context.method, context.path, context.query
    try:
        context.info = parse_path(method, path) if ASKED_OF_QUERY.isdisjoint(query) else parse(method, path, query.get)
    except UnknownPath as error:
        raise BadRequest(str(error)) from None
    return following(context)


def with_deadline(start: StartTimer | None) -> Filter:
    """Answers 504 once the time is over that the client gives with `?timeout=`, a minute at most (less for writes).

    What waits is left where it stands: whether a write that was under way is done is then unknown, as the store says too.
    Watches and streams have no such end; they have their own.  Where nothing starts a timer, who waits sees the deadline alone.
    """

    def end_in_time(context: Context, following: Handler) -> Response:
        info = context.info
        if is_long_running(info):
            return following(context)
        limit, why = (WRITE_TIMEOUT, _WRITE_EXPIRED) if info.verb in _WRITES else (REQUEST_TIMEOUT, _EXPIRED)
        if "timeout" in context.query:
            asked = parse_timeout(context.query.get("timeout") or "")
            if 0 < asked < limit:
                limit, why = asked, _EXPIRED
        context.deadline = time.monotonic() + limit
        if start is None:
            return following(context)
        timer = start(limit)
        try:
            return following(context)
        except Timer as expired:
            if expired is not timer:
                raise
            context.abandoned = True
            raise Timeout.of(why) from None
        finally:
            timer.close()

    return end_in_time


def is_long_running(info: RequestInfo) -> bool:
    """Whether the answer is a stream that ends when its client or its server wants."""
    return info.verb in _LONG_RUNNING or info.subresource in _STREAMS


def with_impersonation(authorizer: Authorizer, checked: Checked) -> Filter:
    """`Impersonate-User`, `-Group`, `-Uid` and `-Extra-*`, as far as the caller may act as another."""
    impersonator = Impersonator(authorizer, checked)

    def act_as(context: Context, following: Handler) -> Response:
        if context.has_header(_IMPERSONATE):
            headers = context.headers().items()
            asked = parse_impersonation((name, value) for name, values in headers for value in values)
            if asked is not None:
                context.impersonates, began = True, time.monotonic_ns()
                try:
                    context.user, context.constraint = impersonator.impersonate(asked, question_of(context))
                finally:
                    context.impersonation_time = time.monotonic_ns() - began
                if context.audit is not None:
                    context.audit.impersonated, context.audit.constraint = context.user, context.constraint
        return following(context)

    return act_as


def with_newest_rights(settle: Callable[[], None]) -> Filter:
    """Who is asked from here on knows every write that was acknowledged before: what was taken away counts no more, in any worker.

    Paths that are no resources, such as health, are answered by what is known even while there is no store.
    """

    def catch_up(context: Context, following: Handler) -> Response:
        if context.info.is_resource:
            settle()
        return following(context)

    return catch_up


def with_authorization(authorizer: Authorizer) -> Filter:
    """May they; 403 in upstream's words."""

    def authorize(context: Context, following: Handler) -> Response:
        question = question_of(context)
        verdict = context.verdict = authorizer.authorize(question)
        annotations = context.annotations
        if verdict.allowed:
            annotations[DECISION] = ALLOW
            annotations[REASON] = verdict.reason
            return following(context)
        if verdict.error:  # nobody can tell whether it is forbidden
            annotations[REASON] = INTERNAL_ERROR
            return unjudged(context, verdict.error)
        annotations[DECISION] = FORBID
        annotations[REASON] = verdict.reason
        raise forbidden(question, verdict.reason)

    return authorize


def unjudged(context: Context, error: str) -> Response:
    """An authorizer could not answer."""
    log.error("request %s: authorization failed: %s", context.audit_id, error)
    return internal_error(context, error)


def internal_error(context: Context, error: str) -> Response:
    """A failure of the filters themselves.  Upstream: apiserver `pkg/endpoints/handlers/responsewriters/errors.go` (InternalError)."""
    target = context.environ.get("RAW_URI") or context.path
    return text_response(escaped(f"Internal Server Error: {quoted(target)}: {error}") + "\n", 500)


def question_of(context: Context) -> Attributes:
    """What the authorizers are asked of a request, made once as long as its user is the same."""
    known = context.question
    if known is None or known.user is not context.user:
        known = context.question = _question(context)
    return known


def _question(context: Context) -> Attributes:
    info = context.info
    if not info.is_resource:
        return Attributes(context.user, info.verb, is_resource=False, path=info.path)
    return Attributes(
        context.user,
        info.verb,
        info.namespace,
        info.group,
        info.version,
        info.resource,
        info.subresource,
        info.name,
        field_selector=queried_fields(info.field_selector) if info.field_selector else (),
        label_selector=queried_labels(info.label_selector) if info.label_selector else (),
    )
