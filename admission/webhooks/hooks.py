"""Webhooks as their configuration has them, compiled.  Upstream: apiserver `pkg/admission/plugin/webhook/accessors.go`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from admission.matching.rules import Rule
from admission.matching.selectors import Selector, parsed
from cluster.api.names import Object

if TYPE_CHECKING:
    from admission.expressions.conditions import Conditions

MAX_SECONDS: Final = 30.0
"""The most that a webhook is waited for, whatever it says itself."""
_PORT: Final = 443


class Service(Struct, frozen=True):
    """A service of the cluster that serves a webhook."""

    namespace: str
    name: str
    port: int
    path: str


class Target(Struct, frozen=True):
    """Where a webhook is: a URL, or a service; and the CAs that vouch for it, in PEM."""

    url: str
    service: Service | None
    ca: bytes


class Hook(Struct, frozen=True):
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
    namespace_selector: Selector
    object_selector: Selector
    side_effects: str | None
    seconds: float
    versions: tuple[str, ...]
    """The AdmissionReviews that it understands, the one that it likes best first."""
    reinvoke: bool
    target: Target
    conditions: Conditions | None = None


def hooks_of(configuration: Object) -> tuple[Hook, ...]:
    """The webhooks of a MutatingWebhookConfiguration or a ValidatingWebhookConfiguration, in its order."""
    name = configuration["metadata"]["name"]
    counts: dict[str, int] = {}
    found = []
    for position, hook in enumerate(configuration.get("webhooks") or ()):
        own = hook["name"]
        counts[own] = counts.get(own, -1) + 1  # names are not always unique
        found.append(_hook(hook, f"{name}/{own}/{counts[own]}", name, f"webhooks[{position}]"))
    return tuple(found)


def _hook(hook: Object, uid: str, configuration: str, part: str) -> Hook:
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
        namespace_selector=parsed(hook.get("namespaceSelector")),
        object_selector=parsed(hook.get("objectSelector")),
        side_effects=hook.get("sideEffects"),
        seconds=min(float(hook.get("timeoutSeconds") or MAX_SECONDS), MAX_SECONDS),
        versions=tuple(hook.get("admissionReviewVersions") or ()),
        reinvoke=hook.get("reinvocationPolicy") == "IfNeeded",
        target=_target(hook.get("clientConfig") or {}),
        conditions=_conditions(conditions, ignore) if conditions else None,
    )


def _conditions(conditions: Sequence[Object], ignore: bool) -> Conditions:
    """Expressions take a while to load, which servers without them need not wait for."""
    from admission.expressions.conditions import conditions_of_webhook

    return conditions_of_webhook(conditions, ignore)


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
