"""Webhooks in memory: configurations, and services that answer reviews as a test says, behind the protocols that plugins are given."""

from __future__ import annotations

import base64
import functools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from admission.attributes import Attributes
from admission.counting import Uncounted
from admission.objects import Objects
from admission.observer import Judgement
from admission.webhooks import mutating, validating
from admission.webhooks.call import Calls
from admission.webhooks.hooked import Hooked
from admission.webhooks.mutating import MutatingAdmissionWebhook
from admission.webhooks.validating import ValidatingAdmissionWebhook
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Decision, Verdict
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import HttpAnswer, Resolve
from cluster.kinds.catalog import catalog
from cluster.schema.model import SchemaSet
from tests.unit.rbac.world import World

NAMESPACES = GroupResource("", "namespaces")
Serve = Callable[[Object], Any]
"""From an AdmissionReview's request to the response without uid, to a whole HttpAnswer, or to what is raised."""


@functools.cache
def objects() -> Objects:
    schemas = SchemaSet.for_version()
    return Objects(catalog("1.36", schemas.gvks()), schemas)


def rule(operations: str = "*", resources: str = "*", group: str = "*", version: str = "*", scope: str = "*") -> Object:
    """`rule("CREATE UPDATE", "pods pods/status", "", "v1")`"""
    lists = {"apiGroups": [group], "apiVersions": [version]}
    return {"operations": operations.split(), "resources": resources.split(), "scope": scope, **lists}


def hook(name: str, *rules: Object, **more: Any) -> Object:
    """A webhook as it is stored, with its defaults; it is at `https://<name>/`."""
    return {
        "name": name,
        "clientConfig": {"url": f"https://{name}/"},
        "rules": list(rules) or [rule()],
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
        **more,
    }


def configuration(name: str, *hooks: Object) -> Object:
    return {"metadata": {"name": name}, "webhooks": list(hooks)}


def allow(**more: Any) -> Object:
    return {"allowed": True, **more}


def deny(**status: Any) -> Object:
    return {"allowed": False, "status": status}


def patch(*operations: Object) -> Object:
    """`patch({"op": "add", "path": "/data/x", "value": "y"})`"""
    return {"allowed": True, "patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(operations).encode()).decode()}


def add(path: str, value: Any) -> Object:
    return patch({"op": "add", "path": path, "value": value})


@dataclass
class Service:
    """One webhook's service: implements HttpCaller."""

    host: str
    world: HookWorld

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        assert (method, body is not None) == ("POST", True)
        review = json.loads(body or b"")
        self.world.asked.append((self.host, review))
        self.world.calls.append((path, dict(headers or {}), timeout))
        answer = self.world.serve[self.host](review["request"])
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, HttpAnswer):
            return answer
        whole = {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": {"uid": review["request"]["uid"], **answer}}
        return HttpAnswer(200, {"content-type": "application/json"}, json.dumps(whole).encode())


@dataclass
class Counted(Uncounted):
    """What was counted, without times."""

    lines: list[tuple[Any, ...]] = field(default_factory=list)

    def webhook_called(self, name: str, kind: str, operation: str, seconds: float, rejected: bool, code: int) -> None:
        assert seconds >= 0
        self.lines.append(("called", name, kind, operation, rejected, code))

    def webhook_rejected(self, name: str, kind: str, operation: str, error: str, code: int) -> None:
        self.lines.append(("rejected", name, kind, operation, error, code))

    def webhook_failed_open(self, name: str, kind: str) -> None:
        self.lines.append(("open", name, kind))

    def conditions_judged(self, of: str, name: str, kind: str, operation: str, seconds: float, errors: int) -> None:
        self.lines.append(("judged", of, name, kind, operation, errors))

    def conditions_excluded(self, name: str, kind: str, operation: str) -> None:
        self.lines.append(("excluded", name, kind, operation))


@dataclass
class Watching:
    """Implements Observer."""

    thorough: bool = True
    judgements: list[Judgement] = field(default_factory=list)

    def entered(self, phase: str, plugin: str, attributes: Attributes) -> None: ...

    def left(self, phase: str, plugin: str, attributes: Attributes, error: Any) -> None: ...

    def judged(self, judgement: Judgement) -> None:
        self.judgements.append(judgement)


class HookWorld:
    """A cluster with webhooks; `serve` says what each host answers."""

    def __init__(self, **serve: Serve) -> None:
        self.world = World()
        self.serve: dict[str, Serve] = {name.replace("_", "."): answer for name, answer in serve.items()}
        self.asked: list[tuple[str, Object]] = []
        """(host, AdmissionReview), in order."""
        self.calls: list[tuple[str, dict[str, str], float]] = []
        """(path, headers, timeout)"""
        self.made: list[tuple[str, bytes]] = []
        """(URL, CA) of the callers that were asked for."""
        self.counted = Counted()
        self.slept: list[float] = []
        self.now = 0.0
        self.bad_target: Exception | None = None
        self.rights: set[str] = set()
        """What users may do: `tina get /healthz`, `tina update pods dev/web`."""
        self.questions: list[str] = []

    def of(self, url: str, ca_pem: bytes, resolve: Resolve | None = None) -> Service:
        if self.bad_target is not None:
            raise self.bad_target
        self.made.append((url, ca_pem))
        return Service(urlsplit(url).hostname or "", self)

    def authorize(self, attributes: Question) -> Verdict:
        resource = f"{GroupResource(attributes.api_group, attributes.resource)}/{attributes.subresource}".removesuffix("/")
        where = f"{resource} {attributes.namespace}/{attributes.name}" if attributes.is_resource else attributes.path
        question = f"{attributes.user.name} {attributes.verb} {where}"
        self.questions.append(question)
        return Verdict(Decision.ALLOW if question in self.rights else Decision.NO_OPINION)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def namespace(self, name: str, **labels: str) -> None:
        self.world.put(NAMESPACES, {"metadata": {"name": name, "labels": labels}})

    def hooked(self, kind: Any) -> Hooked:
        calls = Calls(self.world, self, self.clock, self._sleep)
        return Hooked(kind, self.world, objects(), calls, self, self.counted, self.clock)

    def mutating(self, *configurations: Object) -> MutatingAdmissionWebhook:
        for each in configurations:
            self.world.put(mutating.KIND.resource, each)
        return MutatingAdmissionWebhook(self.hooked(mutating.KIND))

    def validating(self, *configurations: Object) -> ValidatingAdmissionWebhook:
        for each in configurations:
            self.world.put(validating.KIND.resource, each)
        return ValidatingAdmissionWebhook(self.hooked(validating.KIND))

    def hosts(self) -> list[str]:
        """Who was asked, in order."""
        return [host for host, _ in self.asked]


NEVER = math.inf
