"""Which authorizers are asked, in which order, and what the flags say of it.

Upstream: `pkg/kubeapiserver/options/authorization.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cluster.api import field
from rbac.authz.union import aggregated

if TYPE_CHECKING:  # most configurations have no expressions
    from rbac.expressions import Expression

WEBHOOK: Final = "Webhook"
NODE: Final = "Node"
RBAC: Final = "RBAC"
ALWAYS_ALLOW: Final = "AlwaysAllow"
ALWAYS_DENY: Final = "AlwaysDeny"
TYPES: Final = (ALWAYS_ALLOW, ALWAYS_DENY, NODE, RBAC, WEBHOOK)
"""Sorted, as messages list them."""
REVIEW_VERSIONS: Final = ("v1", "v1beta1")
NO_OPINION: Final = "NoOpinion"
DENY: Final = "Deny"
NO_ABAC: Final = "ABAC is not supported: use RBAC"
MAX_TIMEOUT: Final = 30.0
_DEFAULT_NAME: Final = "default"
"""Of the webhook that flags name."""


class BadConfiguration(ValueError):
    """What is wrong with a configuration; nothing of it is used."""


class WebhookConfiguration(Struct, frozen=True):
    """How a webhook is asked; times in seconds, a lifetime of 0 for answers that are not kept."""

    kubeconfig: str
    version: str = "v1"
    authorized_ttl: float = 300.0
    unauthorized_ttl: float = 30.0
    timeout: float = MAX_TIMEOUT
    failure_policy: str = NO_OPINION
    match_conditions: tuple[Expression, ...] = ()
    """All must hold for the webhook to be asked."""


class AuthorizerConfiguration(Struct, frozen=True):
    """One of the authorizers; only a Webhook has a `webhook`."""

    type: str
    name: str
    webhook: WebhookConfiguration | None = None


Configuration = tuple[AuthorizerConfiguration, ...]


def of_modes(modes: Sequence[str], webhook: WebhookConfiguration) -> Configuration:
    """What `--authorization-mode` and the webhook's flags say; BadConfiguration."""
    problems = [] if modes else ["at least one authorization-mode must be passed"]
    for mode in modes:
        if mode == "ABAC":
            problems.append(NO_ABAC)
        elif mode not in TYPES:
            problems.append(f"authorization-mode {field.quoted(mode)} is not a valid mode")
    if WEBHOOK in modes and not webhook.kubeconfig:
        problems.append("authorization-mode Webhook's authorization config file not passed")
    if webhook.kubeconfig and WEBHOOK not in modes:
        problems.append("cannot specify --authorization-webhook-config-file without mode Webhook")
    if WEBHOOK in modes and webhook.version not in REVIEW_VERSIONS:
        supported = ", ".join(map(field.quoted, REVIEW_VERSIONS))
        problems.append(f"unsupported webhook authorizer version {field.quoted(webhook.version)}, supported versions are {supported}")
    if len(set(modes)) != len(modes):
        shown = " ".join(map(field.quoted, modes))
        problems.append(f"authorization-mode [{shown}] has mode specified more than once")
    if problems:
        raise BadConfiguration(aggregated(problems))
    return tuple(
        AuthorizerConfiguration(mode, _DEFAULT_NAME, webhook) if mode == WEBHOOK else AuthorizerConfiguration(mode, mode.lower())
        for mode in modes
    )
