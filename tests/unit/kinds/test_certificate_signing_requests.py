"""What is wrong with a certificate signing request, in Kubernetes' words, and who may change what of one."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509 import CertificateSigningRequestBuilder, Name

from cluster.api.names import Object
from cluster.kinds.certificates.certificatesigningrequests import STRATEGY
from tests.unit.controllers.signing_requests import pem_of, pkcs10
from tests.unit.controllers.test_certificates import EXPIRED, GOOD

DER = pkcs10("jane", ["dev"]).public_bytes(serialization.Encoding.DER)


def pem(kind: str, der: bytes, header: str = "") -> bytes:
    return f"-----BEGIN {kind}-----\n{header}{base64.b64encode(der).decode()}\n-----END {kind}-----\n".encode()


def forged(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """A request whose signature is of something else."""
    made = CertificateSigningRequestBuilder(Name([])).sign(key, hashes.SHA256() if isinstance(key, rsa.RSAPrivateKey) else None)
    der = bytearray(made.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return pem("CERTIFICATE REQUEST", bytes(der))


def request(asked: bytes | None = None, **spec: Any) -> Object:
    encoded = base64.b64encode(pem_of(pkcs10("jane", ["dev"])) if asked is None else asked).decode()
    wanted = {"request": encoded, "signerName": "example.com/x", "usages": ["client auth"]} | spec
    return {"metadata": {"name": "csr"}, "spec": wanted, "status": {}}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (pem("CERTIFICATE REQUEST", DER, "A: b\n\n"), None),
        (b"", "PEM block type must be CERTIFICATE REQUEST"),
        (b"hello", "PEM block type must be CERTIFICATE REQUEST"),
        (pem("CERTIFICATE", DER), "PEM block type must be CERTIFICATE REQUEST"),
        (pem("NEW CERTIFICATE REQUEST", DER), "PEM block type must be CERTIFICATE REQUEST"),
        (pem("CERTIFICATE REQUEST", DER + b"x"), "asn1: syntax error: trailing data"),
        (pem("CERTIFICATE REQUEST", DER[:-1] + bytes([DER[-1] ^ 1])), "x509: ECDSA verification failure"),
        (forged(rsa.generate_private_key(65537, 2048)), "crypto/rsa: verification error"),
        (forged(ed25519.Ed25519PrivateKey.generate()), "x509: Ed25519 verification failure"),
    ],
)
def test_a_request_is_pkcs10_that_its_own_key_signed(asked: bytes, why: str | None) -> None:
    made = request(asked)
    shown = [f'spec.request: Invalid value: "{made["spec"]["request"]}": {why}'] if why else []
    assert [str(each) for each in STRATEGY.validate(made)] == shown


def test_a_request_that_is_missing_is_null() -> None:
    made = request()
    del made["spec"]["request"]
    expected = "spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST"
    assert [str(each) for each in STRATEGY.validate(made)] == [expected]


LABEL = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"


@pytest.mark.parametrize(
    ("signer", "why"),
    [
        ("example.com/x", ""),
        ("example.com/x.y", ""),
        ("kubernetes.io/unknown", ""),
        ("", "Required value"),
        ("x", "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
        ("example.com/a/b", "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
        ("com/x", "should be a domain with at least two segments separated by dots"),
        ("Example.com/x", f'validating label "Example": {LABEL}'),
        ("*.com/x", f'validating label "*": {LABEL}'),
        ("example..com/x", f'validating label "": {LABEL}'),
        ("a." * 130 + "com/x", "Too long: may not be more than 253 bytes"),
        ("example.com/X", 'validating label "X": a lowercase RFC 1123 subdomain'),
        ("kubernetes.io/legacy-unknown", "the legacy signerName is not allowed via this API version"),
    ],
)
def test_a_signer_is_a_domain_and_a_path(signer: str, why: str) -> None:
    shown = [str(each) for each in STRATEGY.validate(request(signerName=signer))]
    assert (len(shown), why in "".join(shown)) == (1 if why else 0, True)


@pytest.mark.parametrize(("seconds", "good"), [(None, True), (600, True), (599, False), (0, False), (-420, False)])
def test_ten_minutes_are_the_least(seconds: int | None, good: bool) -> None:
    assert (STRATEGY.validate(request(expirationSeconds=seconds)) == []) is good


def condition(kind: str, status: str = "True", **more: str) -> Object:
    return {"type": kind, "status": status, "reason": "r", **more}


APPROVED, DENIED, FAILED, OTHER = (condition(kind) for kind in ("Approved", "Denied", "Failed", "Other"))


def in_state(*conditions: Object, certificate: bytes = b"") -> Object:
    made = request()
    made["status"]["conditions"] = [dict(each) for each in conditions]
    if certificate:
        made["status"]["certificate"] = base64.b64encode(certificate).decode()
    return made


def changed(subresource: str, new: Object, old: Object) -> list[str]:
    """The errors of a write to the subresource; empty: to the request itself."""
    strategy = STRATEGY.subresources[subresource] if subresource else STRATEGY
    strategy.prepare_for_update(new, old)
    return [str(each) for each in strategy.validate_update(new, old)]


EXCLUSIVE = 'status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'


@pytest.mark.parametrize(
    ("subresource", "new", "old", "errors"),
    [
        ("approval", in_state(APPROVED), in_state(), []),
        (
            "approval",
            in_state(DENIED),
            in_state(FAILED),
            ['status.conditions: Forbidden: updates may not remove a condition of type "Failed"'],
        ),
        ("approval", in_state(APPROVED, DENIED), in_state(), [EXCLUSIVE]),
        ("approval", in_state(APPROVED, APPROVED), in_state(), ['status.conditions[1].type: Duplicate value: "Approved"']),
        (
            "approval",
            in_state(condition("Approved", "False")),
            in_state(),
            ['status.conditions[0].status: Unsupported value: "False": supported values: "True"'],
        ),
        (
            "approval",
            in_state(),
            in_state(APPROVED),
            ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
        ),
        ("status", in_state(APPROVED), in_state(), ['status.conditions: Forbidden: updates may not add a condition of type "Approved"']),
        ("status", in_state(FAILED), in_state(), []),
        ("status", in_state(OTHER, certificate=GOOD), in_state(OTHER), []),
        ("status", in_state(certificate=GOOD + EXPIRED), in_state(), []),
        ("status", in_state(certificate=GOOD), in_state(certificate=GOOD), []),
        (
            "status",
            in_state(certificate=EXPIRED),
            in_state(certificate=GOOD),
            ["status.certificate: Forbidden: updates may not modify existing certificate content"],
        ),
        (
            "status",
            in_state(),
            in_state(certificate=GOOD),
            ["status.certificate: Forbidden: updates may not modify existing certificate content"],
        ),
        (
            "status",
            in_state(certificate=b"hello"),
            in_state(),
            ['status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block'],
        ),
        (
            "status",
            in_state(certificate=GOOD + pem("PRIVATE KEY", b"x")),
            in_state(),
            ['status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "PRIVATE KEY"'],
        ),
        (
            "status",
            in_state(certificate=GOOD.replace(b"CATE-----\n", b"CATE-----\nA: b\n\n", 1)),
            in_state(),
            ['status.certificate: Invalid value: "<certificate data>": no PEM block headers are permitted'],
        ),
    ],
)
def test_who_may_change_what(subresource: str, new: Object, old: Object, errors: list[str]) -> None:
    assert changed(subresource, new, old) == errors


@pytest.mark.parametrize("subresource", ["", "approval"])
def test_a_certificate_is_set_through_the_status_alone(subresource: str) -> None:
    new = in_state(certificate=GOOD)
    assert changed(subresource, new, in_state()) == []
    assert "certificate" not in new["status"]


@pytest.mark.parametrize("subresource", ["", "approval", "status"])
def test_what_is_asked_for_never_changes(subresource: str) -> None:
    new, old = request(signerName="other.com/y", usages=[], username="evil"), request(username="jane")
    changed(subresource, new, old)
    assert new["spec"] == old["spec"]


def test_what_was_approved_is_not_changed_through_the_status() -> None:
    times = {"lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    before = condition("Approved", message="yes", **times)
    new = in_state(condition("Approved", message="other"), OTHER)
    assert changed("status", new, in_state(before)) == []
    assert new["status"]["conditions"][0] == before
