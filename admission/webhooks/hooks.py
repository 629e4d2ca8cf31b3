"""Webhooks as their configuration has them, compiled.  Upstream: apiserver `pkg/admission/plugin/webhook/accessors.go`."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from admission.webhooks.conditions import Compile, Conditions
from admission.webhooks.match import Rule
from cluster.api.names import Object
from cluster.api.selectors import LabelSelector, from_label_selector

MAX_SECONDS: Final = 30.0
"""The most that a webhook is waited for, whatever it says itself."""
_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the cluster that serves a webhook."""

    namespace: str
    name: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook is: a URL, or a service; and the CAs that vouch for it, in PEM."""

    url: str
    service: Service | None
    ca: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration."""

    uid: str
    """Unlike a name, it is the webhook's alone."""
    configuration: str
    name: str
    part: str
    """Where in its configuration it stands: `webhooks[0]`."""
    rules: tuple[Rule, ...]
    equivalent: bool
    """Whether its rules are meant for all versions of what they name."""
    ignore: bool
    """Whether a write goes on without it where it can not be called."""
    namespace_selector: LabelSelector | str
    """A text says why there is none."""
    object_selector: LabelSelector | str
    side_effects: str | None
    seconds: float
    versions: tuple[str, ...]
    """The AdmissionReviews that it understands, the one that it likes best first."""
    reinvoke: bool
    target: Target
    conditions: Conditions | None = field(default=None, compare=False)


def hooks_of(configuration: Object, compile_condition: Compile) -> tuple[Hook, ...]:
    """The webhooks of a MutatingWebhookConfiguration or a ValidatingWebhookConfiguration, in its order."""
    name = configuration["metadata"]["name"]
    counts: dict[str, int] = {}
    found = []
    for position, hook in enumerate(configuration.get("webhooks") or ()):
        own = hook["name"]
        counts[own] = counts.get(own, -1) + 1  # names are not always unique
        found.append(_hook(hook, f"{name}/{own}/{counts[own]}", name, f"webhooks[{position}]", compile_condition))
    return tuple(found)


def _hook(hook: Object, uid: str, configuration: str, part: str, compile_condition: Compile) -> Hook:
    conditions = hook.get("matchConditions") or ()
    ignore = hook.get("failurePolicy") == "Ignore"
    return Hook(
        uid=uid,
        configuration=configuration,
        name=hook["name"],
        part=part,
        rules=tuple(Rule.of(rule) for rule in hook.get("rules") or ()),
        equivalent=hook.get("matchPolicy") == "Equivalent",
        ignore=ignore,
        namespace_selector=_selector(hook.get("namespaceSelector")),
        object_selector=_selector(hook.get("objectSelector")),
        side_effects=hook.get("sideEffects"),
        seconds=min(float(hook.get("timeoutSeconds") or MAX_SECONDS), MAX_SECONDS),
        versions=tuple(hook.get("admissionReviewVersions") or ()),
        reinvoke=hook.get("reinvocationPolicy") == "IfNeeded",
        target=_target(hook.get("clientConfig") or {}),
        conditions=Conditions([(each["name"], each["expression"]) for each in conditions], ignore, compile_condition)
        if conditions
        else None,
    )


def _selector(selector: Object | None) -> LabelSelector | str:
    try:
        return from_label_selector(selector)
    except ValueError as error:
        return str(error)


def _target(client: Object) -> Target:
    service = client.get("service")
    return Target(
        client.get("url") or "",
        Service(service["namespace"], service["name"], service.get("port") or _PORT, service.get("path") or "") if service else None,
        _decoded(client.get("caBundle") or ""),
    )


def _decoded(text: str) -> bytes:
    """What is no base64 can't have been stored; it vouches for nobody."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
