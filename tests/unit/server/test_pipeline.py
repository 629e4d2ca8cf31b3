"""What every answer says in its headers, whoever made it, and that a request passes nothing of parts that there are none of."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app import handler, pipeline
from cluster.api.authorization import Attributes, Credentials, Decision, Verdict
from cluster.api.errors import NotFound
from cluster.api.user import UserInfo
from cluster.assembly.parts import Parts
from cluster.server.context import Context, Query
from cluster.server.filters import with_headers
from cluster.server.response import Response
from rbac.authn.request_headers import STANDARD


class Everyone:
    """Is who it says, and may all."""

    proxy_headers = STANDARD

    @property
    def authenticator(self) -> Everyone:
        return self

    def authenticate(self, credentials: Credentials) -> UserInfo:
        return UserInfo(credentials.bearer_token or "nobody")

    def authorize(self, attributes: Attributes) -> Verdict:
        return Verdict(Decision.ALLOW, f"{attributes.verb} {attributes.resource}")


def _missing(context: Context) -> Response:
    raise NotFound.path()


def _parts(*, sent: bool) -> Parts:
    return Parts(Everyone(), Everyone(), _missing, None, None, None, None, None, sent)


def _context(**environ: str) -> Context:
    return Context({"REQUEST_METHOD": "GET", **environ}, "GET", "/api/v1/pods", Query())


def test_a_request_passes_what_there_are_parts_for() -> None:
    settled: list[bool] = []
    bare = _parts(sent=False)
    assert len(pipeline(replace(bare, settle=lambda: settled.append(True)))) == len(pipeline(bare)) + 1
    context = _context(HTTP_AUTHORIZATION="Bearer tina")
    response = handler(bare)(context)
    assert (response.status_code, context.user.name, settled) == (404, "tina", [])
    assert context.verdict is not None
    assert context.verdict.reason == "list pods"


def test_what_is_sent_has_the_headers_of_all_answers() -> None:
    response = handler(_parts(sent=True))(_context(HTTP_AUDIT_ID="mine"))
    assert response.headers["Audit-Id"] == "mine"
    assert response.headers["Cache-Control"] == "no-cache, private"


@pytest.mark.parametrize("given", ["", "two words", "a" * 65, "line\n"])
def test_an_audit_id_that_is_none_is_replaced(given: str) -> None:
    context = _context(HTTP_AUDIT_ID=given)
    response = with_headers(context, lambda _: Response())
    assert response.headers["Audit-Id"] == context.audit_id != given
    assert len(context.audit_id) == 36


def test_an_answer_keeps_what_it_says_of_caches() -> None:
    response = with_headers(_context(), lambda _: Response(headers={"Cache-Control": "max-age=5"}))
    assert response.headers.getlist("Cache-Control") == ["max-age=5"]


def test_warnings_are_headers() -> None:
    context = _context()
    context.warnings = ["careful", "careful", 'a "word"']
    response = with_headers(context, lambda _: Response())
    assert response.headers.getlist("Warning") == ['299 - "careful"', '299 - "a \\"word\\""']
