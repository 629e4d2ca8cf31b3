"""The call of a webhook: sent over, waited for within its time, and understood; or why it came to nothing.

Upstream: apiserver `pkg/admission/plugin/webhook/{mutating,validating}/dispatcher.go` (callHook), `pkg/util/webhook/{client,error}.go`,
`pkg/admission/plugin/webhook/errors/statuserror.go`; client-go `rest/with_retry.go` (a webhook that asks to be called later).
"""

from __future__ import annotations

import math
import posixpath
import time
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

from admission.attributes import Attributes
from admission.requests import request_of
from admission.versions import Pair
from admission.webhooks import review
from admission.webhooks.hooks import MAX_SECONDS, Target
from admission.webhooks.index import Candidate
from admission.webhooks.services import resolve
from cluster.api.errors import BadRequest, StatusError
from cluster.api.field import quoted
from cluster.api.meta import new_uid
from cluster.api.names import Object
from cluster.api.protocols import HttpAnswer, HttpCaller, HttpFailure, Reader, WebhookCallers
from rbac.lru_cache import LruCache
from rbac.webhook import refusal

_CALLERS: Final = 200
_RETRIES: Final = 10
_HEADERS: Final = {
    "User-Agent": "kube-apiserver-admission",
    "Accept": "application/json, */*",
    "Content-Type": "application/json",
}
_QUIET: Final = ("None", "NoneOnDryRun")
"""The side effects with which a webhook may be asked about what is not going to happen."""
_TIMED_OUT: Final = "context deadline exceeded"
_UNAVAILABLE: Final = 503


class CallFailed(Exception):
    """The webhook said nothing: whether the write goes on is for its failure policy to say.  `code` is the failure's, for counting."""

    def __init__(self, name: str, why: str, code: int) -> None:
        super().__init__(f"failed calling webhook {quoted(name)}: {why}")
        self.code = code


class Calls:
    """Calls webhooks, whose connections are kept."""

    def __init__(
        self,
        reader: Reader,
        callers: WebhookCallers,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._reader = reader
        self._callers = callers
        self._clock = clock
        self._sleep = sleep
        self._known: LruCache[Target, HttpCaller] = LruCache(_CALLERS)

    def ask(self, candidate: Candidate, attributes: Attributes, pair: Pair, *, mutating: bool) -> review.Answer:
        """What the webhook says of a write; CallFailed, or BadRequest for a dry run that it does not support."""
        hook = candidate.hook
        if attributes.dry_run:
            _check_dry_run(hook.name, hook.side_effects)
        version = review.version_of(candidate)
        if version is None:
            why = "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
            raise CallFailed(hook.name, why, 400)
        uid = new_uid()
        body = review.review_of(version, uid, request_of(attributes, candidate.target), pair)
        try:
            caller = self._caller(hook.target)
        except (ValueError, OSError) as error:
            raise CallFailed(hook.name, f"could not get REST client: {error}", 500) from None
        end = min(self._clock() + hook.seconds, attributes.deadline)
        answer = self._send(hook.name, caller, hook.target, body, end)
        try:
            return review.read(answer.body, version, uid, mutating=mutating)
        except review.BadDocument as error:
            raise CallFailed(hook.name, f"failed to call webhook: {error}", _UNAVAILABLE) from None
        except review.BadAnswer as error:
            raise CallFailed(hook.name, f"received invalid webhook response: {error}", _UNAVAILABLE) from None

    def _caller(self, target: Target) -> HttpCaller:
        found = self._known.get(target)
        if found is None:
            service = target.service
            where = partial(resolve, self._reader, service.namespace, service.name, service.port) if service else None
            found = self._callers.of(base_of(target), target.ca, where)
            self._known.put(target, found)
        return found

    def _send(self, name: str, caller: HttpCaller, target: Target, body: bytes, end: float) -> HttpAnswer:
        """An answer that is good; a webhook that says when it would rather be called is called then."""
        for attempt in range(_RETRIES + 1):
            left = end - self._clock()
            path = path_of(target) + (f"?timeout={min(math.ceil(left), int(MAX_SECONDS))}s" if left > 0 else "")
            try:
                if left <= 0:
                    raise HttpFailure(_TIMED_OUT)
                answer = caller.call("POST", path, body, headers=_HEADERS, timeout=left)
            except HttpFailure as error:
                why = f"failed to call webhook: Post {quoted(base_of(target) + path)}: {error.why}"
                raise CallFailed(name, why, _UNAVAILABLE) from None
            pause = _asks_to_wait(answer)
            if pause is None or attempt == _RETRIES:
                break
            self._sleep(min(pause, max(0.0, end - self._clock())))
        if not 200 <= answer.status <= 206:
            raise CallFailed(name, f"failed to call webhook: {refusal(answer)}", answer.status)
        if not answer.body:
            kind = answer.headers.get("content-type", "")
            why = f"0-length response with status code: {answer.status} and content type: {kind}"
            raise CallFailed(name, f"failed to call webhook: {why}", _UNAVAILABLE)
        return answer


def _check_dry_run(name: str, side_effects: str | None) -> None:
    if side_effects is None:
        raise CallFailed(name, "Webhook SideEffects is nil", 400)
    if side_effects not in _QUIET:
        raise BadRequest(f"admission webhook {quoted(name)} does not support dry run")


def _asks_to_wait(answer: HttpAnswer) -> int | None:
    """The seconds after which to call again; None for an answer that is one."""
    if answer.status != 429 and answer.status < 500:
        return None
    text = answer.headers.get("retry-after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def base_of(target: Target) -> str:
    """Scheme, host and port, as they are in the configuration."""
    if target.service is not None:
        return f"https://{target.service.name}.{target.service.namespace}.svc:{target.service.port}"
    if not target.url:
        raise ValueError("webhook configuration must have either service or URL")
    parts = urlsplit(target.url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(target: Target) -> str:
    """As it is called, without a query."""
    given = target.service.path if target.service is not None else urlsplit(target.url).path
    return quote(posixpath.normpath(f"/{given.lstrip('/')}"), safe="/%:@!$&'()*+,;=~")


def denial(name: str, status: Object | None) -> StatusError:
    """What a client is told whose write a webhook denies: the webhook's own status, as far as that is one of failure."""
    given = status or {}
    code = given.get("code") or 0
    reason = given.get("reason") or ""
    said = given.get("message") or reason
    told = f"admission webhook {quoted(name)} denied the request"
    return StatusError(
        f"{told}: {said}" if said else f"{told} without explanation",
        code=400 if code < 400 else code if code < 1000 else 500,
        reason=reason,
        details=given.get("details"),
    )
