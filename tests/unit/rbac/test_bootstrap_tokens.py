"""Bootstrap tokens: every way for one to be none."""

from __future__ import annotations

from base64 import b64encode

import pytest

from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authn.bootstrap_tokens import BootstrapTokenAuthenticator
from rbac.authn.service_accounts import SECRETS
from tests.unit.rbac.world import World, metadata

NOW = 1_800_000_000.0
TOKEN = "abcdef.0123456789abcdef"
GOOD = {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}


def secret(data: dict[str, str] | None, kind: str = "bootstrap.kubernetes.io/token", **more: object) -> Object:
    made: Object = {"metadata": metadata("bootstrap-token-abcdef", "kube-system", **more), "type": kind}
    if data is not None:
        made["data"] = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    return made


def found(obj: Object | None, token: str = TOKEN, *audiences: str) -> tuple[UserInfo, tuple[str, ...]] | None:
    world = World()
    if obj is not None:
        world.put(SECRETS, obj)
    return BootstrapTokenAuthenticator(world, ("api", "other"), clock=lambda: NOW).authenticate_token(token, audiences)


@pytest.mark.parametrize(
    ("extra", "groups"),
    [
        ({}, ("system:bootstrappers",)),
        ({"expiration": "2027-01-15T08:00:01Z"}, ("system:bootstrappers",)),
        (
            {"auth-extra-groups": "system:bootstrappers:z,system:bootstrappers:a:b,system:bootstrappers:z"},
            ("system:bootstrappers", "system:bootstrappers:a:b", "system:bootstrappers:z"),
        ),
    ],
)
def test_a_bootstrap_token_makes_a_bootstrapper(extra: dict[str, str], groups: tuple[str, ...]) -> None:
    assert found(secret(GOOD | extra)) == (UserInfo("system:bootstrap:abcdef", groups=groups), ("api", "other"))


@pytest.mark.parametrize(
    "obj",
    [
        None,
        secret(GOOD, deletionTimestamp="2027-01-15T08:00:00Z"),
        secret(GOOD, kind="Opaque"),
        secret(None),
        secret(GOOD | {"token-secret": "0123456789abcdee"}),
        secret(GOOD | {"token-id": "abcdee"}),
        secret(GOOD | {"expiration": "2027-01-15T08:00:00Z"}),
        secret(GOOD | {"expiration": "soon"}),
        secret(GOOD | {"usage-bootstrap-authentication": "false"}),
        secret({key: value for key, value in GOOD.items() if key != "usage-bootstrap-authentication"}),
        secret(GOOD | {"auth-extra-groups": "system:masters"}),
        secret(GOOD | {"auth-extra-groups": "system:bootstrappers:a,"}),
        secret(GOOD | {"auth-extra-groups": "system:bootstrappers:a\n"}),
    ],
    ids=lambda obj: "" if obj is None else None,
)
def test_what_is_no_bootstrap_token(obj: Object | None) -> None:
    assert found(obj) is None


@pytest.mark.parametrize(
    "token", ["abcdef.0123456789abcde", "abcde.0123456789abcdef", "ABCDEF.0123456789abcdef", f"{TOKEN}\n", f" {TOKEN}", "abcdef", ""]
)
def test_what_does_not_look_like_one_is_not_looked_up(token: str) -> None:
    assert found(secret(GOOD), token) is None


def test_it_is_for_the_api_server_alone() -> None:
    user = UserInfo("system:bootstrap:abcdef", groups=("system:bootstrappers",))
    assert found(secret(GOOD), TOKEN, "vault", "api") == (user, ("api",))
    assert found(secret(GOOD), TOKEN, "vault") is None
