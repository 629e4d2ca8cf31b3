"""Bootstrap tokens: which of them sign, what they sign, and when they go."""

from __future__ import annotations

import base64
import datetime

import pytest

from cluster.api.names import Object
from cluster.client.resources import SECRETS
from cluster.controllers.bootstrap_signer import detached_signature, signing_tokens, wanted
from cluster.controllers.framework import Requeue
from cluster.controllers.token_cleaner import TokenCleaner
from tests.unit.controllers.server import Server

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
PAST, FUTURE = "2026-01-01T11:59:59Z", "2026-01-01T13:00:10+01:00"


def token(name: str = "bootstrap-token-abcdef", **data: str | None) -> Object:
    values: dict[str, str | None] = {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true"}
    values |= {key.replace("_", "-"): value for key, value in data.items()}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items() if value is not None}
    metadata = {"name": name, "namespace": "kube-system", "uid": "u1"}
    return {"metadata": metadata, "type": "bootstrap.kubernetes.io/token", "data": encoded}


@pytest.mark.parametrize(
    ("content", "secret", "signature"),
    [
        (
            "Hello from the other side. I must have called a thousand times.",
            "my voice is my passcode",
            "VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8",
        ),
        ("", "my voice is my passcode", "7Ui1ALizW4jXphVUB7xUqC9vLYLL9RZeOFfVLoB7Tgk"),
        ("Hello from the other side. I must have called a thousand times.", "", "UfkqvDGiIFxrMnFseDj9LYJOLNrvjW8aHhF71mvvAs8"),
    ],
)
def test_a_signature_is_that_of_kubernetes(content: str, secret: str, signature: str) -> None:
    assert detached_signature(content, "joshua", secret) == f"eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..{signature}"


@pytest.mark.parametrize(
    ("secret", "signs"),
    [
        (token(), True),
        (token(expiration=FUTURE), True),
        (token(expiration=PAST), False),
        (token(expiration="tomorrow"), False),
        (token(expiration="2026-02-01"), False),
        ({**token(), "data": token()["data"] | {"expiration": "/w=="}}, False),
        (token(usage_bootstrap_signing="false"), False),
        (token(usage_bootstrap_signing=None), False),
        (token(token_id=None), False),
        (token(token_id="abcdeg"), False),
        (token(token_secret=None), False),
        (token(token_secret=""), False),
        (token(name="bootstrap-token-ABCDEF"), False),
        (token(name="bootstrap-token-abcdef0"), False),
        (token(name="abcdef"), False),
    ],
)
def test_which_tokens_sign(secret: Object, signs: bool) -> None:
    assert signing_tokens([secret], NOW) == ({"abcdef": "0123456789abcdef"} if signs else {})


def cluster_info(**data: str) -> Object:
    return {"metadata": {"name": "cluster-info", "namespace": "kube-public"}, "data": data}


SIGNED = {"jws-kubeconfig-abcdef": detached_signature("config", "abcdef", "secret")}


@pytest.mark.parametrize(
    ("data", "tokens", "expected"),
    [
        ({}, {"abcdef": "secret"}, None),
        ({"kubeconfig": "config"}, {}, None),
        ({"kubeconfig": "config"}, {"abcdef": "secret"}, {"kubeconfig": "config"} | SIGNED),
        ({"kubeconfig": "config"} | SIGNED, {"abcdef": "secret"}, None),
        ({"kubeconfig": "config", "jws-kubeconfig-abcdef": "old"}, {"abcdef": "secret"}, {"kubeconfig": "config"} | SIGNED),
        ({"kubeconfig": "config", "own": "x"} | SIGNED, {}, {"kubeconfig": "config", "own": "x"}),
    ],
)
def test_what_is_signed(data: dict[str, str], tokens: dict[str, str], expected: dict[str, str] | None) -> None:
    changed = wanted(cluster_info(**data), tokens)
    assert (changed and changed["data"]) == expected


@pytest.mark.parametrize(
    ("secret", "gone", "again"),
    [
        (token(), False, None),
        (token(expiration=FUTURE), False, 10.0),
        (token(expiration=PAST), True, None),
        (token(expiration="2026-01-01T12:00:00Z"), True, None),
        (token(expiration="soon"), True, None),
        (token(expiration="2026-13-01T12:00:00Z"), True, None),
    ],
)
def test_a_token_goes_when_its_time_is_over(secret: Object, gone: bool, again: float | None) -> None:
    server = Server()
    server.put(SECRETS, secret)
    cleaner = TokenCleaner(server, server.cache(SECRETS), now=lambda: NOW)  # type: ignore[arg-type]
    key = ("kube-system", "bootstrap-token-abcdef")
    due = None
    try:
        cleaner.sync(key)
    except Requeue as requeue:
        due = requeue.seconds
    assert (server.find(SECRETS, *key) is None, due) == (gone, again)


def test_a_token_that_was_made_anew_stays() -> None:
    server = Server()
    server.put(SECRETS, token(expiration=PAST))
    cleaner = TokenCleaner(server, server.cache(SECRETS), now=lambda: NOW)  # type: ignore[arg-type]
    server.put(SECRETS, {**token(), "metadata": {**token()["metadata"], "uid": "u2"}})
    cleaner.sync(("kube-system", "bootstrap-token-abcdef"))
    assert server.find(SECRETS, "kube-system", "bootstrap-token-abcdef") is not None
