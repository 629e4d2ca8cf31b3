"""A namespace's end: terminating, closed to what is new, gone once it is finalized; and evictions within budgets."""

from __future__ import annotations

from typing import Any

from tests.support import ApiServer


def test_a_deleted_namespace_terminates_until_it_is_finalized(api_server: ApiServer) -> None:
    name = api_server.namespace()
    path = f"/api/v1/namespaces/{name}"
    assert api_server.request("DELETE", path).body["status"]["phase"] == "Terminating"
    refused = api_server.request("POST", f"{path}/configmaps", {"metadata": {"name": "late"}})
    assert (refused.code, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    found = api_server.request("GET", path).body
    found["spec"]["finalizers"] = []
    assert api_server.request("PUT", f"{path}/finalize", found).code == 200
    assert api_server.request("GET", path).code == 404


def test_nothing_is_created_in_a_namespace_that_is_not_there(api_server: ApiServer) -> None:
    refused = api_server.request("POST", "/api/v1/namespaces/nowhere/configmaps", {"metadata": {"name": "a"}})
    assert (refused.code, refused.body["message"]) == (404, 'namespaces "nowhere" not found')


def running_pod(api_server: ApiServer, pods: str) -> None:
    pod: dict[str, Any] = {
        "metadata": {"name": "p", "labels": {"app": "x"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}]},
    }
    api_server.request("POST", pods, pod)
    status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    assert api_server.request("PATCH", f"{pods}/p/status", status, content_type="application/strategic-merge-patch+json").code == 200


def test_an_eviction_is_refused_where_the_budget_is_used_up(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    pods = f"/api/v1/namespaces/{namespace}/pods"
    running_pod(api_server, pods)
    budgets = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    budget = {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}}
    assert api_server.request("POST", budgets, budget).code == 201
    status = {"status": {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}}
    api_server.request("PATCH", f"{budgets}/b/status", status, content_type="application/merge-patch+json")
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
    refused = api_server.request("POST", f"{pods}/p/eviction", eviction)
    assert (refused.code, refused.body["message"]) == (429, "Cannot evict pod as it would violate the pod's disruption budget.")
    allowed = {"status": {"disruptionsAllowed": 1}}
    api_server.request("PATCH", f"{budgets}/b/status", allowed, content_type="application/merge-patch+json")
    assert api_server.request("POST", f"{pods}/p/eviction", eviction).code == 201
    assert api_server.request("GET", f"{pods}/p").body["metadata"]["deletionTimestamp"]
    assert api_server.request("GET", f"{budgets}/b").body["status"]["disruptionsAllowed"] == 0
