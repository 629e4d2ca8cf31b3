"""Where a request carries its token, and what is said of one that nobody knows."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from rbac.authn.bearer import BearerAuthenticator, WebSocketAuthenticator, bearer_token, without_tokens
from rbac.authn.errors import BadCredentials
from rbac.authn.remarks import listening, warn
from rbac.authn.union import UnionAuthenticator

SPACE = "the provided Authorization header contains extra space before the bearer token, and is ignored"


class Tokens:
    """Knows one token, and has something to say of others."""

    def __init__(self, *why: str) -> None:
        self._why = why

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]] | None:
        if token == "good":
            return UserInfo("tina"), tuple(audiences)
        if self._why:
            raise BadCredentials(*self._why)
        return None


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("", None),
        ("Bearer t", "t"),
        ("bearer t", "t"),
        ("BEARER t", "t"),
        ("  Bearer t  ", "t"),
        ("Bearer t u v", "t"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer\tt", None),
        ("Bearert", None),
        ("Basic dTpw", None),
        ("Token t", None),
        ("Bearer t,Bearer u", "t,Bearer"),
    ],
)
def test_the_token_of_a_header(header: str, token: str | None) -> None:
    assert bearer_token(header) == token


def test_a_space_too_many_is_warned_of() -> None:
    warnings: list[str] = []
    with listening({}, warnings):
        assert bearer_token("Bearer  t") is None
    assert warnings == [SPACE]
    warn("nobody listens any more")
    assert warnings == [SPACE]


@pytest.mark.parametrize(
    ("authenticators", "why"),
    [
        ([], "invalid bearer token"),
        ([Tokens()], "invalid bearer token"),
        ([Tokens("a")], "[invalid bearer token, a]"),
        ([Tokens("a"), Tokens(), Tokens("b", "a")], "[invalid bearer token, a, b]"),
        ([Tokens("invalid bearer token")], "invalid bearer token"),
    ],
)
def test_errors_are_put_as_upstream_puts_them(authenticators: list[Tokens], why: str) -> None:
    tokens = BearerAuthenticator(authenticators, ("api",))
    for ask in (lambda: tokens.authenticate_token("bad", ()), lambda: everyone(tokens).authenticate(Credentials("bad"))):
        with pytest.raises(Unauthorized) as refusal:
            ask()
        assert (str(refusal.value), refusal.value.message) == (why, "Unauthorized")


def everyone(tokens: BearerAuthenticator) -> UnionAuthenticator:
    return UnionAuthenticator([tokens, WebSocketAuthenticator(tokens)], lambda path: path == "/livez")


def test_the_second_authenticator_may_know_what_the_first_finds_bad() -> None:
    tokens = BearerAuthenticator([Tokens("a"), Tokens()], ("api",))
    assert everyone(tokens).authenticate(Credentials("good")) == UserInfo("tina", groups=("system:authenticated",))


def test_anonymous_requests_are_judged_by_their_path() -> None:
    judge = everyone(BearerAuthenticator([Tokens()], ("api",)))
    assert judge.authenticate(Credentials(path="/livez")).name == "system:anonymous"
    for shown in (Credentials(path="/api"), Credentials("bad", path="/livez")):
        with pytest.raises(Unauthorized):
            judge.authenticate(shown)


def offered(*lines: str, token: str | None = None) -> Credentials:
    return Credentials(token, headers=lambda: {"sec-websocket-protocol": list(lines)}, web_socket=True)


def protocol(token: str | bytes) -> str:
    data = token if isinstance(token, bytes) else token.encode()
    return "base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "shown",
    [
        offered(f"v4.channel.k8s.io, {protocol('good')}"),
        offered(protocol("good"), "v4.channel.k8s.io"),
        offered(f"v4.channel.k8s.io,{protocol('good')}", token="bad"),
    ],
)
def test_a_web_socket_may_carry_its_token_among_its_protocols(shown: Credentials) -> None:
    assert everyone(BearerAuthenticator([Tokens()], ("api",))).authenticate(shown).name == "tina"


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (offered(protocol("good")), "missing additional subprotocol"),
        (offered("a", protocol("good"), protocol("good")), "multiple base64.bearer.authorization tokens specified"),
        (offered("a", protocol("good") + "!"), "invalid base64.bearer.authorization token encoding"),
        (offered("a", protocol("good") + "=="), "invalid base64.bearer.authorization token encoding"),
        (offered("a", protocol(b"\xff")), "invalid base64.bearer.authorization token"),
        (offered("a", protocol("bad")), "invalid bearer token"),
    ],
)
def test_a_token_that_a_web_socket_offers_badly_is_refused(shown: Credentials, why: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        everyone(BearerAuthenticator([Tokens()], ("api",))).authenticate(shown)
    assert str(refusal.value) == why


@pytest.mark.parametrize("shown", [offered("a", protocol("")), offered("a"), offered()])
def test_a_web_socket_without_a_token_is_anonymous(shown: Credentials) -> None:
    judge = UnionAuthenticator([WebSocketAuthenticator(BearerAuthenticator([Tokens()], ("api",)))], lambda _path: True)
    assert judge.authenticate(shown).name == "system:anonymous"


def test_only_a_web_socket_may() -> None:
    shown = Credentials(headers=lambda: {"sec-websocket-protocol": ["a", protocol("good")]}, path="/livez")
    assert everyone(BearerAuthenticator([Tokens()], ("api",))).authenticate(shown).name == "system:anonymous"


def test_tokens_are_taken_from_the_protocols() -> None:
    assert without_tokens(f"a, {protocol('t')} ,b") == "a,b"
