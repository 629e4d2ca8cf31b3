"""The file of `--authentication-config`: an AuthenticationConfiguration of apiserver.config.k8s.io/v1, v1beta1 or v1alpha1.

Upstream: apiserver `pkg/apis/apiserver/v1/types.go`, `pkg/kubeapiserver/options/authentication.go`.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.schema.configuration import FLAG, TEXT, TEXTS, definitions, list_of, load_configuration, reference
from cluster.schema.model import Schema, SchemaSet
from rbac.authn.anonymous import Anonymous
from rbac.authn.structured_validation import validate

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


@dataclass(frozen=True, slots=True)
class JwtIssuer:
    """One member of `jwt`: whose tokens are accepted, and how their claims become a user.  An empty claim maps nothing."""

    url: str
    audiences: tuple[str, ...]
    username_claim: str
    username_prefix: str = ""
    groups_claim: str = ""
    groups_prefix: str = ""
    uid_claim: str = ""
    discovery_url: str = ""
    certificate_authority: str = ""
    required_claims: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuthenticationConfiguration:
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
    errors = validate(document, disallowed_issuers)
    if errors:
        raise InvalidConfiguration(errors)
    anonymous = document.get("anonymous")
    return AuthenticationConfiguration(
        tuple(map(_issuer, document.get("jwt") or ())), _anonymous(anonymous) if anonymous is not None else None
    )


@functools.cache
def _versions() -> tuple[SchemaSet, ...]:
    return tuple(definitions(GROUP, version, (KIND,), _STRUCTS) for version in VERSIONS)


def _issuer(authenticator: Object) -> JwtIssuer:
    issuer, mappings = authenticator["issuer"], authenticator["claimMappings"]
    username, groups = mappings["username"], mappings.get("groups") or {}
    rules = authenticator.get("claimValidationRules") or ()
    return JwtIssuer(
        url=issuer["url"],
        audiences=tuple(issuer["audiences"]),
        username_claim=username["claim"],
        username_prefix=username["prefix"],
        groups_claim=groups.get("claim", ""),
        groups_prefix=groups.get("prefix", ""),
        uid_claim=(mappings.get("uid") or {}).get("claim", ""),
        discovery_url=issuer.get("discoveryURL", ""),
        certificate_authority=issuer.get("certificateAuthority", ""),
        required_claims=tuple((rule["claim"], rule.get("requiredValue", "")) for rule in rules),
    )


def _anonymous(value: Object) -> Anonymous:
    paths = frozenset(condition.get("path", "") for condition in value.get("conditions") or ())
    return Anonymous(value.get("enabled") is True, paths)
