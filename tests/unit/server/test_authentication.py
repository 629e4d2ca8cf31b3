"""What of a request is shown to the authenticators, and what is left of it afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from cluster.server.authentication import credentials, with_authentication
from cluster.server.context import Context, Query
from cluster.server.response import Response
from rbac.authn.bearer import BearerAuthenticator
from rbac.authn.build import Authentication
from rbac.authn.remarks import annotate, warn
from rbac.authn.request_headers import HeaderNames
from rbac.authn.union import UnionAuthenticator
from rbac.credentials.check import CredentialCheck
from tests.unit.rbac.world import World

TOKEN = "base64url.bearer.authorization.k8s.io.Z29vZA"
SENT = [
    ("AUTHORIZATION", "Bearer good"),
    ("X-REMOTE-USER", "a"),
    ("X-REMOTE-USERS", "kept"),
    ("X-REMOTE-UID", "1"),
    ("X-REMOTE-GROUP", "g"),
    ("X-REMOTE-EXTRA-K", "v"),
    ("X-REMOTE-EXTRA-A_B", "w"),
    ("X-OWN-USER", "b"),
    ("SEC-WEBSOCKET-PROTOCOL", f"v5.channel.k8s.io, {TOKEN}"),
    ("ACCEPT", "application/json"),
]


class Everyone:
    """Knows who has a token, and remarks on it."""

    def authenticate(self, shown: Credentials) -> UserInfo | None:
        if shown.bearer_token is None:
            return None
        if shown.bearer_token != "good":
            raise Unauthorized
        annotate("key", "value")
        warn("text")
        return UserInfo("tina")


def context_of(*sent: tuple[str, str]) -> Context:
    environ: dict[str, Any] = {f"HTTP_{name.replace('-', '_')}": value for name, value in sent}
    environ |= {"REQUEST_METHOD": "GET", "PATH_INFO": "/api", "berth.headers": list(sent)}
    return Context(environ, "GET", "/api", Query())


def passed(context: Context, names: HeaderNames | None = None) -> Context:
    tokens, check = BearerAuthenticator((), ()), CredentialCheck(World())
    union = UnionAuthenticator([Everyone()], lambda _path: True)
    who = Authentication(union, tokens, check) if names is None else Authentication(union, tokens, check, names)
    with_authentication(who)(context, lambda _context: Response())
    return context


@pytest.mark.parametrize("own", [False, True])
def test_credentials_are_taken_out_of_the_request(own: bool) -> None:
    context = passed(context_of(*SENT), HeaderNames.of(["X-Own-User"], [], [], []) if own else None)
    kept = {"x-remote-users": ["kept"], "sec-websocket-protocol": ["v5.channel.k8s.io"], "accept": ["application/json"]}
    assert context.headers() == (kept if own else kept | {"x-own-user": ["b"]})
    variables = {f"HTTP_{name.upper().replace('-', '_')}": value for name, (value,) in context.headers().items()}
    assert {key: value for key, value in context.environ.items() if key.startswith("HTTP_")} == variables


def test_what_carries_no_credentials_stays_as_it_was() -> None:
    context = context_of(("SEC-WEBSOCKET-PROTOCOL", "a, b"), ("ACCEPT", "x"))
    before = dict(context.environ)
    assert passed(context).environ == before
    assert context.user.name == "system:anonymous"


def test_remarks_reach_the_audit_event_and_the_sender() -> None:
    context = passed(context_of(*SENT))
    assert (context.requester, context.annotations, context.warnings) == (context.user, {"key": "value"}, ["text"])
    assert context.user == UserInfo("tina", groups=("system:authenticated",))


def test_a_request_that_is_refused_goes_no_further() -> None:
    with pytest.raises(Unauthorized):
        passed(context_of(("AUTHORIZATION", "Bearer bad")))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([("UPGRADE", "WebSocket"), ("CONNECTION", "keep-alive, Upgrade")], True),
        ([("UPGRADE", "SPDY/3.1"), ("CONNECTION", "Upgrade")], False),
        ([("UPGRADE", "websocket"), ("CONNECTION", "close")], False),
        ([], False),
    ],
)
def test_what_asks_for_a_web_socket(more: list[tuple[str, str]], expected: bool) -> None:
    assert credentials(context_of(("SEC-WEBSOCKET-PROTOCOL", "a"), *more)).web_socket is expected
    assert credentials(context_of(*more)).web_socket is False, "without protocols there is no token in them"
