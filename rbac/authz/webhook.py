"""An authorizer that asks a remote service.  Upstream: apiserver `plugin/pkg/authorizer/webhook/webhook.go`."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.names import Object
from cluster.api.protocols import HttpAnswer, HttpCaller, HttpFailure
from rbac.authz.configuration import DENY, AuthorizerConfiguration, WebhookConfiguration
from rbac.authz.match_conditions import OPERATORS, judge
from rbac.authz.observers import ERROR, SUCCESS, TIMEOUT, UNOBSERVED, AuthorizerObserver
from rbac.authz.union import NO_OPINION
from rbac.lru_cache import TimedCache
from rbac.webhook import WebhookError, ask

log = logging.getLogger(__name__)
CACHE_SIZE: Final = 8192
MAX_KEPT_CHARACTERS: Final = 10_000
"""A question whose parts that a caller chooses are longer altogether is not kept: it may be meant to fill memory."""
_GATEWAY_TIMEOUT: Final = 504
_BOTH: Final = "webhook subject access review returned both allow and deny response"


class WebhookAuthorizer:
    """Has the opinion that the service has, remembered for a while; its failure is NoOpinion or Deny as configured.

    What its match conditions exclude it has no opinion of; a condition that cannot be evaluated is a failure.
    """

    def __init__(
        self,
        authorizer: AuthorizerConfiguration,
        caller: HttpCaller,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        observer: AuthorizerObserver = UNOBSERVED,
    ) -> None:
        assert authorizer.webhook is not None
        self._configured_name = authorizer.name
        self._observer = observer
        self.name: Final = f"Webhook {authorizer.name}"
        self._settings: WebhookConfiguration = authorizer.webhook
        self._caller = caller
        self._sleep = sleep
        self._kept: TimedCache[bytes, Object] = TimedCache(CACHE_SIZE, clock)
        self._on_failure = Decision.DENY if authorizer.webhook.failure_policy == DENY else Decision.NO_OPINION

    def authorize(self, attributes: Attributes) -> Verdict:
        if self._settings.match_conditions:
            unasked = self._unasked(attributes)
            if unasked is not None:
                return unasked
        spec = review_spec(attributes)
        key = orjson.dumps(spec)
        status = self._kept.get(key)
        if status is None:
            version = f"authorization.k8s.io/{self._settings.version}"
            try:
                status = self._ask({"apiVersion": version, "kind": "SubjectAccessReview", "metadata": {}, "spec": spec})
            except WebhookError as error:
                log.error('authorizer "%s" could not be asked: %s', self.name, error)
                return Verdict(self._on_failure, "", str(error))
            lifetime = self._settings.authorized_ttl if status.get("allowed") else self._settings.unauthorized_ttl
            if _size(attributes) < MAX_KEPT_CHARACTERS:
                self._kept.put(key, status, lifetime)
        return _verdict(status)

    def _unasked(self, attributes: Attributes) -> Verdict | None:
        """The verdict on what the match conditions keep from the service."""
        began = time.perf_counter()
        judged = judge(self._settings.match_conditions, attributes)
        name = self._configured_name
        self._observer.conditions_judged(name, time.perf_counter() - began, bool(judged.error))
        if judged.excluded:
            self._observer.conditions_excluded(name)
            return NO_OPINION
        return Verdict(self._on_failure, "", judged.error) if judged.error else None

    def _ask(self, review: Object) -> Object:
        """The status; `group` and `groups` are the same list in v1beta1 and v1."""
        if self._settings.version == "v1beta1" and "groups" in review["spec"]:
            spec = dict(review["spec"])
            spec["group"] = spec.pop("groups")
            review = {**review, "spec": spec}
        calls = _Calls(self._caller, functools.partial(self._observer.called, self._configured_name))
        try:
            status = _status(ask(calls, review, self._settings.timeout, self._sleep))
        except WebhookError:
            result = calls.ended(ERROR)
            if self._on_failure is Decision.NO_OPINION:
                self._observer.failed_open(self._configured_name, result)
            raise
        calls.ended(SUCCESS)
        return status


class _Calls:
    """Calls the service, and tells what came of each call; of the last that was answered, whoever read the answer says that."""

    def __init__(self, caller: HttpCaller, told: Callable[[str, float], None]) -> None:
        """`told`: the result, and how many seconds the call took."""
        self._caller = caller
        self._told = told
        self._began = 0.0
        self._answered = False
        self._result = ERROR

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        self._began = time.perf_counter()
        try:
            answer = self._caller.call(method, path, body, headers=headers, timeout=timeout)
        except HttpFailure as failure:
            self._tell(TIMEOUT if _timed_out(failure) else ERROR)
            raise
        self._answered = 200 <= answer.status <= 206
        if not self._answered:
            self._tell(TIMEOUT if answer.status == _GATEWAY_TIMEOUT else ERROR)
        return answer

    def ended(self, result: str) -> str:
        """What came of the last call, given what its answer, if there was one, was found to be."""
        if self._answered:
            self._tell(result)
        return self._result

    def _tell(self, result: str) -> None:
        self._result = result
        self._told(result, time.perf_counter() - self._began)


def _timed_out(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, TimeoutError) or _timed_out(error.__cause__ or error.__context__))


def _status(review: Object) -> Object:
    """What the answered review says; WebhookError."""
    status = review.get("status")
    if not isinstance(status, dict):
        return {"allowed": False}
    kinds: dict[str, type] = {"allowed": bool, "denied": bool, "reason": str}
    for name, kind in kinds.items():
        if not isinstance(status.get(name, kind()), kind):
            raise WebhookError(f"status.{name} is no {'string' if kind is str else 'boolean'}")
    return {name: status[name] for name in kinds if name in status}


def _verdict(status: Object) -> Verdict:
    reason = status.get("reason", "")
    if status.get("denied"):
        return Verdict(Decision.DENY, reason, _BOTH if status.get("allowed") else "")
    if status.get("allowed"):
        return Verdict(Decision.ALLOW, reason)
    return Verdict(Decision.NO_OPINION, reason) if reason else NO_OPINION


def review_spec(attributes: Attributes) -> Object:
    """The spec of a SubjectAccessReview (v1) that asks the question."""
    user = attributes.user
    spec: Object = {}
    if attributes.is_resource:
        spec["resourceAttributes"] = _resource(attributes)
    else:
        spec["nonResourceAttributes"] = _present(path=attributes.path, verb=attributes.verb)
    extra = {key: list(values) for key, values in sorted(user.extra.items())}
    return spec | _present(user=user.name, groups=list(user.groups), extra=extra, uid=user.uid)


def _present(**fields: Any) -> Object:
    return {name: value for name, value in fields.items() if value}


def _resource(attributes: Attributes) -> Object:
    found = _present(
        namespace=attributes.namespace,
        verb=attributes.verb,
        group=attributes.api_group,
        version=attributes.api_version,
        resource=attributes.resource,
        subresource=attributes.subresource,
        name=attributes.name,
    )
    if attributes.field_selector:
        terms = attributes.field_selector
        found["fieldSelector"] = {"requirements": [{"key": key, "operator": OPERATORS[sign], "values": [to]} for key, sign, to in terms]}
    if attributes.label_selector:
        wanted = [{"key": key, "operator": operator} | _present(values=list(values)) for key, operator, values in attributes.label_selector]
        found["labelSelector"] = {"requirements": wanted}
    return found


def _size(attributes: Attributes) -> int:
    parts = (attributes.namespace, attributes.verb, attributes.api_group, attributes.api_version, attributes.resource)
    return sum(map(len, (*parts, attributes.subresource, attributes.name, attributes.path)))
