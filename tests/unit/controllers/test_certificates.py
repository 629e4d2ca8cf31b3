"""Which requests are approved, signed, failed and removed."""

from __future__ import annotations

import base64
import datetime
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.api.certificates import API_SERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN
from cluster.api.errors import InternalError
from cluster.api.names import Object
from cluster.client.resources import CERTIFICATE_SIGNING_REQUESTS
from cluster.controllers.certificates.approving import Approver, permissions
from cluster.controllers.certificates.cleaning import Cleaner, is_over
from cluster.controllers.certificates.rules import RULES
from cluster.controllers.certificates.signing import Signer, waits_for_signature
from cluster.controllers.framework import BackOff
from tests.unit.controllers.server import Server
from tests.unit.controllers.signing_requests import (
    CLIENT,
    DNS,
    IP,
    MAIL,
    NOW,
    SERVING,
    URI,
    condition,
    pem_of,
    pkcs10,
    signing_request,
)
from tests.unit.rbac.keys import authority

APPROVED, DENIED, FAILED = condition("Approved"), condition("Denied"), condition("Failed")
KEY = ("", "csr")


@pytest.mark.parametrize(
    ("signer", "request_", "usages", "why"),
    [
        (API_SERVER_CLIENT, pkcs10("jane", ["dev"]), CLIENT, ""),
        (API_SERVER_CLIENT, pkcs10("jane", ["dev"]), CLIENT[::2], ""),
        (API_SERVER_CLIENT, pkcs10("jane", ["dev"], [DNS, MAIL]), CLIENT[2:], ""),
        (API_SERVER_CLIENT, pkcs10(), ("server auth", *CLIENT), "invalid usage for client certificate: server auth"),
        (API_SERVER_CLIENT, pkcs10(), CLIENT[:2], "missing required usage for client certificate: client auth"),
        (KUBELET_CLIENT, pkcs10(), CLIENT, ""),
        (KUBELET_CLIENT, pkcs10(), CLIENT[::2], ""),
        (KUBELET_CLIENT, pkcs10(organizations=["system:notnodes"]), CLIENT, "subject organization is not system:nodes"),
        (KUBELET_CLIENT, pkcs10(organizations=["system:nodes", "x"]), CLIENT, "subject organization is not system:nodes"),
        (KUBELET_CLIENT, pkcs10(names=[DNS]), CLIENT, "DNS subjectAltNames are not allowed"),
        (KUBELET_CLIENT, pkcs10(names=[IP, MAIL]), CLIENT, "Email subjectAltNames are not allowed"),
        (KUBELET_CLIENT, pkcs10(names=[IP]), CLIENT, "IP subjectAltNames are not allowed"),
        (KUBELET_CLIENT, pkcs10(names=[URI]), CLIENT, "URI subjectAltNames are not allowed"),
        (KUBELET_CLIENT, pkcs10("jane"), CLIENT, "subject common name does not begin with system:node:"),
        (KUBELET_CLIENT, pkcs10(), SERVING, "usages did not match [client auth digital signature key encipherment]"),
        (KUBELET_CLIENT, pkcs10(), CLIENT[2:], "usages did not match [client auth digital signature key encipherment]"),
        (KUBELET_SERVING, pkcs10(names=[DNS]), SERVING, ""),
        (KUBELET_SERVING, pkcs10(names=[IP]), SERVING[::2], ""),
        (KUBELET_SERVING, pkcs10(organizations=[], names=[DNS]), SERVING, "subject organization is not system:nodes"),
        (KUBELET_SERVING, pkcs10(), SERVING, "DNS or IP subjectAltName is required"),
        (KUBELET_SERVING, pkcs10(names=[DNS, MAIL]), SERVING, "Email subjectAltNames are not allowed"),
        (KUBELET_SERVING, pkcs10(names=[DNS, URI]), SERVING, "URI subjectAltNames are not allowed"),
        (KUBELET_SERVING, pkcs10(names=[DNS]), CLIENT, "usages did not match [digital signature key encipherment server auth]"),
        (KUBELET_SERVING, pkcs10("jane", names=[DNS]), SERVING, "subject common name does not begin with system:node:"),
        (LEGACY_UNKNOWN, pkcs10("", []), ("cert sign",), ""),
    ],
)
def test_what_a_signer_signs(signer: str, request_: x509.CertificateSigningRequest, usages: Sequence[str], why: str) -> None:
    assert RULES[signer](request_, usages) == why


@pytest.mark.parametrize(
    ("request_", "waits"),
    [
        (signing_request(APPROVED), True),
        (signing_request(APPROVED, condition("Failed", status="False")), True),
        (signing_request(), False),
        (signing_request(APPROVED, DENIED), False),
        (signing_request(APPROVED, FAILED), False),
        (signing_request(APPROVED, {"type": "Failed"}), False),
        (signing_request(APPROVED, certificate=b"x"), False),
        (signing_request(APPROVED, signer="kubernetes.io/other"), False),
        (signing_request(APPROVED, signer="example.com/own"), False),
    ],
)
def test_what_is_signed(request_: Object, waits: bool) -> None:
    assert waits_for_signature(request_) is waits


def _server(request: Object) -> Server:
    made = Server()
    made.put(CERTIFICATE_SIGNING_REQUESTS, request)
    return made


def _signer(server: Server, folder: Path, longest: datetime.timedelta = datetime.timedelta(days=1)) -> Signer:
    certificate, key = authority()
    (folder / "ca.crt").write_bytes(certificate)
    (folder / "ca.key").write_bytes(key)
    cache, files = server.cache(CERTIFICATE_SIGNING_REQUESTS), (folder / "ca.crt", folder / "ca.key")
    return Signer(server, cache, files, longest)  # type: ignore[arg-type]


def test_an_approved_request_gets_its_certificate(tmp_path: Path) -> None:
    server = _server(signing_request(APPROVED, expirationSeconds=3600))
    _signer(server, tmp_path).sync(KEY)
    assert server.writes == [("update", "certificatesigningrequests/status", "csr")]
    status = (server.find(CERTIFICATE_SIGNING_REQUESTS, *KEY) or {})["status"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(status["certificate"]))
    assert certificate.subject.rfc4514_string() == "CN=system:node:n1,O=system:nodes"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == datetime.timedelta(minutes=65)
    assert status["conditions"] == [APPROVED]


def test_a_request_that_its_signer_does_not_sign_fails(tmp_path: Path) -> None:
    server = _server(signing_request(APPROVED, usages=SERVING))
    _signer(server, tmp_path).sync(KEY)
    status = (server.find(CERTIFICATE_SIGNING_REQUESTS, *KEY) or {})["status"]
    failed = status["conditions"][1]
    assert "certificate" not in status
    assert (failed["type"], failed["status"], failed["reason"]) == ("Failed", "True", "SignerValidationFailure")
    assert failed["message"] == "usages did not match [client auth digital signature key encipherment]"


def test_what_is_not_to_be_signed_is_not_written(tmp_path: Path) -> None:
    server = _server(signing_request())
    signer = _signer(server, tmp_path)
    signer.sync(KEY)
    signer.sync(("", "gone"))
    assert server.writes == []


def test_another_s_write_comes_first(tmp_path: Path) -> None:
    server = _server(signing_request(APPROVED))
    server.conflicts = 1
    _signer(server, tmp_path).sync(KEY)
    assert server.writes == [("update", "certificatesigningrequests/status", "csr")]


def test_a_ca_that_cannot_be_read_is_tried_again(tmp_path: Path) -> None:
    server = _server(signing_request(APPROVED))
    signer = _signer(server, tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(InternalError, match="error auto signing csr: error reading CA key file"):
        signer.sync(KEY)
    assert server.writes == []


BOTH, ONE = ["selfnodeclient", "nodeclient"], ["nodeclient"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (signing_request(username="system:node:n1"), BOTH),
        (signing_request(username="jane"), ONE),
        (signing_request(username="jane", usages=CLIENT[::2]), ONE),
        (signing_request(username="system:node:n1", signer=API_SERVER_CLIENT), []),
        (signing_request(username="system:node:n1", usages=SERVING), []),
        (signing_request(username="system:node:n1", request=pem_of(pkcs10(names=[DNS]))), []),
        (signing_request(username="jane", request=pem_of(pkcs10("jane"))), []),
    ],
)
def test_what_a_kubelet_s_request_needs_permission_for(request_: Object, expected: list[str]) -> None:
    assert permissions(request_) == expected


def test_no_request_is_no_request() -> None:
    with pytest.raises(InternalError, match='unable to parse csr "csr": PEM block type must be CERTIFICATE REQUEST'):
        permissions(signing_request(request=b"nothing"))


@pytest.mark.parametrize(
    ("allowed", "username", "message"),
    [
        ({"selfnodeclient"}, "system:node:n1", "Auto approving self kubelet client certificate after SubjectAccessReview."),
        ({"nodeclient"}, "system:node:n1", "Auto approving kubelet client certificate after SubjectAccessReview."),
        ({"nodeclient"}, "jane", "Auto approving kubelet client certificate after SubjectAccessReview."),
    ],
)
def test_who_is_allowed_is_approved(allowed: set[str], username: str, message: str) -> None:
    server = _server(signing_request(username=username))
    server.allowed = allowed
    Approver(server, server.cache(CERTIFICATE_SIGNING_REQUESTS)).sync(KEY)  # type: ignore[arg-type]
    assert server.writes == [("update", "certificatesigningrequests/approval", "csr")]
    found = (server.find(CERTIFICATE_SIGNING_REQUESTS, *KEY) or {})["status"]["conditions"]
    assert found == [{"type": "Approved", "status": "True", "reason": "AutoApproved", "message": message}]


@pytest.mark.parametrize("username", ["system:node:n1", "jane"])
def test_who_is_not_allowed_waits_and_is_asked_about_as_who_they_are(username: str) -> None:
    server = _server(signing_request(username=username, uid="7", groups=["g"], extra={"k": ["v"]}))
    with pytest.raises(BackOff):
        Approver(server, server.cache(CERTIFICATE_SIGNING_REQUESTS)).sync(KEY)  # type: ignore[arg-type]
    assert server.writes == []
    asked = server.reviews[-1]
    assert (asked["user"], asked["uid"], asked["groups"], asked["extra"]) == (username, "7", ["g"], {"k": ["v"]})
    assert asked["resourceAttributes"] == {
        "group": "certificates.k8s.io",
        "version": "*",
        "resource": "certificatesigningrequests",
        "subresource": "nodeclient",
        "verb": "create",
    }


@pytest.mark.parametrize(
    "request_",
    [
        signing_request(APPROVED),
        signing_request(DENIED),
        signing_request(certificate=b"x"),
        signing_request(signer=API_SERVER_CLIENT),
    ],
)
def test_what_is_decided_or_no_kubelet_s_is_left_alone(request_: Object) -> None:
    server = _server(request_)
    server.allowed = {*BOTH}
    Approver(server, server.cache(CERTIFICATE_SIGNING_REQUESTS)).sync(KEY)  # type: ignore[arg-type]
    assert (server.reviews, server.writes) == ([], [])


def _certificate(ends: datetime.datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(x509.Name([]), x509.Name([])).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(NOW - datetime.timedelta(days=2)).not_valid_after(ends)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


GOOD, EXPIRED = _certificate(NOW + datetime.timedelta(minutes=1)), _certificate(NOW - datetime.timedelta(minutes=1))
DAY = 24 * 60


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (signing_request(minutes_old=DAY - 1), ""),
        (signing_request(minutes_old=DAY + 1), "unhandled for a day"),
        (signing_request(condition("Approved", 59), certificate=GOOD), ""),
        (signing_request(condition("Approved", 61), certificate=GOOD), "issued for an hour"),
        (signing_request(condition("Approved", 1), certificate=EXPIRED), "its certificate has expired"),
        (signing_request(condition("Approved", 1), certificate=b"another's"), ""),
        (signing_request(condition("Approved", DAY - 1)), ""),
        (signing_request(condition("Approved", DAY + 1)), "approved but unissued for a day"),
        (signing_request(condition("Denied", 59)), ""),
        (signing_request(condition("Denied", 61)), "denied for an hour"),
        (signing_request(condition("Approved", 59), condition("Failed", 59)), ""),
        (signing_request(condition("Approved", 59), condition("Failed", 61)), "failed for an hour"),
        (signing_request({"type": "Denied", "status": "True"}, minutes_old=3 * DAY), ""),
        (signing_request(condition("Other", 3 * DAY), minutes_old=3 * DAY), ""),
    ],
)
def test_what_is_over(request_: Object, why: str) -> None:
    assert is_over(request_, NOW) == why


def test_what_is_over_is_removed_and_a_failure_does_not_keep_the_rest() -> None:
    server = Server()
    for name in ("kept", "refused", "gone"):
        made = signing_request(minutes_old=0 if name == "kept" else 2 * DAY)
        made["metadata"]["name"] = name
        server.put(CERTIFICATE_SIGNING_REQUESTS, made)
    server.refused = {"refused"}
    Cleaner(server, server.cache(CERTIFICATE_SIGNING_REQUESTS), now=lambda: NOW).clean(threading.Event())  # type: ignore[arg-type]
    assert [name for _, name in server.objects[CERTIFICATE_SIGNING_REQUESTS]] == ["kept", "refused"]
