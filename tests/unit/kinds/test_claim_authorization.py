"""Binding a resource claim and telling of its devices are rights of their own."""

from __future__ import annotations

from typing import Final

import pytest

from cluster.api.names import Object
from cluster.api.user import UserInfo
from cluster.kinds.model import Asker
from cluster.kinds.resource.resourceclaims import STRATEGY

STATUS: Final = STRATEGY.subresources["status"]
DEVICE: Final[Object] = {"driver": "gpu", "pool": "p", "device": "d1"}
DRIVER_UPDATE = 'changing status.devices requires resource="resourceclaims/driver", verb="[{}]" permission: no {} driver dev gpu'
BINDING = (
    'changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" '
    "permission: no update binding  "
)


def account(node: str = "") -> UserInfo:
    extra = {"authentication.kubernetes.io/node-name": (node,)} if node else {}
    return UserInfo("system:serviceaccount:dev:plugin", extra=extra)


def claim(node: str = "n1", devices: list[Object] | None = None, allocated: bool = True, **status: object) -> Object:
    selector = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}
    if allocated:
        status["allocation"] = {"nodeSelector": selector, "devices": {"results": [{"request": "r", **DEVICE}]}}
    if devices:
        status["devices"] = devices
    return {"metadata": {"name": "c", "namespace": "dev"}, "spec": {}, "status": status}


def faults(new: Object, old: Object, user: UserInfo, *allowed: str) -> list[str]:
    """The messages; `allowed` are the rights that the user has, as `verb subresource namespace name`."""

    def refusal(*question: str) -> str:
        return "" if " ".join(question) in allowed else f"no {' '.join(question)}"

    STATUS.prepare_for_update(new, old)
    errors = STATUS.authorize_update(new, old, Asker(user, "update", "dev", refusal))
    return [f"{error.path}: {error.message.removeprefix('Forbidden: ')}" for error in errors]


def changed(**more: object) -> Object:
    return claim(devices=[DEVICE | more])


@pytest.mark.parametrize(
    ("new", "user", "allowed", "message"),
    [
        (claim(), account(), (), None),
        (changed(), account(), (), f"status.devices: {DRIVER_UPDATE.format('arbitrary-node:update', 'arbitrary-node:update')}"),
        (changed(), account(), ("arbitrary-node:update driver dev gpu",), None),
        (changed(), account(), ("associated-node:update driver dev gpu",), "status.devices: "),
        (changed(), account("n1"), ("associated-node:update driver dev gpu",), None),
        (changed(), account("n1"), ("arbitrary-node:update driver dev gpu",), None),
        (changed(), account("n2"), ("associated-node:update driver dev gpu",), "status.devices: "),
        (changed(), UserInfo("alice"), ("associated-node:update driver dev gpu",), "status.devices: "),
        (
            changed(),
            account("n1"),
            (),
            f"status.devices: {DRIVER_UPDATE.format('associated-node:update arbitrary-node:update', 'associated-node:update')}",
        ),
        (claim(allocated=False), account(), (), f"status.allocation: {BINDING}"),
        (claim(allocated=False), account(), ("update binding  ",), None),
        (claim(reservedFor=[{"resource": "pods", "name": "p", "uid": "u"}]), account(), (), f"status.allocation: {BINDING}"),
        (claim(reservedFor=[{"resource": "pods", "name": "p", "uid": "u"}]), account(), ("update binding  ",), None),
        (claim("n2", [DEVICE]), account(), ("arbitrary-node:update driver dev gpu",), f"status.allocation: {BINDING}"),
    ],
)
def test_each_part_of_the_status_needs_its_right(new: Object, user: UserInfo, allowed: tuple[str, ...], message: str | None) -> None:
    found = faults(new, claim(), user, *allowed)
    if message is None:
        assert found == []
    else:
        assert len(found) == 1
        assert found[0].startswith(message)


def test_what_is_told_of_a_device_goes_with_its_allocation() -> None:
    new = claim(allocated=False, devices=[DEVICE])
    assert faults(new, claim(devices=[DEVICE]), account(), "update binding  ") == []
    assert "devices" not in new["status"]
