"""Create, get, list, update, patch, delete over HTTP, against a real server."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.support import ApiServer


@pytest.fixture(name="configmaps")
def configmaps_fixture(api_server: ApiServer) -> str:
    return f"/api/v1/namespaces/{api_server.namespace()}/configmaps"


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def test_a_created_object_is_served_with_its_kind_first(api_server: ApiServer, configmaps: str) -> None:
    made = api_server.request("POST", configmaps, config_map("a", x="1"))
    assert made.code == 201
    assert api_server.request("GET", f"{configmaps}/a").body == made.body
    assert list(made.body)[:2] == ["kind", "apiVersion"]
    assert made.body["metadata"]["uid"]
    assert made.body["metadata"]["resourceVersion"].isdigit()


def test_the_same_name_twice_is_a_conflict(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, config_map("a"))
    again = api_server.request("POST", configmaps, config_map("a"))
    assert (again.code, again.body["reason"], again.body["message"]) == (409, "AlreadyExists", 'configmaps "a" already exists')


def test_a_name_is_generated(api_server: ApiServer, configmaps: str) -> None:
    made = api_server.request("POST", configmaps, {"metadata": {"generateName": "made-"}})
    assert made.code == 201
    assert len(made.body["metadata"]["name"]) == len("made-") + 5


def test_a_dry_run_stores_nothing(api_server: ApiServer, configmaps: str) -> None:
    made = api_server.request("POST", f"{configmaps}?dryRun=All", config_map("a"))
    assert (made.code, api_server.request("GET", f"{configmaps}/a").code) == (201, 404)


def test_an_update_that_changes_nothing_writes_nothing(api_server: ApiServer, configmaps: str) -> None:
    made = api_server.request("POST", configmaps, config_map("a", x="1")).body
    assert api_server.request("PUT", f"{configmaps}/a", made).body == made


def test_a_stale_update_is_refused_in_upstreams_words(api_server: ApiServer, configmaps: str) -> None:
    made = api_server.request("POST", configmaps, config_map("a", x="1")).body
    api_server.request("PUT", f"{configmaps}/a", {**made, "data": {"x": "2"}})
    stale = api_server.request("PUT", f"{configmaps}/a", {**made, "data": {"x": "3"}})
    assert (stale.code, stale.body["reason"]) == (409, "Conflict")
    assert stale.body["message"] == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_an_update_without_a_resource_version_is_unconditional(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, config_map("a", x="1"))
    assert api_server.request("PUT", f"{configmaps}/a", config_map("a", x="2")).body["data"] == {"x": "2"}


def test_an_update_for_another_uid_is_refused(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, config_map("a"))
    wrong = {"metadata": {"name": "a", "uid": "00000000-0000-0000-0000-000000000000"}}
    assert api_server.request("PUT", f"{configmaps}/a", wrong).code == 409


@pytest.mark.parametrize(
    ("media_type", "patch", "expected"),
    [
        ("application/merge-patch+json", {"data": {"x": None, "y": "2"}}, {"y": "2"}),
        ("application/strategic-merge-patch+json", {"data": {"y": "2"}}, {"x": "1", "y": "2"}),
        ("application/json-patch+json", [{"op": "replace", "path": "/data/x", "value": "5"}], {"x": "5"}),
    ],
)
def test_each_kind_of_patch_is_applied(api_server: ApiServer, configmaps: str, media_type: str, patch: Any, expected: Any) -> None:
    api_server.request("POST", configmaps, config_map("a", x="1"))
    patched = api_server.request("PATCH", f"{configmaps}/a", patch, content_type=media_type)
    assert (patched.code, patched.body["data"]) == (200, expected)


def test_patches_at_the_same_time_all_hold(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, config_map("a"))
    codes: list[int] = []

    def add(number: int) -> None:
        for part in range(5):
            change = {"data": {f"k{number}-{part}": "1"}}
            codes.append(api_server.request("PATCH", f"{configmaps}/a", change, content_type="application/merge-patch+json").code)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [200] * 30
    assert len(api_server.request("GET", f"{configmaps}/a").body["data"]) == 30


def test_deleting_answers_with_a_status_or_the_object_as_the_kind_has_it(api_server: ApiServer, configmaps: str) -> None:
    made = api_server.request("POST", configmaps, config_map("a")).body
    status = api_server.request("DELETE", f"{configmaps}/a").body
    assert status["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    accounts = configmaps.replace("configmaps", "serviceaccounts")
    assert api_server.request("DELETE", f"{accounts}/default").body["kind"] == "ServiceAccount"


def test_a_failed_precondition_is_a_conflict(api_server: ApiServer, configmaps: str) -> None:
    api_server.request("POST", configmaps, config_map("a"))
    refused = api_server.request("DELETE", f"{configmaps}/a", {"preconditions": {"uid": "x"}})
    assert (refused.code, api_server.request("GET", f"{configmaps}/a").code) == (409, 200)


def test_a_finalizer_holds_an_object_until_it_is_taken_away(api_server: ApiServer, configmaps: str) -> None:
    made = {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}}
    api_server.request("POST", configmaps, made)
    api_server.request("DELETE", f"{configmaps}/a")
    held = api_server.request("GET", f"{configmaps}/a").body
    assert held["metadata"]["deletionTimestamp"]
    release = [{"op": "remove", "path": "/metadata/finalizers"}]
    assert api_server.request("PATCH", f"{configmaps}/a", release, content_type="application/json-patch+json").code == 200
    assert api_server.request("GET", f"{configmaps}/a").code == 404


@pytest.mark.parametrize(("policy", "finalizers"), [("Orphan", ["orphan"]), ("Foreground", ["foregroundDeletion"])])
def test_a_propagation_policy_sets_the_collectors_finalizer(
    api_server: ApiServer, configmaps: str, policy: str, finalizers: list[str]
) -> None:
    api_server.request("POST", configmaps, config_map("a"))
    api_server.request("DELETE", f"{configmaps}/a?propagationPolicy={policy}")
    assert api_server.request("GET", f"{configmaps}/a").body["metadata"]["finalizers"] == finalizers


def test_a_collection_is_deleted_by_its_selector(api_server: ApiServer, configmaps: str) -> None:
    for name, tier in (("a", "x"), ("b", "y")):
        api_server.request("POST", configmaps, {"metadata": {"name": name, "labels": {"tier": tier}}})
    assert api_server.request("DELETE", f"{configmaps}?labelSelector=tier%3Dx").code == 200
    left = [item["metadata"]["name"] for item in api_server.request("GET", configmaps).body["items"]]
    assert left == ["b"]


def test_a_pods_deletion_is_graceful_once_it_has_a_node(api_server: ApiServer) -> None:
    pods = f"/api/v1/namespaces/{api_server.namespace()}/pods"
    pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}]}}
    assert api_server.request("POST", pods, pod).code == 201
    gone = api_server.request("DELETE", f"{pods}/p", {"gracePeriodSeconds": 7})
    assert (gone.code, gone.body["metadata"]["deletionGracePeriodSeconds"]) == (200, 7)
    assert api_server.request("DELETE", f"{pods}/p", {"gracePeriodSeconds": 0}).code == 200
    assert api_server.request("GET", f"{pods}/p").code == 404


def test_a_status_update_changes_nothing_but_the_status(api_server: ApiServer) -> None:
    deployments = f"/apis/apps/v1/namespaces/{api_server.namespace()}/deployments"
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    }
    made = api_server.request("POST", deployments, {"metadata": {"name": "web"}, "spec": spec}).body
    changed = {**made, "spec": {**made["spec"], "replicas": 9}, "status": {"replicas": 3}}
    after = api_server.request("PUT", f"{deployments}/web/status", changed).body
    assert (after["spec"]["replicas"], after["status"]["replicas"], after["metadata"]["generation"]) == (1, 3, 1)
    scaled = api_server.request("PUT", f"{deployments}/web/scale", {"metadata": {"name": "web"}, "spec": {"replicas": 4}}).body
    assert (scaled["kind"], scaled["spec"], scaled["status"]["selector"]) == ("Scale", {"replicas": 4}, "app=web")
    assert api_server.request("GET", f"{deployments}/web").body["metadata"]["generation"] == 2


def test_a_pod_is_bound_once(api_server: ApiServer) -> None:
    pods = f"/api/v1/namespaces/{api_server.namespace()}/pods"
    api_server.request("POST", pods, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    assert api_server.request("POST", f"{pods}/p/binding", binding).code == 201
    bound = api_server.request("GET", f"{pods}/p").body
    assert bound["spec"]["nodeName"] == "n1"
    assert [each["type"] for each in bound["status"]["conditions"]] == ["PodScheduled"]
    again = api_server.request("POST", f"{pods}/p/binding", binding)
    assert again.body["message"] == ('Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"')


def test_no_two_services_share_an_address(api_server: ApiServer) -> None:
    services = f"/api/v1/namespaces/{api_server.namespace()}/services"
    addresses: list[str] = []

    def make(worker: int) -> None:
        for number in range(8):
            service = {"metadata": {"name": f"s{worker}-{number}"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
            spec = api_server.request("POST", services, service).body["spec"]
            addresses.extend((spec["clusterIP"], str(spec["ports"][0]["nodePort"])))

    threads = [threading.Thread(target=make, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(addresses)) == len(addresses) == 64


def test_an_address_that_is_taken_cannot_be_asked_for(api_server: ApiServer) -> None:
    services = f"/api/v1/namespaces/{api_server.namespace()}/services"
    address = api_server.request("POST", services, {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}).body["spec"]["clusterIP"]
    wanted = {"metadata": {"name": "b"}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}}
    refused = api_server.request("POST", services, wanted)
    assert (refused.code, "provided IP is already allocated" in refused.body["message"]) == (422, True)
    api_server.request("DELETE", f"{services}/a")
    assert api_server.request("POST", services, wanted).code == 201


def test_pages_come_from_one_snapshot(api_server: ApiServer, configmaps: str) -> None:
    for number in range(5):
        api_server.request("POST", configmaps, config_map(f"c{number}"))
    first = api_server.request("GET", f"{configmaps}?limit=2").body
    assert (len(first["items"]), first["metadata"]["remainingItemCount"]) == (2, 3)
    api_server.request("DELETE", f"{configmaps}/c3")
    api_server.request("POST", configmaps, config_map("c9"))
    token = first["metadata"]["continue"]
    second = api_server.request("GET", f"{configmaps}?limit=9&continue={token}").body
    assert [item["metadata"]["name"] for item in second["items"]] == ["c2", "c3", "c4"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert "continue" not in second["metadata"]


def test_a_list_at_an_exact_revision_shows_the_past(api_server: ApiServer, configmaps: str) -> None:
    revision = api_server.request("POST", configmaps, config_map("a")).body["metadata"]["resourceVersion"]
    api_server.request("DELETE", f"{configmaps}/a")
    past = api_server.request("GET", f"{configmaps}?resourceVersion={revision}&resourceVersionMatch=Exact").body
    assert [item["metadata"]["name"] for item in past["items"]] == ["a"]


def test_a_revision_from_the_future_is_waited_for_and_then_refused(api_server: ApiServer, configmaps: str) -> None:
    late = api_server.request("GET", f"{configmaps}?resourceVersion=999999999")
    assert (late.code, late.body["reason"], late.body["details"]["causes"][0]["reason"]) == (504, "Timeout", "ResourceVersionTooLarge")


def test_lists_select_by_labels_and_fields(api_server: ApiServer) -> None:
    pods = f"/api/v1/namespaces/{api_server.namespace()}/pods"
    for name, node in (("a", "n1"), ("b", "n2")):
        pod = {"metadata": {"name": name, "labels": {"app": name}}, "spec": {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}}
        api_server.request("POST", pods, pod)

    def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in api_server.request("GET", f"{pods}?{query}").body["items"]]

    assert names("fieldSelector=spec.nodeName%3Dn2") == ["b"]
    assert names("fieldSelector=metadata.name%3Da,status.phase%3DPending") == ["a"]
    assert names("labelSelector=app+in+(a,z)") == ["a"]
    assert names("labelSelector=!app") == []
