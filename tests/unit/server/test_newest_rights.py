"""Whoever asks for a resource is judged by all that was acknowledged before; health is told even while there is no store."""

from __future__ import annotations

import pytest

from cluster.api.requestinfo import parse
from cluster.server.context import Context, Query
from cluster.server.filters import with_newest_rights
from cluster.server.response import Response
from cluster.storage.contract import StoreUnavailable


def _context(path: str) -> Context:
    return Context({}, "GET", path, Query(), parse("GET", path, lambda _: None))


def test_a_request_for_a_resource_waits_until_the_worker_knows_all() -> None:
    happened: list[str] = []

    def following(context: Context) -> Response:
        happened.append("judged")
        return Response()

    with_newest_rights(lambda: happened.append("settled"))(_context("/api/v1/pods"), following)
    assert happened == ["settled", "judged"]


def test_a_worker_that_cannot_know_judges_nobody() -> None:
    def behind() -> None:
        raise StoreUnavailable("this worker is at revision 1, behind 2")

    with pytest.raises(StoreUnavailable):
        with_newest_rights(behind)(_context("/api/v1/pods"), lambda _: Response())
    assert with_newest_rights(behind)(_context("/livez"), lambda _: Response("ok")).status_code == 200
