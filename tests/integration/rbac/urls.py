"""Requests of every shape, and what a caller who may do everything is answered: in this order, in a namespace of its own."""

from __future__ import annotations

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """One request; `code` is what a caller who may do everything is answered."""

    method: str
    path: str
    body: Any
    code: int
    content_type: str = "application/json"


CONTAINERS = [{"name": "c", "image": "i"}]
POD = {
    "metadata": {"name": "a"},
    "spec": {"serviceAccountName": "default", "automountServiceAccountToken": False, "containers": CONTAINERS},
}
SELECTED = {"metadata": {"labels": {"name": "a"}}, "spec": {"containers": CONTAINERS}}
CONTROLLER = {"metadata": {"name": "a"}, "spec": {"replicas": 2, "selector": {"name": "a"}, "template": SELECTED}}
SERVICE = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 8000}], "selector": {"name": "a"}}}
ENDPOINTS = {"metadata": {"name": "a"}, "subsets": [{"addresses": [{"ip": "10.10.1.1"}], "ports": [{"port": 1909}]}]}
NODE = {"metadata": {"name": "url-node"}}
NOW = {"gracePeriodSeconds": 0}


def requests(namespace: str) -> list[Shape]:
    """What may be done with resources, what may not be done with anything, and paths that are no resources."""
    here = f"/api/v1/namespaces/{namespace}"
    event = {"metadata": {"name": "a"}, "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "a"}}
    found = [
        Shape("GET", "/api/v1/pods", None, 200),
        Shape("GET", f"{here}/pods", None, 200),
        Shape("POST", f"{here}/pods?timeout=60s", POD, 201),
        Shape("PUT", f"{here}/pods/a?timeout=60s", POD, 200),
        Shape("GET", f"{here}/pods/a", None, 200),
        Shape("GET", f"{here}/pods/a/exec?command=x&stdout=1", None, 400),
        Shape("POST", f"{here}/pods/a/exec?command=x&stdout=1", None, 400),
        Shape("PUT", f"{here}/pods/a/exec", None, 405),
        Shape("HEAD", f"{here}/pods/a/log", None, 405),
        Shape("HEAD", f"{here}/pods/a/nonsense", None, 404),
        Shape("PUT", f"{here}/pods/a/portforward", None, 405),
        Shape("PATCH", f"{here}/pods/a", {}, 200, "application/merge-patch+json"),
        Shape("DELETE", f"{here}/pods/a", NOW, 200),
        Shape("OPTIONS", f"{here}/pods", None, 405),
        Shape("OPTIONS", f"{here}/pods/a", None, 405),
        Shape("HEAD", f"{here}/pods", None, 405),
        Shape("HEAD", f"{here}/pods/a", None, 405),
        Shape("TRACE", f"{here}/pods", None, 405),
        Shape("TRACE", f"{here}/pods/a", None, 405),
        Shape("NOSUCHVERB", f"{here}/pods", None, 405),
    ]
    for resource, body in (("services", SERVICE), ("replicationcontrollers", CONTROLLER), ("endpoints", ENDPOINTS), ("events", event)):
        found += [
            Shape("GET", f"/api/v1/{resource}", None, 200),
            Shape("GET", f"{here}/{resource}", None, 200),
            Shape("POST", f"{here}/{resource}?timeout=60s", body, 201),
            Shape("PUT", f"{here}/{resource}/a?timeout=60s", body, 200),
            Shape("GET", f"{here}/{resource}/a", None, 200),
            Shape("PATCH", f"{here}/{resource}/a", {"metadata": {"labels": {"x": "y"}}}, 200, "application/merge-patch+json"),
            Shape("DELETE", f"{here}/{resource}/a", None, 200),
        ]
    return [
        *found,
        Shape("GET", "/api/v1/nodes", None, 200),
        Shape("POST", "/api/v1/nodes?timeout=60s", NODE, 201),
        Shape("PUT", "/api/v1/nodes/url-node?timeout=60s", NODE, 200),
        Shape("GET", "/api/v1/nodes/url-node", None, 200),
        Shape("DELETE", "/api/v1/nodes/url-node", None, 200),
        Shape("GET", f"{here}/bindings", None, 405),
        Shape("POST", f"{here}/pods", POD, 201),
        Shape("POST", f"{here}/bindings", {"metadata": {"name": "a"}, "target": {"name": "10.10.10.10"}}, 201),
        Shape("GET", f"{here}/bindings/a", None, 404),
        Shape("PUT", f"{here}/bindings/a", {"metadata": {"name": "a"}}, 404),
        Shape("DELETE", f"{here}/bindings/a", None, 404),
        Shape("GET", "/api/v1/foo", None, 404),
        Shape("POST", f"{here}/foo", {"foo": "foo"}, 404),
        Shape("PUT", f"{here}/foo/a", {"foo": "foo"}, 404),
        Shape("GET", f"{here}/foo/a", None, 404),
        Shape("DELETE", f"{here}/foo", None, 404),
        Shape("GET", f"{here}/nodes/a/proxy", None, 404),
        Shape("GET", f"/api/v1/redirect/namespaces/{namespace}/nodes/a", None, 404),
        Shape("GET", "/", None, 200),
        Shape("GET", "/api", None, 200),
        Shape("GET", "/healthz", None, 200),
        Shape("GET", "/version", None, 200),
        Shape("GET", "/invalidURL", None, 404),
    ]
