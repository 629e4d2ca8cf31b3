"""The file of `--authentication-config`: an AuthenticationConfiguration of apiserver.config.k8s.io/v1, v1beta1 or v1alpha1.

Upstream: apiserver `pkg/apis/apiserver/v1/types.go`, `pkg/kubeapiserver/options/authentication.go`.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.schema.configuration import FLAG, TEXT, TEXTS, definitions, list_of, load_configuration, reference
from cluster.schema.model import Schema, SchemaSet
from rbac.authn.anonymous import Anonymous
from rbac.authn.structured_expressions import Compilers
from rbac.authn.structured_validation import validate
from rbac.expressions import Compiler, Expression

KIND: Final = "AuthenticationConfiguration"
GROUP: Final = "apiserver.config.k8s.io"
VERSIONS: Final = ("v1", "v1beta1", "v1alpha1")
_CLAIM: Final[Mapping[str, Schema]] = {"claim": TEXT, "expression": TEXT}
_STRUCTS: Final[Mapping[str, Mapping[str, Schema]]] = {
    KIND: {"jwt": list_of("JWTAuthenticator"), "anonymous": reference("AnonymousAuthConfig")},
    "AnonymousAuthConfig": {"enabled": FLAG, "conditions": list_of("AnonymousAuthCondition")},
    "AnonymousAuthCondition": {"path": TEXT},
    "JWTAuthenticator": {
        "issuer": reference("Issuer"),
        "claimValidationRules": list_of("ClaimValidationRule"),
        "claimMappings": reference("ClaimMappings"),
        "userValidationRules": list_of("UserValidationRule"),
    },
    "Issuer": {
        "url": TEXT,
        "discoveryURL": TEXT,
        "certificateAuthority": TEXT,
        "audiences": TEXTS,
        "audienceMatchPolicy": TEXT,
        "egressSelectorType": TEXT,
    },
    "ClaimValidationRule": {"claim": TEXT, "requiredValue": TEXT, "expression": TEXT, "message": TEXT},
    "ClaimMappings": {
        "username": reference("PrefixedClaimOrExpression"),
        "groups": reference("PrefixedClaimOrExpression"),
        "uid": reference("ClaimOrExpression"),
        "extra": list_of("ExtraMapping"),
    },
    "PrefixedClaimOrExpression": {"claim": TEXT, "prefix": TEXT, "expression": TEXT},
    "ClaimOrExpression": _CLAIM,
    "ExtraMapping": {"key": TEXT, "valueExpression": TEXT},
    "UserValidationRule": {"expression": TEXT, "message": TEXT},
}


class Rule(Struct, frozen=True):
    """What must be true of a token's claims or its user, and what is said where it is not."""

    expression: Expression
    message: str = ""


class JwtIssuer(Struct, frozen=True):
    """One member of `jwt`: whose tokens are accepted, and how their claims become a user.

    An empty claim maps nothing; where there is an expression, it does, and no claim.
    """

    url: str
    audiences: tuple[str, ...]
    username_claim: str = ""
    username_prefix: str = ""
    groups_claim: str = ""
    groups_prefix: str = ""
    uid_claim: str = ""
    discovery_url: str = ""
    certificate_authority: str = ""
    required_claims: tuple[tuple[str, str], ...] = ()
    username: Expression | None = None
    groups: Expression | None = None
    uid: Expression | None = None
    extra: tuple[tuple[str, Expression], ...] = ()
    claim_rules: tuple[Rule, ...] = ()
    user_rules: tuple[Rule, ...] = ()


class AuthenticationConfiguration(Struct, frozen=True):
    """A valid file; `anonymous` is None where it leaves that to `--anonymous-auth`."""

    issuers: tuple[JwtIssuer, ...] = ()
    anonymous: Anonymous | None = None


class InvalidConfiguration(ValueError):
    """The file is well formed, but says what may not be; `errors` are all that is wrong with it."""

    def __init__(self, errors: list[FieldError]) -> None:
        texts = list(dict.fromkeys(str(error) for error in errors))
        shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
        super().__init__(f"invalid authentication configuration: {shown}")
        self.errors = tuple(errors)


def load_authentication_configuration(data: bytes, disallowed_issuers: Collection[str]) -> AuthenticationConfiguration:
    """What a file says; ValueError with all that is wrong with it.

    `disallowed_issuers` are the service-account issuers, whose tokens have their own authenticator.  Calls nobody.
    """
    document = load_configuration(data, KIND, _versions())
    compilers = Compilers()
    errors = validate(document, disallowed_issuers, compilers)
    if errors:
        raise InvalidConfiguration(errors)
    anonymous = document.get("anonymous")
    issuers = tuple(_issuer(each, compilers) for each in document.get("jwt") or ())
    return AuthenticationConfiguration(issuers, _anonymous(anonymous) if anonymous is not None else None)


@functools.cache
def _versions() -> tuple[SchemaSet, ...]:
    return tuple(definitions(GROUP, version, (KIND,), _STRUCTS) for version in VERSIONS)


def _issuer(authenticator: Object, compilers: Compilers) -> JwtIssuer:
    issuer, mappings = authenticator["issuer"], authenticator["claimMappings"]
    username, groups, uid = (mappings.get(each) or {} for each in ("username", "groups", "uid"))
    rules = authenticator.get("claimValidationRules") or ()
    compiler = compilers.claims
    return JwtIssuer(
        url=issuer["url"],
        audiences=tuple(issuer["audiences"]),
        username_claim=username.get("claim", ""),
        username_prefix=username.get("prefix", ""),
        groups_claim=groups.get("claim", ""),
        groups_prefix=groups.get("prefix", ""),
        uid_claim=uid.get("claim", ""),
        discovery_url=issuer.get("discoveryURL", ""),
        certificate_authority=issuer.get("certificateAuthority", ""),
        required_claims=tuple((rule["claim"], rule.get("requiredValue", "")) for rule in rules if rule.get("claim")),
        username=_expression(username, compiler),
        groups=_expression(groups, compiler),
        uid=_expression(uid, compiler),
        extra=tuple((each["key"], compiler.compile(each["valueExpression"])) for each in mappings.get("extra") or ()),
        claim_rules=_rules(rules, compiler),
        user_rules=_rules(authenticator.get("userValidationRules") or (), compilers.user),
    )


def _expression(mapping: Object, compiler: Compiler) -> Expression | None:
    text = mapping.get("expression", "")
    return compiler.compile(text) if text else None


def _rules(rules: Sequence[Object], compiler: Compiler) -> tuple[Rule, ...]:
    made = (rule for rule in rules if rule.get("expression"))
    return tuple(Rule(compiler.compile(each["expression"], boolean=True), each.get("message", "")) for each in made)


def _anonymous(value: Object) -> Anonymous:
    paths = frozenset(condition.get("path", "") for condition in value.get("conditions") or ())
    return Anonymous(value.get("enabled") is True, paths)
