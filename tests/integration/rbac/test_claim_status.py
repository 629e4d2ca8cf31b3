"""Who may say what in the status of a resource claim, through the whole pipeline, by update and by patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.integration.rbac.test_pipeline import RBAC, People

GROUP = "resource.k8s.io"
CLAIMS = f"/apis/{GROUP}/v1/namespaces/dev/resourceclaims"
PLUGIN = {"Impersonate_User": "system:serviceaccount:dev:plugin"}
ON_NODE = PLUGIN | {"Impersonate_Extra_authentication.kubernetes.io%2Fnode-name": "worker-1"}
REQUEST = {"name": "r", "firstAvailable": [{"name": "s", "deviceClassName": "class"}]}


def allocation(node: str) -> dict[str, Any]:
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    results = [{"request": "r/s", "driver": "test-driver", "pool": "p", "device": "d1"}]
    return {"nodeSelector": {"nodeSelectorTerms": terms}, "devices": {"results": results}}


def device(name: str = "d1") -> dict[str, Any]:
    return {"devices": [{"driver": "test-driver", "pool": "p", "device": name}]}


DEVICES = "Forbidden: changing status.devices requires"
ALLOCATION = "Forbidden: changing status.allocation"
RESERVED = {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]}


def grant(people: People, name: str, verb: str, resource: str, *, everywhere: bool = False) -> None:
    """Lets the plugin do one thing more, in `dev` or everywhere."""
    scope, kind = ("", "ClusterRole") if everywhere else ("/namespaces/dev", "Role")
    prefix = "cluster" if everywhere else ""
    metadata, rule = {"metadata": {"name": name}}, {"verbs": [verb], "apiGroups": [GROUP], "resources": [resource]}
    people.admin.must("POST", f"{RBAC}{scope}/{prefix}roles", metadata | {"rules": [rule]})
    subject = {"kind": "ServiceAccount", "namespace": "dev", "name": "plugin"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
    people.admin.must("POST", f"{RBAC}{scope}/{prefix}rolebindings", metadata | {"roleRef": reference, "subjects": [subject]})


@pytest.fixture
def claim(people: People) -> dict[str, Any]:
    """A claim that the administrator has allocated; the plugin may write its status, as far as that goes."""
    body = {"metadata": {"name": "claim"}, "spec": {"devices": {"requests": [REQUEST]}}}
    made = people.admin.must("POST", CLAIMS, body)
    made = people.admin.must("PUT", f"{CLAIMS}/claim/status", made | {"status": {"allocation": allocation("worker-1")}})
    for verb in ("update", "patch"):
        grant(people, f"status-{verb}", verb, "resourceclaims/status")
    return made


@pytest.mark.parametrize("verb", ["update", "patch"])
@pytest.mark.parametrize(
    ("changes", "who", "held", "message"),
    [
        (device(), PLUGIN, (), DEVICES),
        (device(), ON_NODE, ("associated-node", "resourceclaims/driver"), ""),
        (device(), PLUGIN, ("associated-node", "resourceclaims/driver"), DEVICES),
        (device(), PLUGIN, ("arbitrary-node", "resourceclaims/driver"), ""),
        ({"allocation": None}, PLUGIN, (), ALLOCATION),
        (RESERVED, PLUGIN, ("", "resourceclaims/binding"), ""),
        ({"allocation": allocation("worker-2")} | device(), PLUGIN, ("arbitrary-node", "resourceclaims/driver"), ALLOCATION),
    ],
    ids=["devices", "own node", "another's node", "any node", "unbinding", "reserving", "rebinding with devices"],
)
def test_each_part_takes_its_right(
    people: People, claim: dict[str, Any], verb: str, changes: dict[str, Any], who: dict[str, str], held: tuple[str, str], message: str
) -> None:
    if held:
        mode, resource = held
        grant(people, "more", f"{mode}:{verb}" if mode else verb, resource, everywhere=not mode)
    path = f"{CLAIMS}/claim/status"
    if verb == "patch":
        code, answer = people.admin("PATCH", path, {"status": changes}, Content_Type="application/merge-patch+json", **who)
    else:
        body = copy.deepcopy(claim)
        body["status"] = {name: value for name, value in (body["status"] | changes).items() if value is not None}
        code, answer = people.admin("PUT", path, body, **who)
    assert code == (422 if message else 200), answer
    assert message in answer.get("message", "")
