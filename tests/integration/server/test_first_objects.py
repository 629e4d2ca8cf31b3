"""What must exist is made anew while the API server runs."""

from __future__ import annotations

from cluster.registry.bootstrap import _tracked
from tests.support import ApiServer, eventually

SERVICE = "/api/v1/namespaces/default/services/kubernetes"
TRACKING = "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"


def test_the_service_of_the_api_server_comes_back(api_server: ApiServer) -> None:
    before = api_server.request("GET", SERVICE).body["spec"]
    for path in (SERVICE, SLICE):
        assert api_server.request("DELETE", path).code == 200
    eventually(lambda: all(api_server.request("GET", path).code == 200 for path in (SERVICE, SLICE)), "both are back")
    after = api_server.request("GET", SERVICE).body["spec"]
    assert (after["clusterIP"], after["ports"]) == (before["clusterIP"], before["ports"])
    address = f"/apis/networking.k8s.io/v1/ipaddresses/{after['clusterIP']}"
    assert api_server.request("GET", address).body["spec"]["parentRef"]["name"] == "kubernetes"


def test_since_when_tokens_are_tracked_is_put_right_and_otherwise_kept(api_server: ApiServer) -> None:
    since = api_server.request("GET", TRACKING).body["data"]["since"]
    broken = {"data": {"since": "ever", "own": "kept"}}
    assert api_server.request("PATCH", TRACKING, broken, content_type="application/merge-patch+json").code == 200
    eventually(lambda: api_server.request("GET", TRACKING).body["data"] == {"since": since, "own": "kept"}, "it is a day again")
    assert _tracked({"data": {"since": "2020-01-31"}}, {"data": {"since": since}}) is None
