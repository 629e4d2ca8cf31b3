"""What an AuthenticationConfiguration may not say.

Upstream: apiserver `pkg/apis/apiserver/validation/validation.go`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from cluster.api.field import FieldError, child, duplicate, forbidden, index, invalid, required, too_many
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_subdomain, regex_error
from rbac.authn.structured_expressions import Compilers, selects_claim
from rbac.authn.urls import parse_url
from rbac.expressions import Compiler

MAX_ISSUERS: Final = 64
MATCH_ANY: Final = "MatchAny"
_RESERVED: Final = ("kubernetes.io", "k8s.io")
_PATH: Final = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_path = re.compile(_PATH).fullmatch
_UNVERIFIED: Final = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or "
    "claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)
_NO_EGRESS: Final = "egress selectors are not supported: leave it out, issuers are then called directly"


def validate(document: Object, disallowed_issuers: Collection[str], compilers: Compilers) -> list[FieldError]:
    """All that is wrong with a decoded document, in upstream's order."""
    authenticators: Sequence[Object] = document.get("jwt") or ()
    if len(authenticators) > MAX_ISSUERS:
        return [too_many("jwt", len(authenticators), MAX_ISSUERS)]
    errors: list[FieldError] = []
    issuers: set[str] = set()
    discovery_urls: set[str] = set()
    for position, authenticator in enumerate(authenticators):
        path = index("jwt", position)
        issuer = authenticator.get("issuer") or {}
        url, discovery_url = issuer.get("url", ""), issuer.get("discoveryURL", "")
        errors += _issuer(issuer, disallowed_issuers, child(path, "issuer"))
        errors += _claim_rules(authenticator.get("claimValidationRules") or (), child(path, "claimValidationRules"), compilers.claims)
        errors += _mappings(authenticator.get("claimMappings") or {}, child(path, "claimMappings"), compilers.claims)
        errors += _unverified_email(authenticator, path, compilers.claims)
        errors += _user_rules(authenticator.get("userValidationRules") or (), child(path, "userValidationRules"), compilers.user)
        if url in issuers:
            errors.append(duplicate(child(path, "issuer", "url"), url))
        issuers.add(url)
        if discovery_url and discovery_url in discovery_urls:
            errors.append(duplicate(child(path, "issuer", "discoveryURL"), discovery_url))
        discovery_urls.add(discovery_url)
    return errors + list(_anonymous(document.get("anonymous")))


def _anonymous(anonymous: Object | None) -> Iterator[FieldError]:
    conditions = (anonymous or {}).get("conditions")
    if anonymous is not None and conditions and not anonymous.get("enabled"):
        shown = [{"Path": condition.get("path", "")} for condition in conditions]
        yield invalid("anonymous.conditions", shown, "enabled should be set to true when conditions are defined")


def _issuer(issuer: Object, disallowed: Collection[str], path: str) -> Iterator[FieldError]:
    url, discovery_url = issuer.get("url", ""), issuer.get("discoveryURL", "")
    if url:
        yield from _url(url, disallowed, child(path, "url"))
    else:
        yield required(child(path, "url"))
    if discovery_url:
        at = child(path, "discoveryURL")
        if url and url.rstrip("/") == discovery_url.rstrip("/"):
            yield invalid(at, discovery_url, "discoveryURL must be different from URL")
        yield from _url(discovery_url, (), at)
    yield from _audiences(issuer.get("audiences") or (), issuer.get("audienceMatchPolicy", ""), path)
    authority = issuer.get("certificateAuthority", "")
    if authority:
        fault = _authority_fault(authority)
        if fault:
            yield invalid(child(path, "certificateAuthority"), "<omitted>", fault)
    selector = issuer.get("egressSelectorType", "")
    if selector in ("controlplane", "cluster"):
        yield forbidden(child(path, "egressSelectorType"), _NO_EGRESS)
    elif selector:
        yield invalid(child(path, "egressSelectorType"), selector, "egress selector must be either controlplane or cluster")


def _url(url: str, disallowed: Collection[str], path: str) -> Iterator[FieldError]:
    if url in disallowed:
        yield invalid(path, url, f"URL must not overlap with disallowed issuers: [{' '.join(sorted(set(disallowed)))}]")
    try:
        parsed = parse_url(url)
    except ValueError as error:
        yield invalid(path, url, str(error))
        return
    if parsed.scheme != "https":
        yield invalid(path, url, "URL scheme must be https")
    if parsed.has_user:
        yield invalid(path, url, "URL must not contain a username or password")
    if parsed.query:
        yield invalid(path, url, "URL must not contain a query")
    if parsed.fragment:
        yield invalid(path, url, "URL must not contain a fragment")


def _audiences(audiences: Sequence[str], policy: str, path: str) -> Iterator[FieldError]:
    at = child(path, "audiences")
    if not audiences:
        yield required(at, f"at least one {at} is required")
        return
    seen: set[str] = set()
    for position, audience in enumerate(audiences):
        if not audience:
            yield required(index(at, position))
        if audience in seen:
            yield duplicate(index(at, position), audience)
        seen.add(audience)
    if len(audiences) > 1 and policy != MATCH_ANY:
        yield invalid(child(path, "audienceMatchPolicy"), policy, "audienceMatchPolicy must be MatchAny for multiple audiences")
    if len(audiences) == 1 and policy not in ("", MATCH_ANY):
        why = "audienceMatchPolicy must be empty or MatchAny for single audience"
        yield invalid(child(path, "audienceMatchPolicy"), policy, why)


def _authority_fault(pem: str) -> str:
    from cryptography import x509

    if "-----BEGIN CERTIFICATE-----" not in pem:
        return "data does not contain any valid RSA or ECDSA certificates"
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return "x509: malformed certificate"
    return ""


def _claim_rules(rules: Sequence[Object], path: str, compiler: Compiler) -> Iterator[FieldError]:
    claims: set[str] = set()
    expressions: set[str] = set()
    for position, rule in enumerate(rules):
        at = index(path, position)
        claim, expression = rule.get("claim", ""), rule.get("expression", "")
        if claim and expression:
            yield invalid(at, claim, "claim and expression can't both be set")
        elif not claim and not expression:
            yield required(at, "claim or expression is required")
        elif claim:
            if rule.get("message"):
                yield invalid(child(at, "message"), rule["message"], "may not be specified when claim is set")
            if claim in claims:
                yield duplicate(child(at, "claim"), claim)
            claims.add(claim)
        else:
            if rule.get("requiredValue"):
                yield invalid(child(at, "requiredValue"), rule["requiredValue"], "may not be specified when expression is set")
            yield from _rule(expression, expressions, child(at, "expression"), compiler)


def _mappings(mappings: Object, path: str, compiler: Compiler) -> Iterator[FieldError]:
    yield from _prefixed(mappings.get("username") or {}, child(path, "username"), compiler, needed=True)
    yield from _prefixed(mappings.get("groups") or {}, child(path, "groups"), compiler, needed=False)
    uid = mappings.get("uid") or {}
    if uid.get("claim") and uid.get("expression"):
        yield invalid(child(path, "uid"), "", "claim and expression can't both be set")
    elif uid.get("expression"):
        yield from compiler.faults(uid["expression"], child(path, "uid", "expression"))
    seen: set[str] = set()
    for position, mapping in enumerate(mappings.get("extra") or ()):
        at, key = index(child(path, "extra"), position), mapping.get("key", "")
        yield from _extra_key(key, child(at, "key"))
        if key in seen:
            yield duplicate(child(at, "key"), key)
            continue
        seen.add(key)
        if mapping.get("valueExpression"):
            yield from compiler.faults(mapping["valueExpression"], child(at, "valueExpression"))
        else:
            yield required(child(at, "valueExpression"))


def _extra_key(key: str, path: str) -> Iterator[FieldError]:
    domain, slash, rest = key.partition("/")
    if not key:
        yield required(path)
    elif not domain or not rest:
        yield invalid(path, key, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        for fault in is_dns1123_subdomain(domain):
            yield invalid(path, domain, fault)
        if not _path(rest):
            yield invalid(path, rest, regex_error("Invalid path", _PATH))
    if key != key.lower():
        yield invalid(path, key, "must be lowercase")
    if slash and (domain in _RESERVED or domain.endswith(tuple("." + each for each in _RESERVED))):
        yield invalid(path, key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use")


def _unverified_email(authenticator: Object, path: str, compiler: Compiler) -> Iterator[FieldError]:
    """Who is named by an e-mail address must be asked somewhere whether it is theirs."""
    mappings = authenticator.get("claimMappings") or {}
    username = mappings.get("username") or {}
    text = username.get("expression", "")
    if not text or username.get("claim") or username.get("prefix") is not None:
        return
    rules = [each for each in authenticator.get("claimValidationRules") or () if not each.get("claim")]
    asking = [compiler.sound(each.get("expression", ""), boolean=True) for each in rules]
    asking += [compiler.sound(each.get("valueExpression", "")) for each in mappings.get("extra") or ()]
    name = compiler.sound(text)
    if name is None or not selects_claim(name, "email"):
        return
    if not any(each is not None and selects_claim(each, "email_verified") for each in (name, *asking)):
        yield invalid(child(path, "claimMappings", "username", "expression"), text, _UNVERIFIED)


def _prefixed(mapping: Object, path: str, compiler: Compiler, *, needed: bool) -> Iterator[FieldError]:
    claim, expression, prefix = mapping.get("claim", ""), mapping.get("expression", ""), mapping.get("prefix")
    if claim and expression:
        yield invalid(path, "", "claim and expression can't both be set")
    elif expression:
        if prefix is not None:
            yield invalid(child(path, "prefix"), prefix, "may not be specified when expression is set")
        yield from compiler.faults(expression, child(path, "expression"))
    elif claim and prefix is None:
        yield required(child(path, "prefix"), "prefix is required when claim is set. It can be set to an empty string to disable prefixing")
    elif not claim and needed:
        yield required(path, "claim or expression is required")


def _user_rules(rules: Sequence[Object], path: str, compiler: Compiler) -> Iterator[FieldError]:
    seen: set[str] = set()
    for position, rule in enumerate(rules):
        at = child(index(path, position), "expression")
        if rule.get("expression"):
            yield from _rule(rule["expression"], seen, at, compiler)
        else:
            yield required(at)


def _rule(expression: str, seen: set[str], path: str, compiler: Compiler) -> Iterator[FieldError]:
    if expression in seen:
        yield duplicate(path, expression)
        return
    seen.add(expression)
    yield from compiler.faults(expression, path, boolean=True)
