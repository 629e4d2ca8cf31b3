"""Webhooks as a suite has them answer: nothing is called, unless the suite says that a webhook is live.

A stub answers as a service would, with an AdmissionReview, so that all that comes of an answer comes of it here.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Mapping
from typing import Any, Final

import orjson

from admission.webhooks.call import base_of, path_of
from admission.webhooks.hooks import hooks_of
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import HttpAnswer, HttpCaller, HttpFailure, Reader, Resolve
from cluster.client.callers import Callers
from policies.lab.suite import Answer

_GROUP: Final = "admissionregistration.k8s.io"
CONFIGURATIONS: Final = tuple(GroupResource(_GROUP, f"{sort}webhookconfigurations") for sort in ("mutating", "validating"))


class Webhooks(Callers):
    """The callers of a chain whose webhooks are stubs; whatever else the configuration names is called indeed."""

    def __init__(self) -> None:
        self.answers: Mapping[str, Answer] = {}
        """What webhooks say, by name; set for each case."""
        self.unanswered: list[str] = []
        """Webhooks that were called though there is no answer of theirs, and why."""
        self._names: dict[str, set[str]] = {}
        self._configurations: dict[tuple[GroupResource, str], Object] = {}
        self._stale = False

    def follow(self, reader: Reader) -> None:
        """Knows from then on which webhook is where."""
        for resource in CONFIGURATIONS:
            reader.subscribe(resource, functools.partial(self._changed, resource))

    def _changed(self, resource: GroupResource, old: Object | None, new: Object | None) -> None:
        known = new or old
        assert known is not None, "a change has an object before or after it"
        key = resource, known["metadata"]["name"]
        if new is None:
            self._configurations.pop(key, None)
        else:
            self._configurations[key] = new
        self._stale = True

    def for_webhooks(self, kubeconfig: str = "") -> Stubs:
        """See cluster.api.protocols.HttpCallers."""
        return Stubs(self, kubeconfig)

    def answer(self, address: str) -> tuple[str, Answer]:
        """(the webhook at an address, what it says); HttpFailure where nobody knows."""
        names = self._at(address)
        given = {name: self.answers.get(name) for name in names}
        known = {name: answer for name, answer in given.items() if answer is not None}
        missing = sorted(given.keys() - known.keys())
        if missing or not known:
            why = f'webhook "{(missing or [address])[0]}" was called, and the suite has no answer of it: give it one in "webhooks"'
        elif any(answer != next(iter(known.values())) for answer in known.values()):
            why = f"webhooks {', '.join(sorted(known))} are called at the same address: give them one answer"
        else:
            return next(iter(known.items()))
        self.unanswered.append(why)
        raise HttpFailure(why)

    def _at(self, address: str) -> set[str]:
        if self._stale:
            self._names = {}
            for configuration in self._configurations.values():
                for hook in hooks_of(configuration):
                    self._names.setdefault(base_of(hook.target) + path_of(hook.target), set()).add(hook.name)
            self._stale = False
        return self._names.get(address, set())


class Stubs:
    """Implements cluster.api.protocols.WebhookCallers."""

    def __init__(self, webhooks: Webhooks, kubeconfig: str) -> None:
        self._webhooks = webhooks
        self._kubeconfig = kubeconfig

    def of(self, url: str, ca_pem: bytes, resolve: Resolve | None = None) -> Stub:
        """See cluster.api.protocols.WebhookCallers."""
        return Stub(self._webhooks, url, functools.partial(self._real, url, ca_pem, resolve))

    def _real(self, url: str, ca_pem: bytes, resolve: Resolve | None) -> HttpCaller:
        return Callers().for_webhooks(self._kubeconfig).of(url, ca_pem, resolve)


class Stub:
    """Implements cluster.api.protocols.HttpCaller."""

    def __init__(self, webhooks: Webhooks, url: str, real: functools.partial[HttpCaller]) -> None:
        self._webhooks = webhooks
        self._url = url
        self._real = real

    @functools.cached_property
    def _caller(self) -> HttpCaller:
        return self._real()

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        """See cluster.api.protocols.HttpCaller."""
        _, answer = self._webhooks.answer(self._url + path.partition("?")[0])
        if answer.live:
            return self._caller.call(method, path, body, headers=headers, timeout=timeout)
        if answer.fails:
            raise HttpFailure(answer.fails)
        return HttpAnswer(200, {"content-type": "application/json"}, orjson.dumps(_review(answer, orjson.loads(body or b"{}"))))


def _review(answer: Answer, asked: Any) -> Object:
    response: Object = {"uid": asked["request"]["uid"], "allowed": answer.allowed}
    if answer.status is not None:
        response["status"] = answer.status
    if answer.patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(orjson.dumps(answer.patch)).decode()}
    if answer.warnings:
        response["warnings"] = list(answer.warnings)
    if answer.annotations:
        response["auditAnnotations"] = dict(answer.annotations)
    return {"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": response}
