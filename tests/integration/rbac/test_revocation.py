"""A revoked kubeconfig is refused by every worker in the very next request, whatever dies, and what it opened ends within a second."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.rbac.issued import Issued, issue, one_of_each_worker, order, path, workers
from tests.support import ApiServer, eventually, start_api_server

WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
WORKERS = 4


@pytest.fixture(name="server", scope="module")
def server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    server = start_api_server(tmp_path_factory.mktemp("revocation"), workers=WORKERS)
    yield server
    server.stop()


def who(issued: Issued, connections: list[http.client.HTTPSConnection]) -> set[int]:
    """The codes that one request on each connection is answered with."""
    return {issued.request("POST", WHOAMI, REVIEW, connection=each).code for each in connections}


@pytest.fixture(name="pair", params=["certificate", "token"])
def pair_fixture(request: pytest.FixtureRequest, server: ApiServer, tmp_path: Path) -> tuple[str, Issued, Issued]:
    """(namespace, one who will be revoked, one who won't), who both may list and watch config maps there."""
    namespace = server.namespace()
    view = {"roleRef": {"kind": "ClusterRole", "name": "view"}}
    if request.param == "token":
        return namespace, *(
            issue(server, tmp_path, order(each, serviceAccountName="default", **view), namespace) for each in ("out", "stays")
        )
    return namespace, *(issue(server, tmp_path, order(each, user=f"{namespace}:{each}", **view), namespace) for each in ("out", "stays"))


@pytest.mark.parametrize(("method", "action"), [("POST", "revoke"), ("DELETE", "")])
def test_the_very_next_request_is_refused_by_every_worker(
    server: ApiServer, pair: tuple[str, Issued, Issued], method: str, action: str
) -> None:
    namespace, out, stays = pair
    with one_of_each_worker(out, server) as of_out, one_of_each_worker(stays, server) as of_stays:
        assert (len(of_out), who(out, of_out), who(stays, of_stays)) == (WORKERS, {201}, {201})
        assert server.request(method, path(namespace, "out", action)).code in (200, 201)
        assert (who(out, of_out), who(stays, of_stays)) == ({401}, {201})
    assert out.request("POST", WHOAMI, REVIEW).code == 401


def test_what_is_granted_and_taken_back_counts_in_every_worker_at_once(server: ApiServer, tmp_path: Path) -> None:
    namespace = server.namespace()
    someone = issue(server, tmp_path, order("someone", user=f"{namespace}:someone"), namespace)
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    subjects = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"{namespace}:someone"}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    with one_of_each_worker(someone, server) as connections:
        for _ in range(10):
            granted = server.request("POST", bindings, {"metadata": {"name": "view"}, "subjects": subjects, "roleRef": role})
            with_it = {someone.request("GET", f"/api/v1/namespaces/{namespace}/pods", connection=each).code for each in connections}
            taken = server.request("DELETE", f"{bindings}/view")
            without = {someone.request("GET", f"/api/v1/namespaces/{namespace}/pods", connection=each).code for each in connections}
            assert (granted.code, with_it, taken.code, without) == (201, {200}, 200, {403})


def test_open_watches_end_within_a_second_and_no_one_elses(server: ApiServer, pair: tuple[str, Issued, Issued]) -> None:
    namespace, out, stays = pair
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    with out.watching(maps) as ending, stays.watching(maps) as going_on:
        begun = time.monotonic()
        assert server.request("POST", path(namespace, "out", "revoke")).code == 201
        assert ending.read() == b""
        assert time.monotonic() - begun < 1.0
        assert server.request("POST", maps, {"metadata": {"name": "seen"}}).code == 201
        assert b'"name":"seen"' in going_on.readline()


def test_a_credential_that_a_renewal_replaces_ends_and_the_new_one_goes_on(
    server: ApiServer, pair: tuple[str, Issued, Issued], tmp_path: Path
) -> None:
    namespace, out, _ = pair
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    with out.watching(maps) as ending:
        spec = {"spec": {"revokePrevious": True, "expirationSeconds": 3600}}
        renewed = server.request("POST", path(namespace, "out", "renew"), spec)
        new = Issued(server, renewed.body["status"]["kubeconfig"], tmp_path, "new")
        with new.watching(maps) as going_on:
            assert ending.read() == b""
            assert server.request("POST", maps, {"metadata": {"name": "seen"}}).code == 201
            assert b'"name":"seen"' in going_on.readline()
    assert (out.request("GET", maps).code, new.request("GET", maps).code) == (401, 200)


def test_a_revocation_outlives_every_process(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir()
    server = start_api_server(root, workers=WORKERS)
    try:
        view = {"roleRef": {"kind": "ClusterRole", "name": "view"}}
        early, late, stays = (issue(server, tmp_path, order(each, user=each, **view)) for each in ("early", "late", "stays"))
        assert server.request("POST", path("", "early", "revoke")).code == 201
        killed = workers(server)
        for each in killed:
            os.kill(each, signal.SIGKILL)
        eventually(lambda: len(set(workers(server)) - set(killed)) == WORKERS, "the master has new workers")
        assert eventually(lambda: answers(early, stays, server), "the new workers answer") == [({401}, {201})]

        assert server.request("POST", path("", "late", "revoke")).code == 201
        for each in (server.gunicorn.pid, *workers(server), server.store.pid):
            os.kill(each, signal.SIGKILL)
        server.stop()
        server = start_api_server(root, workers=WORKERS)
        assert answers(late, stays, server) == [({401}, {201})]
    finally:
        server.stop()


def answers(revoked: Issued, good: Issued, server: ApiServer) -> list[tuple[set[int], set[int]]]:
    """[(codes of all workers for the one, for the other)]; [] while a worker is not there yet."""
    try:
        with one_of_each_worker(revoked, server) as first, one_of_each_worker(good, server) as second:
            return [(who(revoked, first), who(good, second))]
    except (OSError, http.client.HTTPException):
        return []
