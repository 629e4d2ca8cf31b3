"""An issued credential is good as long as its record vouches for it; credentials of no record are none of that."""

from __future__ import annotations

import datetime
import hashlib

import pytest

from cluster.api.authorization import Credentials
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authn.authorities import Authorities
from rbac.authn.errors import BadCredentials
from rbac.authn.x509 import CertificateAuthenticator
from rbac.credentials.certificates import issue_client_certificate
from rbac.credentials.check import CredentialCheck, RecordKey
from rbac.credentials.reference import CLUSTER_KUBECONFIGS, CREDENTIAL_ID, EXTRA, KUBECONFIGS, Reference, credential_of
from tests.unit.rbac.keys import authority, der
from tests.unit.rbac.world import World, metadata

NOW = 1_900_000_000.0
LATER, EARLIER = "2031-01-01T00:00:00Z", "2030-03-17T17:46:40Z"
HERS = Reference(KUBECONFIGS, "dev", "hers", "1")


def record(expires: str = LATER, *, uid: str = "1", status: Object | None = None, **more: str) -> Object:
    credentials = [{"id": "JTI=old", "expiresAt": LATER, "revokedAt": EARLIER}, {"id": "JTI=1", "expiresAt": expires, **more}]
    return {"metadata": metadata("hers", "dev", uid=uid), "status": {"credentials": credentials, **(status or {})}}


def refusal(found: Object | None, credential_id: str = "JTI=1") -> str:
    world = World()
    if found is not None:
        world.put(KUBECONFIGS, found)
    try:
        CredentialCheck(world, clock=lambda: NOW).check(HERS, credential_id)
    except BadCredentials as error:
        return str(error)
    return ""


def test_what_is_listed_is_good() -> None:
    assert refusal(record()) == ""


@pytest.mark.parametrize(
    ("found", "credential_id", "why"),
    [
        (None, "JTI=1", "has been deleted"),
        (record(uid="2"), "JTI=1", "has been deleted"),
        ({**record(), "metadata": metadata("hers", "dev", uid="1", deletionTimestamp=EARLIER)}, "JTI=1", "has been deleted"),
        (record(), "JTI=other", "does not list this credential"),
        (record(), "", "does not list this credential"),
        ({"metadata": metadata("hers", "dev", uid="1")}, "JTI=1", "does not list this credential"),
        (record(revokedAt=EARLIER), "JTI=1", "has been revoked"),
        (record(), "JTI=old", "has been revoked"),
        (record(status={"revokedAt": EARLIER}), "JTI=1", "has been revoked"),
        (record(EARLIER), "JTI=1", "has expired"),
    ],
)
def test_anything_else_is_refused(found: Object | None, credential_id: str, why: str) -> None:
    assert refusal(found, credential_id) == f'kubeconfig "hers" {why}'


def test_uses_are_told_once() -> None:
    world = World()
    world.put(KUBECONFIGS, record())
    check = CredentialCheck(world, clock=lambda: NOW)
    check.check(HERS, "JTI=1")
    assert (check.take_used(), check.take_used()) == ({RecordKey(KUBECONFIGS, "dev", "hers"): NOW}, {})


def test_a_refused_use_is_none() -> None:
    check = CredentialCheck(World(), clock=lambda: NOW)
    with pytest.raises(BadCredentials):
        check.check(HERS, "JTI=1")
    assert check.take_used() == {}


@pytest.mark.parametrize("reference", [HERS, Reference(CLUSTER_KUBECONFIGS, "", "all.of-them", "2")])
def test_a_reference_reads_back_as_it_was_written(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kubeconfigs",
        "kubeconfigs/dev/hers",
        "clusterkubeconfigs/a/b/c",
        "kubeconfigs//hers/1",
        "pods/dev/hers/1",
        "kubeconfigs/a/b/c/d",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"reference|kubeconfigs/"):
        Reference.parse(text)


@pytest.mark.parametrize(
    "extra",
    [{}, {EXTRA: (str(HERS),)}, {CREDENTIAL_ID: ("JTI=1",)}, {EXTRA: ("x",), CREDENTIAL_ID: ("JTI=1",)}, {EXTRA: (), CREDENTIAL_ID: ()}],
)
def test_a_user_who_did_not_come_by_a_kubeconfig_has_none(extra: dict[str, tuple[str, ...]]) -> None:
    assert credential_of(UserInfo("tina", extra=extra)) is None


def certificate(uri: str) -> bytes:
    return der(issue_client_certificate(*authority(), "tina", [], datetime.timedelta(days=1), uri=uri)[0])


def authenticator(credentials: CredentialCheck | None) -> CertificateAuthenticator:
    return CertificateAuthenticator(Authorities.of_pem(authority()[0]), credentials)


@pytest.mark.parametrize("uri", ["berth:", "berth:kubeconfigs/dev/hers", "berth:kubeconfigs/dev/hers/1"])
def test_a_certificate_that_names_a_record_is_refused_without_it(uri: str) -> None:
    with pytest.raises(BadCredentials):
        authenticator(CredentialCheck(World())).authenticate(Credentials(certificate=certificate(uri)))


def test_without_records_no_issued_certificate_is_good() -> None:
    with pytest.raises(BadCredentials):
        authenticator(None).authenticate(Credentials(certificate=certificate("berth:kubeconfigs/dev/hers/1")))


def test_other_alternative_names_mean_nothing() -> None:
    user = authenticator(CredentialCheck(World())).authenticate(Credentials(certificate=certificate("spiffe://x/y")))
    assert user is not None
    assert EXTRA not in user.extra


def test_a_revocation_holds_for_a_certificate_that_was_seen() -> None:
    world, shown = World(), Credentials(certificate=certificate("berth:kubeconfigs/dev/hers/1"))
    check = CredentialCheck(world)
    accepts = authenticator(check)
    listed = record(LATER)
    listed["status"]["credentials"][1]["id"] = credential_id(shown)
    world.put(KUBECONFIGS, listed)
    user = accepts.authenticate(shown)
    assert user is not None
    assert credential_of(user) == (HERS, credential_id(shown))
    world.put(KUBECONFIGS, {**listed, "status": {**listed["status"], "revokedAt": EARLIER}})
    with pytest.raises(BadCredentials, match="revoked"):
        accepts.authenticate(shown)


def credential_id(shown: Credentials) -> str:
    return f"X509SHA256={hashlib.sha256(shown.certificate or b'').hexdigest()}"
