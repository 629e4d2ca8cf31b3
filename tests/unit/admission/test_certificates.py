"""Who may approve and sign which requests, and what nobody gets a certificate of."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from admission.attributes import Attributes, Operation
from admission.plugins.certificate_approval import CertificateApproval
from admission.plugins.certificate_signing import CertificateSigning
from admission.plugins.certificate_subject_restriction import CertificateSubjectRestriction
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Decision, Verdict
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import TINA, write
from tests.unit.controllers.signing_requests import pem_of, pkcs10

WHAT = "certificatesigningrequests.certificates.k8s.io"


class Asked:
    """An authorizer that allows verbs on signers' names."""

    def __init__(self, *allowed: tuple[str, str]) -> None:
        self._allowed = allowed
        self.questions: list[Question] = []

    def authorize(self, attributes: Question) -> Verdict:
        self.questions.append(attributes)
        found = (attributes.verb, attributes.name) in self._allowed
        return Verdict(Decision.ALLOW if found else Decision.NO_OPINION)


def request(signer: str = "abc.com/xyz", *, certificate: str = "", conditions: Sequence[Object] = ()) -> Object:
    status: Object = {"certificate": certificate} if certificate else {}
    return {"metadata": {"name": "csr"}, "spec": {"signerName": signer}, "status": status | {"conditions": list(conditions)}}


FAILED = {"type": "Failed", "status": "True"}


@pytest.mark.parametrize(
    ("allowed", "denied"),
    [
        ([("approve", "abc.com/xyz")], ""),
        ([("approve", "abc.com/*")], ""),
        ([], 'user not permitted to approve requests with signerName "abc.com/xyz"'),
        ([("sign", "abc.com/xyz")], 'user not permitted to approve requests with signerName "abc.com/xyz"'),
        ([("approve", "notabc.com/xyz")], 'user not permitted to approve requests with signerName "abc.com/xyz"'),
        ([("approve", "*")], 'user not permitted to approve requests with signerName "abc.com/xyz"'),
    ],
)
def test_who_may_approve(allowed: list[tuple[str, str]], denied: str) -> None:
    assert _refusal(CertificateApproval(Asked(*allowed)), write("UPDATE", f"{WHAT}/approval", request(), request())) == denied


def test_the_signer_before_the_write_counts() -> None:
    plugin = CertificateApproval(Asked(("approve", "mine.com/x")))
    attributes = write("UPDATE", f"{WHAT}/approval", request("mine.com/x"), request("abc.com/xyz"))
    assert _refusal(plugin, attributes) == 'user not permitted to approve requests with signerName "abc.com/xyz"'


def test_what_the_authorizer_is_asked() -> None:
    asked = Asked()
    _refusal(CertificateApproval(asked), write("UPDATE", f"{WHAT}/approval", request(), request()))
    expected = Question(TINA, "approve", api_group="certificates.k8s.io", api_version="*", resource="signers", name="abc.com/xyz")
    assert asked.questions[0] == expected
    assert [each.name for each in asked.questions] == ["abc.com/xyz", "abc.com/*"]


@pytest.mark.parametrize("what", [WHAT, f"{WHAT}/status", "pods/approval"])
def test_other_writes_need_no_leave_to_approve(what: str) -> None:
    assert _refusal(CertificateApproval(Asked()), write("UPDATE", what, request(), request())) == ""


NOT_SIGN = 'user not permitted to sign requests with signerName "abc.com/xyz"'


@pytest.mark.parametrize(
    ("allowed", "new", "old", "denied"),
    [
        ([("sign", "abc.com/xyz")], request(certificate="x"), request(), ""),
        ([("sign", "abc.com/*")], request(certificate="x"), request(), ""),
        ([("approve", "abc.com/xyz")], request(certificate="x"), request(), NOT_SIGN),
        ([("sign", "notabc.com/xyz")], request(certificate="x"), request(), NOT_SIGN),
        ([], request(certificate="y"), request(certificate="x"), NOT_SIGN),
        ([], request(conditions=[FAILED]), request(), NOT_SIGN),
        ([], request(), request(conditions=[FAILED]), NOT_SIGN),
        ([], request(certificate="x", conditions=[FAILED]), request(certificate="x", conditions=[FAILED]), ""),
        ([], request(), {"spec": {"signerName": "abc.com/xyz"}}, ""),
    ],
)
def test_who_may_sign(allowed: list[tuple[str, str]], new: Object, old: Object, denied: str) -> None:
    assert _refusal(CertificateSigning(Asked(*allowed)), write("UPDATE", f"{WHAT}/status", new, old)) == denied


@pytest.mark.parametrize("what", [WHAT, f"{WHAT}/approval", "pods/status"])
def test_other_writes_need_no_leave_to_sign(what: str) -> None:
    assert _refusal(CertificateSigning(Asked()), write("UPDATE", what, request(certificate="x"), request())) == ""


def subject(*organizations: str, signer: str = "kubernetes.io/kube-apiserver-client") -> Object:
    encoded = base64.b64encode(pem_of(pkcs10("jane", organizations))).decode()
    return {"metadata": {"name": "csr"}, "spec": {"signerName": signer, "request": encoded}}


MASTERS = "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"


@pytest.mark.parametrize(
    ("what", "new", "denied"),
    [
        (WHAT, subject("system:masters"), MASTERS),
        (WHAT, subject("dev", "system:masters"), MASTERS),
        (WHAT, subject("system:admin"), ""),
        (WHAT, subject(), ""),
        (WHAT, subject("system:masters", signer="example.com/own"), ""),
        (f"{WHAT}/approval", subject("system:masters"), ""),
        ("pods", subject("system:masters"), ""),
        (
            WHAT,
            {"metadata": {"name": "csr"}, "spec": {"signerName": "kubernetes.io/kube-apiserver-client", "request": "eA=="}},
            "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST",
        ),
    ],
)
def test_what_nobody_gets_a_certificate_of(what: str, new: Object, denied: str) -> None:
    assert _refusal(CertificateSubjectRestriction(), write("CREATE", what, new)) == denied


@pytest.mark.parametrize(
    ("plugin", "operation"),
    [
        (CertificateApproval(Asked()), Operation.UPDATE),
        (CertificateSigning(Asked()), Operation.UPDATE),
        (CertificateSubjectRestriction(), Operation.CREATE),
    ],
)
def test_each_has_one_operation(
    plugin: CertificateApproval | CertificateSigning | CertificateSubjectRestriction, operation: Operation
) -> None:
    assert [each for each in Operation if plugin.handles(each)] == [operation]


def _refusal(plugin: CertificateApproval | CertificateSigning | CertificateSubjectRestriction, attributes: Attributes) -> str:
    """What comes after `<resource> "csr" is forbidden: `; empty where the write goes through."""
    try:
        plugin.validate(attributes)
    except Forbidden as error:
        before, _, why = error.message.partition(" is forbidden: ")
        assert before == f'{attributes.resource.group_resource} "csr"'
        return why
    return ""
