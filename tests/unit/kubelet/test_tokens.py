"""When a pod's token is asked for, kept, replaced and given up."""

from __future__ import annotations

import datetime

import pytest

from cluster.api.errors import Forbidden
from cluster.api.names import Object
from cluster.kubelet.tokens import ServiceAccountTokens, TokenFailure

POD = {"metadata": {"name": "p", "namespace": "dev", "uid": "u1"}, "spec": {"serviceAccountName": "bot"}}
DAY = 86400


class World:
    """A server that grants tokens of the lifetime asked for, or of `granted` seconds, and a clock."""

    def __init__(self, *, jitter: float = 0) -> None:
        self.now = 1_700_000_000.0
        self.granted: int | None = None
        self.failing = False
        self.requests: list[Object] = []
        self.tokens = ServiceAccountTokens(self, now=lambda: self.now, jitter=lambda: jitter)

    def __call__(self, namespace: str, service_account: str, request: Object) -> Object:
        if self.failing:
            raise Forbidden("no")
        self.requests.append(request)
        seconds = self.granted or request["spec"]["expirationSeconds"]
        expires = datetime.datetime.fromtimestamp(self.now + seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"spec": {"expirationSeconds": seconds}, "status": {"token": f"t{len(self.requests)}", "expirationTimestamp": expires}}

    def after(self, seconds: float, *, audience: str = "", lifetime: int = 3600, pod: Object = POD) -> str:
        self.now += seconds
        return self.tokens.get(pod, audience, lifetime)


def test_a_token_is_for_its_pod_audience_and_time() -> None:
    world = World()
    world.after(0, audience="vault", lifetime=700)
    assert world.requests == [
        {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": "bot", "namespace": "dev"},
            "spec": {
                "audiences": ["vault"],
                "expirationSeconds": 700,
                "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "u1"},
            },
        }
    ]
    assert [world.after(0, audience="vault", lifetime=700), world.after(0), world.after(0, lifetime=700)] == ["t1", "t2", "t3"]
    assert world.requests[1]["spec"]["audiences"] == []


@pytest.mark.parametrize(
    ("lifetime", "granted", "jitter", "kept", "replaced"),
    [
        (3600, None, 0, 2879, 2880),
        (3600, None, 1, 2869, 2870),
        (3600, 600, 0, 479, 480),
        (600, 3600, 0, 2879, 2880),
        (30 * DAY, None, 0, DAY - 1, DAY),
    ],
)
def test_a_token_is_replaced_when_a_fifth_of_its_life_is_left_or_after_a_day(
    lifetime: int, granted: int | None, jitter: float, kept: int, replaced: int
) -> None:
    world = World(jitter=jitter)
    world.granted = granted
    assert world.after(0, lifetime=lifetime) == "t1"
    assert world.after(kept, lifetime=lifetime) == "t1"
    assert world.after(replaced - kept, lifetime=lifetime) == "t2"


def test_a_token_that_is_still_good_is_kept_where_no_other_comes() -> None:
    world = World()
    world.after(0)
    world.failing = True
    assert world.after(3600) == "t1"


@pytest.mark.parametrize(
    ("first", "why"), [(True, 'token "bot"/"dev" expired and refresh failed: no'), (False, "failed to fetch token: no")]
)
def test_without_a_good_token_it_is_said_why(first: bool, why: str) -> None:
    world = World()
    if first:
        world.after(0)
    world.failing = True
    with pytest.raises(TokenFailure, match=why):
        world.after(3601)


def test_a_pod_that_is_gone_is_forgotten() -> None:
    world = World()
    other = {**POD, "metadata": {**POD["metadata"], "uid": "u2"}}
    assert (world.after(0), world.after(0, pod=other)) == ("t1", "t2")
    world.tokens.forget("u1")
    assert (world.after(0), world.after(0, pod=other)) == ("t3", "t2")
