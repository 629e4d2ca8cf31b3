"""Who the claims of a verified token say that its bearer is.

Upstream: apiserver `plugin/pkg/authenticator/token/oidc/oidc.go` (getUsername, getGroups, getUID, getExtra).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cluster.api.field import quoted
from cluster.api.user import UserInfo
from cluster.cel.values import Joined, Optional_
from rbac.authn.claims import Claims, user_value
from rbac.authn.errors import BadCredentials
from rbac.authn.jwt_token import wrong_type
from rbac.authn.structured_config import JwtIssuer, Rule
from rbac.authn.structured_expressions import CLAIMS, USER
from rbac.credentials.reference import CREDENTIAL_ID
from rbac.expressions import EvaluationFailed, Expression

_LISTS: Final = (list, tuple, Joined)
_NEITHER: Final = "expression must return a string or a list of strings"

Values = Mapping[str, Any]
"""Of an expression's variables."""


def user_of(issuer: JwtIssuer, claims: Mapping[str, Any]) -> UserInfo:
    """The user, if all rules of the issuer hold; BadCredentials, with upstream's reason."""
    values = {CLAIMS: Claims(claims)}
    name = _name(issuer, claims, values)
    groups = _groups(issuer, claims, values)
    uid = _uid(issuer, claims, values)
    user = UserInfo(name, uid, groups, _extra(issuer, claims, values))
    _require(issuer, claims)
    _hold(issuer.claim_rules, values, "oidc: error evaluating claim validation expression")
    if issuer.user_rules:
        _hold(issuer.user_rules, {USER: user_value(user)}, "oidc: error evaluating user info validation rule")
    return user


def _name(issuer: JwtIssuer, claims: Mapping[str, Any], values: Values) -> str:
    if issuer.username is not None:
        named = _evaluated_text(issuer.username, values, "username")
        if not named:
            raise BadCredentials("oidc: empty username via CEL expression is not allowed")
        return named
    claim = issuer.username_claim
    name = _text(claims, claim, f"oidc: parse username claims {quoted(claim)}")
    if claim == "email" and "email_verified" in claims:
        verified = claims["email_verified"]
        if verified is not None and not isinstance(verified, bool):
            raise BadCredentials(f"oidc: parse 'email_verified' claim: {wrong_type(verified, 'Go value', 'bool')}")
        if not verified:
            raise BadCredentials("oidc: email not verified")
    return issuer.username_prefix + name


def _groups(issuer: JwtIssuer, claims: Mapping[str, Any], values: Values) -> tuple[str, ...]:
    if issuer.groups is not None:
        what = "oidc: error evaluating group claim expression"
        return _texts(_evaluated(issuer.groups, values, what), what)
    return tuple(issuer.groups_prefix + group for group in _claimed_groups(claims, issuer.groups_claim))


def _claimed_groups(claims: Mapping[str, Any], claim: str) -> Sequence[str]:
    """A list of texts, or one text; no groups where there is no such claim."""
    found = claims.get(claim) if claim else None
    if found is None:
        return ()
    if isinstance(found, str):
        return (found,)
    if isinstance(found, list) and all(each is None or isinstance(each, str) for each in found):
        return [each or "" for each in found]
    raise BadCredentials(f"oidc: parse groups claim {quoted(claim)}: {wrong_type(found, 'Go value', 'string')}")


def _uid(issuer: JwtIssuer, claims: Mapping[str, Any], values: Values) -> str:
    if issuer.uid is not None:
        return _evaluated_text(issuer.uid, values, "uid")
    return _text(claims, issuer.uid_claim, f"oidc: parse uid claim {quoted(issuer.uid_claim)}") if issuer.uid_claim else ""


def _extra(issuer: JwtIssuer, claims: Mapping[str, Any], values: Values) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = {}
    token_id = claims.get("jti")
    if isinstance(token_id, str) and token_id:
        extra[CREDENTIAL_ID] = (f"JTI={token_id}",)
    try:
        evaluated = [(key, expression.text, expression.evaluate(values)) for key, expression in issuer.extra]
    except EvaluationFailed as error:
        raise BadCredentials(str(error)) from None
    for key, text, value in evaluated:
        found = _texts(value, f"oidc: error evaluating extra claim expression: {text}")
        if found:
            extra[key] = found
    return extra


def _require(issuer: JwtIssuer, claims: Mapping[str, Any]) -> None:
    for claim, wanted in issuer.required_claims:
        if claim not in claims:
            raise BadCredentials(f"oidc: required claim {claim} not present in ID token")
        found = _text(claims, claim, f"oidc: parse claim {claim}")
        if found != wanted:
            raise BadCredentials(f"oidc: required claim {claim} value does not match. Got = {found}, want = {wanted}")


def _hold(rules: Sequence[Rule], values: Values, what: str) -> None:
    """All are evaluated before the first that does not hold is told of."""
    evaluated = [(rule, _evaluated(rule.expression, values, what)) for rule in rules]
    for rule, holds in evaluated:
        if holds is not True:
            raise BadCredentials(f"{what}: validation expression '{rule.expression.text}' failed: {rule.message}")


def _evaluated(expression: Expression, values: Values, what: str) -> Any:
    try:
        return expression.evaluate(values)
    except EvaluationFailed as error:
        raise BadCredentials(f"{what}: {error}") from None


def _evaluated_text(expression: Expression, values: Values, name: str) -> str:
    what = f"oidc: error evaluating {name} claim expression"
    found = _evaluated(expression, values, what)
    if type(found) is not str:
        raise BadCredentials(f"{what}: {name} claim expression must return a string")
    return found


def _texts(value: Any, what: str) -> tuple[str, ...]:
    """What an expression came to as texts, without empty ones."""
    if value is None:
        return ()
    if type(value) is str:
        return (value,) if value else ()
    if not isinstance(value, _LISTS):
        raise BadCredentials(f"{what}: {_NEITHER}")
    found = [each.value if isinstance(each, Optional_) else each for each in value]
    if not all(type(each) is str for each in found):
        raise BadCredentials(f"{what}: {_NEITHER}")
    return tuple(each for each in found if each)


def _text(claims: Mapping[str, Any], claim: str, what: str) -> str:
    """A claim that is a text; BadCredentials, beginning with `what`, for one that is missing or anything else."""
    if claim not in claims:
        raise BadCredentials(f"{what}: claim not present")
    found = claims[claim]
    if found is not None and not isinstance(found, str):
        raise BadCredentials(f"{what}: {wrong_type(found, 'Go value', 'string')}")
    return found or ""
