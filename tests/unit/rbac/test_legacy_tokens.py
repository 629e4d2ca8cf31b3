"""Service-account tokens that are kept in Secrets."""

from __future__ import annotations

import base64
from collections.abc import Callable

import jwt
import pytest

from cluster.api.names import Object
from cluster.api.token_keys import INVALID_SINCE, LAST_USED, legacy_claims
from rbac.authn.remarks import listening
from rbac.authn.service_accounts import SECRETS, SERVICE_ACCOUNTS
from tests.unit.rbac.keys import ec_key
from tests.unit.rbac.token_world import ACCOUNT, ISSUER, Setting, parts, stamp
from tests.unit.rbac.world import metadata

TODAY = "2027-01-15"
OTHER = "Token does not match server's copy"
MANUAL = "authentication.k8s.io/legacy-token-manual-secret"


class Legacy(Setting):
    """A cluster with one such Secret, `t`."""

    def __init__(self) -> None:
        super().__init__(ec_key())
        self.token = self.signer.sign(legacy_claims(ACCOUNT, "t"))
        self.put()

    def put(self, token: str | None = None, **more: object) -> None:
        data = {"token": base64.b64encode((token or self.token).encode()).decode()}
        self.world.put(SECRETS, {"metadata": metadata("t", "dev", uid="uid-t", **more), "data": data})

    def account(self, **more: object) -> None:
        self.world.put(SERVICE_ACCOUNTS, {"metadata": metadata("user", "dev", **({"uid": "uid-user"} | more))})


@pytest.fixture
def legacy() -> Legacy:
    return Legacy()


def heard(setting: Setting, token: str) -> tuple[dict[str, str], list[str]]:
    """What is said of a token that is used."""
    annotations: dict[str, str] = {}
    warnings: list[str] = []
    with listening(annotations, warnings):
        setting.accepts(token)
    return annotations, warnings


def test_a_legacy_token_says_what_upstreams_says(legacy: Legacy) -> None:
    assert parts(legacy.token)[1] == {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "dev",
        "kubernetes.io/serviceaccount/secret.name": "t",
        "kubernetes.io/serviceaccount/service-account.name": "user",
        "kubernetes.io/serviceaccount/service-account.uid": "uid-user",
        "sub": "system:serviceaccount:dev:user",
    }


def test_a_legacy_token_makes_its_service_account_for_the_api_server_alone(legacy: Legacy) -> None:
    found = legacy.authenticator.authenticate_token(legacy.token, ())
    assert found is not None
    user, audiences = found
    assert (user.name, user.uid, dict(user.extra), audiences) == ("system:serviceaccount:dev:user", "uid-user", {}, (ISSUER,))
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:dev")
    assert "is invalid for the target audiences" in legacy.why_not(legacy.token, "vault")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda it: it.world.delete(SECRETS, "dev", "t"), "Token has been invalidated"),
        (lambda it: it.put(deletionTimestamp=stamp(0)), "Token has been invalidated"),
        (lambda it: it.put(token="other"), OTHER),
        (
            lambda it: it.world.put(SECRETS, {"metadata": metadata("t", "dev"), "data": {"token": "%"}}),
            "Token does not match server's copy",
        ),
        (lambda it: it.world.put(SECRETS, {"metadata": metadata("t", "dev")}), "Token does not match server's copy"),
        (lambda it: it.world.delete(SERVICE_ACCOUNTS, "dev", "user"), 'serviceaccounts "user" not found'),
        (lambda it: it.account(deletionTimestamp=stamp(0)), "ServiceAccount dev/user has been deleted"),
        (lambda it: it.account(uid="new"), "ServiceAccount UID (new) does not match claim (uid-user)"),
    ],
)
def test_a_legacy_token_ends_at_once_with_what_it_belongs_to(legacy: Legacy, change: Callable[[Legacy], object], why: str) -> None:
    assert legacy.accepts(legacy.token)
    change(legacy)
    assert legacy.why_not(legacy.token) == why


@pytest.mark.parametrize(
    ("claim", "value", "why"),
    [
        ("sub", "", "sub claim is missing"),
        ("kubernetes.io/serviceaccount/namespace", "", "namespace claim is missing"),
        ("kubernetes.io/serviceaccount/secret.name", "", "secretName claim is missing"),
        ("kubernetes.io/serviceaccount/service-account.name", "", "serviceAccountName claim is missing"),
        ("kubernetes.io/serviceaccount/service-account.uid", "", "serviceAccountUID claim is missing"),
        ("sub", "system:serviceaccount:dev:other", "sub claim is invalid"),
        ("sub", "tina", "sub claim is invalid"),
        ("sub", 5, "service account token claims could not be validated due to unexpected validation error"),
    ],
)
def test_claims_that_do_not_fit_together_are_refused(legacy: Legacy, claim: str, value: object, why: str) -> None:
    public = legacy.signer.public_keys[0]
    claims = {**parts(legacy.token)[1], claim: value}
    token = jwt.encode(claims, legacy.key.decode(), public.algorithm, headers={"kid": public.key_id})
    legacy.put(token=token)
    assert legacy.why_not(token) == why


def test_the_secret_is_labelled_with_the_day_of_its_last_use_once_a_day(legacy: Legacy) -> None:
    assert legacy.accepts(legacy.token)
    assert legacy.labelled == [("t", LAST_USED, TODAY)]
    legacy.put(labels={LAST_USED: TODAY})
    assert legacy.accepts(legacy.token)
    legacy.put(labels={LAST_USED: "2027-01-16"})  # by a server whose clock is ahead
    assert legacy.accepts(legacy.token)
    assert len(legacy.labelled) == 1
    legacy.clock.now += 2 * 86400
    assert legacy.accepts(legacy.token)
    assert legacy.labelled[1:] == [("t", LAST_USED, "2027-01-17")]


def test_a_token_that_was_marked_invalid_is_refused_and_noted(legacy: Legacy) -> None:
    legacy.put(labels={INVALID_SINCE: TODAY})
    assert legacy.why_not(legacy.token) == (
        "the token in secret dev/t for service account dev/user has been marked invalid. Use tokens from the TokenRequest API or manually "
        "created secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow "
        "use of this token"
    )
    assert legacy.labelled == [("t", LAST_USED, TODAY)]
    subject = {"authentication.k8s.io/legacy-token": "system:serviceaccount:dev:user"}
    assert heard(legacy, legacy.token) == (subject | {"authentication.k8s.io/legacy-token-invalidated": "t/dev"}, [])


def test_each_use_of_an_auto_generated_token_is_warned_of(legacy: Legacy) -> None:
    subject = {"authentication.k8s.io/legacy-token": "system:serviceaccount:dev:user"}
    assert heard(legacy, legacy.token) == (subject | {MANUAL: "t"}, [])
    account: Object = {**ACCOUNT, "secrets": [{"name": "t"}]}
    legacy.world.put(SERVICE_ACCOUNTS, account)
    text = "Use tokens from the TokenRequest API or manually created secret-based tokens instead of auto-generated secret-based tokens."
    for _ in range(2):
        annotations = subject | {"authentication.k8s.io/legacy-token-autogenerated-secret": "t"}
        assert heard(legacy, legacy.token) == (annotations, [text])


def test_the_use_of_a_stale_token_is_noted(legacy: Legacy) -> None:
    token = legacy.issue(warn_after=60)
    assert heard(legacy, token) == ({}, [])
    legacy.clock.now += 100
    noted = "subject: system:serviceaccount:dev:user, seconds after warning threshold: 40"
    assert heard(legacy, token) == ({"authentication.k8s.io/stale-token": noted}, [])
