"""Secrets of service accounts: filled, put right, removed with their account, and no longer named once gone."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import jwt
import pytest

from cluster.api.errors import Conflict, InternalError
from cluster.api.names import Object
from cluster.client.cache import Cache
from cluster.client.resources import SECRETS, SERVICE_ACCOUNTS
from cluster.controllers.framework import Context, Informers, ManagerOptions
from cluster.controllers.token import OF_TYPE, TokenSecrets, account_key, build, by_account, signed_token
from rbac.authn.keys import load_public_keys
from tests.unit.controllers.server import Server
from tests.unit.rbac.keys import ec_key, rsa_key

KEY = ("dev", "bot")
GET_ACCOUNT, GET_SECRET = ("serviceaccounts", "bot"), ("secrets", "s")
DELETED, UPDATED = ("delete", "secrets", "s"), ("update", "secrets", "s")


def account(uid: str = "u1", *secrets: str) -> Object:
    named = {"secrets": [{"name": name} for name in secrets]} if secrets else {}
    return {"metadata": {"name": "bot", "namespace": "dev", "uid": uid, "resourceVersion": "1"}, **named}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


WHOLE = {"ca.crt": encoded("CA"), "namespace": encoded("dev"), "token": encoded("T")}


def secret(data: Object | None = None, uid: str | None = "u1", name: str = "s", version: str = "1") -> Object:
    """`uid`: the account's, as the secret is annotated with it; None: with none."""
    annotations = {"kubernetes.io/service-account.name": "bot"} | ({} if uid is None else {"kubernetes.io/service-account.uid": uid})
    metadata = {"name": name, "namespace": "dev", "uid": f"uid-{name}", "resourceVersion": version, "annotations": annotations}
    return {"metadata": metadata, "type": "kubernetes.io/service-account-token", "data": WHOLE if data is None else data}


class World:
    """What the informers hold may differ from what the server has."""

    def __init__(self, folder: Path, *, live: list[Object], seen_account: Object | None, seen: list[Object], ca: str = "CA") -> None:
        self.server = Server()
        for obj in live:
            self.server.put(SECRETS if "type" in obj else SERVICE_ACCOUNTS, obj)
        accounts, secrets = Cache(), Cache({"account": by_account})
        if seen_account is not None:
            accounts.put(seen_account)
        for obj in seen:
            secrets.put(obj)
        key = folder / "sa.key"
        key.write_bytes(ec_key())
        self.controller = TokenSecrets(self.server, accounts, secrets, key, ca)  # type: ignore[arg-type]


NO_TOKEN = {"ca.crt": WHOLE["ca.crt"], "namespace": WHOLE["namespace"]}
NO_CA = {"token": WHOLE["token"], "namespace": WHOLE["namespace"]}
NO_NAMESPACE = {"token": WHOLE["token"], "ca.crt": WHOLE["ca.crt"]}


@pytest.mark.parametrize(
    ("live", "seen_account", "seen", "reads", "writes"),
    [
        pytest.param([account()], account(), [], [], [], id="an account without secrets"),
        pytest.param([account("u1", "x")], account("u1", "x"), [], [], [], id="an account that names a secret that is not there"),
        pytest.param([], None, [], [], [], id="an account that is gone and had none"),
        pytest.param([account(), secret()], account(), [secret()], [], [], id="all is well"),
        pytest.param([secret()], None, [secret()], [GET_ACCOUNT], [DELETED], id="the account is gone"),
        pytest.param([account(), secret()], None, [secret()], [GET_ACCOUNT], [], id="the account is new, and not seen yet"),
        pytest.param([account("u2"), secret()], account("u2"), [secret()], [GET_ACCOUNT], [DELETED], id="another account of that name"),
        pytest.param([account(), secret(uid=None)], account(), [secret(uid=None)], [], [], id="no uid is any uid"),
        pytest.param([account(), secret({})], account(), [secret({})], [GET_SECRET], [UPDATED], id="an empty secret"),
        pytest.param([account(), secret(NO_TOKEN)], account(), [secret(NO_TOKEN)], [GET_SECRET], [UPDATED], id="no token"),
        pytest.param([account(), secret(NO_CA)], account(), [secret(NO_CA)], [GET_SECRET], [UPDATED], id="no CA"),
        pytest.param(
            [account(), secret(WHOLE | {"ca.crt": "eA=="})],
            account(),
            [secret(WHOLE | {"ca.crt": "eA=="})],
            [GET_SECRET],
            [UPDATED],
            id="another CA",
        ),
        pytest.param([account(), secret(NO_NAMESPACE)], account(), [secret(NO_NAMESPACE)], [GET_SECRET], [UPDATED], id="no namespace"),
        pytest.param(
            [account(), secret(WHOLE | {"namespace": "eA=="})],
            account(),
            [secret(WHOLE | {"namespace": "eA=="})],
            [],
            [],
            id="a namespace of one's own is kept",
        ),
        pytest.param([account(), secret()], account(), [secret({})], [GET_SECRET], [], id="filled meanwhile"),
        pytest.param([account(), secret({}, version="2")], account(), [secret({})], [GET_SECRET], [], id="changed meanwhile"),
        pytest.param([account()], account(), [secret({})], [GET_SECRET], [], id="gone meanwhile"),
    ],
)
def test_what_is_done_to_a_token_secret(
    tmp_path: Path, live: list[Object], seen_account: Object | None, seen: list[Object], reads: list[Any], writes: list[Any]
) -> None:
    world = World(tmp_path, live=live, seen_account=seen_account, seen=seen)
    world.controller.sync(KEY)
    assert (world.server.reads, world.server.writes) == (reads, writes)


def test_a_secret_is_filled_with_all_it_needs(tmp_path: Path) -> None:
    world = World(tmp_path, live=[account(), secret({"own": "eA=="}, uid=None)], seen_account=account(), seen=[secret({}, uid=None)])
    world.controller.sync(KEY)
    filled = world.server.find(SECRETS, "dev", "s") or {}
    assert filled["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == "u1"
    assert {*filled["data"]} == {"own", "ca.crt", "namespace", "token"}
    assert (filled["data"]["ca.crt"], filled["data"]["namespace"]) == (encoded("CA"), encoded("dev"))


def test_only_what_is_wrong_is_changed(tmp_path: Path) -> None:
    world = World(tmp_path, live=[account(), secret(NO_CA)], seen_account=account(), seen=[secret(NO_CA)])
    world.controller.sync(KEY)
    assert (world.server.find(SECRETS, "dev", "s") or {})["data"] == WHOLE


@pytest.mark.parametrize("pem", [ec_key(), rsa_key()], ids=["ec", "rsa"])
def test_the_token_says_whose_it_is_and_never_ends(tmp_path: Path, pem: bytes) -> None:
    key = tmp_path / "sa.key"
    key.write_bytes(pem)
    public = load_public_keys(pem)[0]
    token = signed_token(key, account(), "s")
    assert jwt.get_unverified_header(token) == {"alg": public.algorithm, "kid": public.key_id}
    assert jwt.decode(token, public.key, algorithms=[public.algorithm]) == {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": "dev",
        "kubernetes.io/serviceaccount/secret.name": "s",
        "kubernetes.io/serviceaccount/service-account.name": "bot",
        "kubernetes.io/serviceaccount/service-account.uid": "u1",
        "sub": "system:serviceaccount:dev:bot",
    }


@pytest.mark.parametrize("content", [None, "no key"])
def test_a_key_that_cannot_sign_is_named_and_tried_again(tmp_path: Path, content: str | None) -> None:
    world = World(tmp_path, live=[account(), secret({})], seen_account=account(), seen=[secret({})])
    key = tmp_path / "sa.key"
    key.unlink() if content is None else key.write_text(content)
    with pytest.raises(InternalError, match=f'the key of service-account tokens, "{key}", cannot sign'):
        world.controller.sync(KEY)
    assert world.server.writes == []


def test_a_secret_that_names_no_account_is_left_alone(tmp_path: Path) -> None:
    nameless = secret()
    nameless["metadata"]["annotations"] = {}
    informers = Informers(None)  # type: ignore[arg-type]  # nothing is asked of it before it starts
    options = ManagerOptions(tmp_path, service_account_key=tmp_path / "sa.key")
    controller = build(Context(None, informers, None, options))  # type: ignore[arg-type]
    secrets = informers.selected(SECRETS, OF_TYPE)
    secrets._put(nameless)
    secrets._removed(nameless)
    assert controller.queue.get(timeout=0) is None
    secrets._put(secret(version="2"))
    assert controller.queue.get(timeout=0) == KEY


@pytest.mark.parametrize(
    ("named", "deleted", "left"),
    [
        (["s", "other"], secret(), ["other"]),
        (["s"], secret(), []),
        (["s"], secret(uid=None), []),
        (["other"], secret(), ["other"]),
        (["s"], secret(uid="u0"), ["s"]),
    ],
)
def test_an_account_names_no_secret_that_was_deleted(tmp_path: Path, named: list[str], deleted: Object, left: list[str]) -> None:
    world = World(tmp_path, live=[account("u1", *named)], seen_account=account("u1", *named), seen=[])
    world.controller.secret_deleted(deleted)
    world.controller.sync(account_key(deleted))
    world.controller.sync(account_key(deleted))
    found = world.server.find(SERVICE_ACCOUNTS, *KEY) or {}
    assert [each["name"] for each in found.get("secrets") or ()] == left
    assert world.server.reads == [GET_ACCOUNT]
    assert len(world.server.writes) == (0 if left == named else 1)


def test_a_reference_is_removed_however_often_others_are_faster(tmp_path: Path) -> None:
    world = World(tmp_path, live=[account("u1", "s")], seen_account=account("u1", "s"), seen=[])
    world.server.conflicts = 1
    world.controller.secret_deleted(secret())
    with pytest.raises(Conflict):
        world.controller.sync(KEY)
    world.controller.sync(KEY)
    assert not (world.server.find(SERVICE_ACCOUNTS, *KEY) or {}).get("secrets")
