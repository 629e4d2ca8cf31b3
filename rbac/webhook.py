"""Calls to webhooks, tried again as long as trying again may help, and the answers to reviews.

Upstream: apiserver `pkg/util/webhook/webhook.go`, client-go `rest/request.go` (how an answer that is no object is told).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from typing import Final

import orjson

from cluster.api.field import quoted
from cluster.api.names import Object
from cluster.api.protocols import HttpAnswer, HttpCaller, HttpFailure

INITIAL_BACKOFF: Final = 0.5
_FACTOR: Final = 1.5
_JITTER: Final = 0.2
ATTEMPTS: Final = 5
"""How often something is sent at most."""
HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}
_LEAST_TIMEOUT: Final = 0.1
_MAX_SHOWN: Final = 2048
_SAID: Final = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    409: "the server reported a conflict",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: "the server was unable to return a response in the time allotted, but may still be processing the request",
}


class WebhookError(Exception):
    """No answer that could be used; `passing` says whether another try may get one."""

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


def pauses(first: float = INITIAL_BACKOFF) -> Iterator[float]:
    """The seconds between the attempts: each pause half as long again as the one before, and some more, so that callers spread."""
    for _ in range(ATTEMPTS - 1):
        yield first * (1 + random.random() * _JITTER)  # noqa: S311 - spreads retries, hides nothing
        first *= _FACTOR


def ask(
    caller: HttpCaller,
    review: Object,
    timeout: float,
    sleep: Callable[[float], object] = time.sleep,
    *,
    within: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
    backoff: float = INITIAL_BACKOFF,
) -> Object:
    """What the webhook answers to a review, an object of the same apiVersion and kind, unless it leaves them out; WebhookError.

    An attempt takes `timeout` seconds at most, all of them together about `within`; `backoff` is the first pause between two.
    """
    body, end = orjson.dumps(review), clock() + within
    waits = pauses(backoff)
    while True:
        try:
            return _answer(_call(caller, body, max(_LEAST_TIMEOUT, min(timeout, end - clock()))), review)
        except WebhookError as error:
            pause = next(waits, None)
            if not error.passing or pause is None or clock() + pause > end:
                raise
        sleep(pause)


def _call(caller: HttpCaller, body: bytes, timeout: float) -> HttpAnswer:
    try:
        return caller.call("POST", "", body, headers=HEADERS, timeout=timeout)
    except HttpFailure as error:
        raise WebhookError(str(error), passing=_was_reset(error)) from error


def _was_reset(error: BaseException) -> bool:
    """Whether the other side closed the connection under the request."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionResetError) or any(isinstance(each, ConnectionResetError) for each in cause.args):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _answer(answer: HttpAnswer, review: Object) -> Object:
    if not 200 <= answer.status <= 206:
        raise refusal(answer)
    if not answer.body:
        kind = answer.headers.get("content-type", "")
        raise WebhookError(f"0-length response with status code: {answer.status} and content type: {kind}")
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise WebhookError(f"couldn't get version/kind; json parse error: {error}") from None
    same = isinstance(found, dict) and all(found.get(name) in (None, "", review[name]) for name in ("apiVersion", "kind"))
    if not same:  # what an answer does not say of itself is taken to be what was asked for
        given = f"{found.get('apiVersion')} {found.get('kind')}" if isinstance(found, dict) else type(found).__name__
        raise WebhookError(f"expected {review['apiVersion']} {review['kind']}, got {given}")
    return dict(found)


def refusal(answer: HttpAnswer) -> WebhookError:
    """An answer that is an error: by its Status, if it is one, or in client-go's words."""
    code, message, reason, retry_after = answer.status, "", "", answer.headers.get("retry-after", "").isdigit()
    try:
        status = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status" and isinstance(status.get("message"), str):
        message, reason = status["message"], str(status.get("reason") or "")
        details = status.get("details")
        retry_after = retry_after or bool(isinstance(details, dict) and details.get("retryAfterSeconds"))
    if not message:
        text = answer.body[:_MAX_SHOWN].decode("utf-8", "replace").strip()
        said = text if answer.headers.get("content-type", "").startswith("text/") else "unknown"
        if code in (403, 406, 415):
            message = said
        elif code in _SAID:
            message = _SAID[code]
        elif code >= 500:
            message = f"an error on the server ({quoted(said)}) has prevented the request from succeeding"
        else:
            message = f"the server responded with the status code {code} but did not return more information"
    passing = (
        retry_after or code in (429, 504) or (code >= 500 and code != 503) or reason in ("InternalError", "Timeout", "TooManyRequests")
    )
    return WebhookError(message, passing=passing)
