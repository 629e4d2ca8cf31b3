"""What must exist is made anew while the API server runs."""

from __future__ import annotations

from tests.support import ApiServer, eventually

SERVICE = "/api/v1/namespaces/default/services/kubernetes"
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
