"""What kubelets may do through the whole pipeline: their own pods' objects, their own Node, lease and CSINode, mirror pods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.rbac.test_pipeline import People

PODS = "/api/v1/namespaces/dev/pods"
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/dev/resourceclaims"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
READS = {
    "secret": "/api/v1/namespaces/dev/secrets/mysecret",
    "volume's secret": "/api/v1/namespaces/dev/secrets/mypvsecret",
    "config map": "/api/v1/namespaces/dev/configmaps/myconfigmap",
    "claim": "/api/v1/namespaces/dev/persistentvolumeclaims/mypvc",
    "volume": "/api/v1/persistentvolumes/mypv",
    "resource claim": f"{CLAIMS}/named",
}
TEMPLATED = f"{CLAIMS}/templated"
NOW = {"gracePeriodSeconds": 0}
MERGE = {"Content_Type": "application/merge-patch+json"}


def slice_of(name: str, node: str) -> dict[str, Any]:
    pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {"name": name}, "spec": {"nodeName": node, "driver": "dra.example.com", "pool": pool}}


def furnish(people: People) -> None:
    """The objects that a pod of node2 will refer to."""
    must = people.admin.must
    for name in ("mysecret", "mypvsecret"):
        must("POST", "/api/v1/namespaces/dev/secrets", {"metadata": {"name": name}})
    must("POST", "/api/v1/namespaces/dev/configmaps", {"metadata": {"name": "myconfigmap"}})
    must("POST", "/api/v1/namespaces/dev/serviceaccounts", {"metadata": {"name": "default"}})
    for name in ("named", "templated"):
        must("POST", CLAIMS, {"metadata": {"name": name}, "spec": {}})
    storage = {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1"}}}
    must("POST", "/api/v1/namespaces/dev/persistentvolumeclaims", {"metadata": {"name": "mypvc"}, "spec": storage})
    volume = {
        "accessModes": ["ReadOnlyMany"],
        "capacity": {"storage": "1"},
        "claimRef": {"namespace": "dev", "name": "mypvc"},
        "azureFile": {"shareName": "default", "secretName": "mypvsecret"},
    }
    must("POST", "/api/v1/persistentvolumes", {"metadata": {"name": "mypv"}, "spec": volume})
    attachment = {"attacher": "foo", "source": {"persistentVolumeName": "mypv"}, "nodeName": "node2"}
    must("POST", "/apis/storage.k8s.io/v1/volumeattachments", {"metadata": {"name": "attached"}, "spec": attachment})
    for node in ("node1", "node2"):
        must("POST", SLICES, slice_of(f"of-{node}", node))


POD = {
    "metadata": {"name": "normal"},
    "spec": {
        "nodeName": "node2",
        "automountServiceAccountToken": False,
        "containers": [{"name": "c", "image": "busybox"}],
        "volumes": [
            {"name": "secret", "secret": {"secretName": "mysecret"}},
            {"name": "map", "configMap": {"name": "myconfigmap"}},
            {"name": "claim", "persistentVolumeClaim": {"claimName": "mypvc"}},
        ],
        "resourceClaims": [
            {"name": "named", "resourceClaimName": "named"},
            {"name": "template", "resourceClaimTemplateName": "template"},
        ],
    },
}


class Nodes:
    """node1, node2, and a member of system:nodes who is no node."""

    def __init__(self, people: People) -> None:
        self.people = people

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> int:
        user = {"node1": "system:node:node1", "node2": "system:node:node2"}.get(who, who)
        sent = {"Impersonate_User": user, "Impersonate_Group": "system:nodes"} | headers
        return self.people.admin(method, path, body, **sent)[0]

    def reads(self, who: str) -> dict[str, int]:
        return {what: self.ask(who, "GET", path) for what, path in READS.items()}

    def mirror(self) -> dict[str, Any]:
        node = self.people.admin.must("GET", "/api/v1/nodes/node2")
        owner = {"apiVersion": "v1", "kind": "Node", "name": "node2", "uid": node["metadata"]["uid"], "controller": True}
        metadata = {"name": "mirror", "annotations": {"kubernetes.io/config.mirror": "true"}, "ownerReferences": [owner]}
        containers = [{"name": "c", "image": "busybox"}]
        return {"metadata": metadata, "spec": {"nodeName": "node2", "automountServiceAccountToken": False, "containers": containers}}


@pytest.fixture
def nodes(people: People) -> Nodes:
    furnish(people)
    return Nodes(people)


@pytest.fixture
def bound(nodes: Nodes) -> Nodes:
    """With both nodes there, and the pod on node2."""
    for node in ("node1", "node2"):
        assert nodes.ask(node, "POST", "/api/v1/nodes", {"metadata": {"name": node}}) == 201
    nodes.people.admin.must("POST", PODS, POD)
    return nodes


STRANGERS = ("unknown", "node1")


def test_what_no_pod_of_a_node_refers_to_is_closed_to_it(nodes: Nodes) -> None:
    everything = dict.fromkeys(READS, 403)
    assert {who: nodes.reads(who) for who in (*STRANGERS, "node2")} == dict.fromkeys((*STRANGERS, "node2"), everything)


def test_what_a_pod_refers_to_is_open_to_its_node_alone(bound: Nodes) -> None:
    assert bound.reads("node2") == dict.fromkeys(READS, 200)
    assert {who: bound.reads(who) for who in STRANGERS} == dict.fromkeys(STRANGERS, dict.fromkeys(READS, 403))
    bound.people.admin.must("DELETE", f"{PODS}/normal", NOW)
    assert bound.reads("node2") == dict.fromkeys(READS, 403)


def test_a_claim_of_a_template_is_open_while_the_pods_status_names_it(bound: Nodes) -> None:
    named = {"status": {"resourceClaimStatuses": [{"name": "template", "resourceClaimName": "templated"}]}}
    gone = {"status": {"resourceClaimStatuses": None}}
    seen = [bound.ask("node2", "GET", TEMPLATED)]
    assert bound.ask("node2", "PATCH", f"{PODS}/normal/status", named, **MERGE) == 403
    for status in (named, gone):
        assert bound.people.admin("PATCH", f"{PODS}/normal/status", status, **MERGE)[0] == 200
        seen.append(bound.ask("node2", "GET", TEMPLATED))
    assert seen == [403, 200, 403]


@pytest.mark.parametrize(("who", "code"), [("unknown", 403), ("node1", 403), ("node2", 200)])
def test_a_node_reports_and_deletes_its_own_pods(bound: Nodes, who: str, code: int) -> None:
    status = {"status": {"startTime": "2026-01-01T00:00:00Z"}}
    assert bound.ask(who, "PATCH", f"{PODS}/normal/status", status, **MERGE) == code
    assert bound.ask(who, "DELETE", f"{PODS}/normal", NOW) == code


@pytest.mark.parametrize(("who", "code"), [("unknown", 403), ("node1", 403), ("node2", 201)])
def test_a_node_evicts_its_own_pods(bound: Nodes, who: str, code: int) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "normal", "namespace": "dev"}, "deleteOptions": NOW}
    assert bound.ask(who, "POST", f"{PODS}/normal/eviction", eviction) == code


@pytest.mark.parametrize(("who", "code"), [("unknown", 403), ("node1", 404)])
def test_what_is_not_there_is_not_found_by_a_node_that_might_report_it(nodes: Nodes, who: str, code: int) -> None:
    body: dict[str, Any] = {"metadata": {"name": "node2"}, "status": {}}
    assert nodes.ask(who, "PUT", "/api/v1/nodes/node2/status", body) == code


def test_what_is_not_there_is_not_found_by_a_node_that_might_evict_it(nodes: Nodes) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "gone", "namespace": "dev"}}
    asked = {who: nodes.ask(who, "POST", f"{PODS}/gone/eviction", eviction) for who in STRANGERS}
    assert asked == {"unknown": 403, "node1": 404}


@pytest.mark.parametrize("who", [*STRANGERS, "node2"])
def test_no_node_makes_a_pod_that_refers_to_anything(bound: Nodes, who: str) -> None:
    assert bound.ask(who, "POST", PODS, POD | {"metadata": {"name": "other"}}) == 403


def test_a_node_makes_and_deletes_its_own_mirror_pods(bound: Nodes) -> None:
    mirror = bound.mirror()
    assert [bound.ask(who, "POST", PODS, mirror) for who in ("unknown", "node1", "node2")] == [403, 403, 201]
    assert [bound.ask(who, "DELETE", f"{PODS}/mirror", NOW) for who in ("unknown", "node1", "node2")] == [403, 403, 200]
    assert bound.ask("node1", "DELETE", f"{PODS}/mirror", NOW) == 404


def test_a_node_evicts_its_own_mirror_pods(bound: Nodes) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "mirror", "namespace": "dev"}, "deleteOptions": NOW}

    def evict(*whose: str) -> list[int]:
        return [bound.ask(who, "POST", f"{PODS}/mirror/eviction", eviction) for who in whose]

    assert evict(*STRANGERS, "node2") == [403, 404, 404]
    assert bound.ask("node2", "POST", PODS, bound.mirror()) == 201
    assert evict(*STRANGERS, "node2", "node2") == [403, 403, 201, 404]


def test_a_node_makes_its_own_node_and_cannot_delete_it(nodes: Nodes) -> None:
    body = {"metadata": {"name": "node2"}}
    assert [nodes.ask(who, "POST", "/api/v1/nodes", body) for who in ("unknown", "node1", "node2")] == [403, 403, 201]
    status: dict[str, Any] = {"status": {"conditions": []}}
    assert [nodes.ask(who, "PATCH", "/api/v1/nodes/node2/status", status, **MERGE) for who in ("unknown", "node1", "node2")] == [
        403,
        403,
        200,
    ]
    assert [nodes.ask(who, "GET", "/api/v1/nodes/node2") for who in ("unknown", "node1", "node2")] == [403, 403, 200]
    assert [nodes.ask(who, "DELETE", "/api/v1/nodes/node2") for who in ("unknown", "node1", "node2")] == [403, 403, 403]
    nodes.people.admin.must("DELETE", "/api/v1/nodes/node2")
    assert nodes.ask("node2", "POST", "/api/v1/nodes", body) == 201


def test_a_node_grows_its_claims_and_changes_nothing_else_of_them(bound: Nodes) -> None:
    path, strategic = f"{READS['claim']}/status", {"Content_Type": "application/strategic-merge-patch+json"}
    capacity, phase = {"status": {"capacity": {"storage": "51G"}}}, {"status": {"phase": "Bound"}}
    assert bound.ask("node1", "PATCH", path, capacity, **strategic) == 403
    assert bound.ask("node2", "PATCH", path, capacity, **strategic) == 200
    assert bound.ask("node2", "PATCH", path, phase, **strategic) == 403


def test_a_node_reads_its_own_attachments(nodes: Nodes) -> None:
    path = "/apis/storage.k8s.io/v1/volumeattachments/attached"
    assert [nodes.ask(who, "GET", path) for who in ("unknown", "node1", "node2")] == [403, 403, 200]


@pytest.mark.parametrize(
    ("path", "body", "patch"),
    [
        (LEASES, {"metadata": {"name": "node1"}, "spec": {"holderIdentity": "node1"}}, {"spec": {"leaseDurationSeconds": 41}}),
        (CSI_NODES, {"metadata": {"name": "node1"}, "spec": {"drivers": []}}, {"metadata": {"labels": {"a": "b"}}}),
    ],
)
def test_a_node_keeps_its_own_lease_and_csi_node(nodes: Nodes, path: str, body: dict[str, Any], patch: dict[str, Any]) -> None:
    own = f"{path}/node1"

    def codes(who: str) -> list[int]:
        made = [nodes.ask(who, "POST", path, body), nodes.ask(who, "GET", own), nodes.ask(who, "PATCH", own, patch, **MERGE)]
        whole = nodes.people.admin("GET", own)[1]
        return [*made, nodes.ask(who, "PUT", own, whole if whole["kind"] != "Status" else body), nodes.ask(who, "DELETE", own)]

    strange = [codes(who) for who in ("unknown", "node2")]
    nodes.people.admin.must("POST", path, body)
    strange += [codes(who) for who in ("unknown", "node2")]
    nodes.people.admin.must("DELETE", own)
    assert (strange, codes("node1")) == ([[403] * 5] * 4, [201, 200, 200, 200, 200])


def test_a_node_lists_and_deletes_the_slices_and_pods_that_name_it(bound: Nodes) -> None:
    asked = {
        selector: [
            bound.ask("node1", method, f"{path}?fieldSelector={selector}") for method, path in (("GET", "/api/v1/pods"), ("GET", SLICES))
        ]
        for selector in ("spec.nodeName=node1", "spec.nodeName%3D%3Dnode1", "spec.nodeName=node2", "spec.nodeName!=node2", "")
    }
    assert asked == {
        "spec.nodeName=node1": [200, 200],
        "spec.nodeName%3D%3Dnode1": [200, 200],
        "spec.nodeName=node2": [403, 403],
        "spec.nodeName!=node2": [403, 403],
        "": [403, 403],
    }
    assert bound.ask("node1", "DELETE", f"{SLICES}?fieldSelector=spec.nodeName=node1") == 200
    left = bound.people.admin.must("GET", SLICES)["items"]
    assert [each["metadata"]["name"] for each in left] == ["of-node2"]
