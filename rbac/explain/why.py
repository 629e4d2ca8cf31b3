"""Why a question is allowed or denied: the authorizer's verdict, who gave it, and what led to it."""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

from cluster.api.authorization import Attributes, Authorizer, Decision, Verdict
from cluster.api.field import quoted
from cluster.api.names import Object
from rbac.authz.index import Binding, subject_keys
from rbac.authz.messages import forbidden
from rbac.authz.rbac import RbacAuthorizer
from rbac.explain.hints import hints
from rbac.explain.misses import nearest_misses
from rbac.explain.smallest import roles_that_would_allow, smallest_grant
from rbac.explain.view import (
    Display,
    Found,
    Sources,
    allowing,
    matched_key,
    own_bindings,
    role_reference,
    subject_of,
)

DECISIONS: Final = {Decision.ALLOW: "Allow", Decision.DENY: "Deny", Decision.NO_OPINION: "NoOpinion"}


@runtime_checkable
class _Several(Protocol):
    """An authorizer that asks others, in order."""

    @property
    def members(self) -> tuple[Authorizer, ...]: ...


def authorizer_name(authorizer: Authorizer) -> str:
    """What an authorizer is called in explanations."""
    return str(getattr(authorizer, "name", "") or type(authorizer).__name__)


def flattened(authorizer: Authorizer) -> list[Authorizer]:
    """The authorizers that are asked, in order."""
    if isinstance(authorizer, _Several):
        return [each for member in authorizer.members for each in flattened(member)]
    return [authorizer]


def why(question: Attributes, sources: Sources, *, only: str = "", limit: int = 5) -> Object:
    """The status of an AccessExplanation as far as authorization goes; lists hold `limit` members at most."""
    verdict = sources.authorizer.authorize(question)
    opinions, decider = _opinions(question, sources.authorizer, verdict)
    status: Object = {
        "allowed": verdict.allowed,
        "stage": "authorization",
        "decision": DECISIONS[verdict.decision],
        "authorizer": authorizer_name(decider) if decider is not None else "",
        "reason": verdict.reason,
        "evaluationError": verdict.error,
        "opinions": opinions,
    }
    if verdict.allowed:
        if isinstance(decider, RbacAuthorizer):
            status |= _granted(question, sources, only, limit)
    else:
        status["message"] = forbidden(question, verdict.reason).message
        by_roles = any(isinstance(each, RbacAuthorizer) for each in flattened(sources.authorizer))
        if verdict.decision is Decision.NO_OPINION and by_roles:
            status |= _denied(question, sources, only, limit)
    if only:
        del status["opinions"]  # an access review tells what they come to
    status["hints"] = hints(question, sources.catalog)
    if verdict.decision is Decision.DENY:
        status["hints"].insert(0, f"authorizer {quoted(status['authorizer'])} denies this, so no role can allow it")
    return {name: value for name, value in status.items() if value not in ("", [], None)}


def _opinions(question: Attributes, authorizer: Authorizer, verdict: Verdict) -> tuple[list[Object], Authorizer | None]:
    """What each authorizer that was asked said, and the one that decided; None where nobody had an opinion."""
    said: list[Object] = []
    for each in flattened(authorizer):
        own = each.authorize(question)
        opinion: Object = {"authorizer": authorizer_name(each), "decision": DECISIONS[own.decision]}
        said.append(opinion | ({"reason": own.reason} if own.reason else {}))
        if own.decision is verdict.decision and verdict.decision is not Decision.NO_OPINION:
            return said, each
    return said, None


def _granted(question: Attributes, sources: Sources, only: str, limit: int) -> Object:
    """The grant that the authorizer found first, and the others that would do as well."""
    grants: list[Object] = []
    more = 0
    display = Display(sources.reader, within=only)
    for binding in own_bindings(sources.index, question.user, question.namespace if question.is_resource else ""):
        found = allowing(sources.index.role(binding), question)
        if found is None:
            continue
        if grants and only and not binding.namespace:
            continue
        if len(grants) <= limit:
            grants.append(_grant(binding, found, question, display, only))
        else:
            more += 1
    if not grants:
        return {}
    granted: Object = {"grantedBy": grants[0], "alsoGrantedBy": grants[1:]}
    return granted | ({"alsoGrantedByMore": more} if more else {})


def _grant(binding: Binding, found: Found, question: Attributes, display: Display, only: str) -> Object:
    keys = subject_keys(question.user)
    subject = subject_of(binding, matched_key(binding, keys), question.user)
    if only and not binding.namespace:
        # no more than the reason of an access review tells of a cluster-wide binding
        shown: dict[str, Any] = {"kind": "ClusterRoleBinding", "name": binding.name}
        return {"binding": shown, "role": role_reference(binding), "subject": {name: subject[name] for name in subject if name != "index"}}
    return {
        "binding": display.binding(binding),
        "role": display.role(binding, found.rule.source),
        "rule": found.shown(),
        "subject": subject,
    }


def _denied(question: Attributes, sources: Sources, only: str, limit: int) -> Object:
    return {
        "nearestMisses": nearest_misses(question, sources, only, limit),
        "rolesThatWouldAllow": roles_that_would_allow(question, sources, only, limit),
        "smallestGrant": smallest_grant(question, sources),
    }
