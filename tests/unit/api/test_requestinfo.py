"""RequestInfo: one row a URL."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from cluster.api.requestinfo import RequestInfo, UnknownPath, parse


def info(method: str, url: str) -> RequestInfo:
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    return parse(method, parts.path, lambda name: query.get(name, [None])[0])


# method, URL, verb, group, version, namespace, resource, subresource, name
RESOURCES = [
    ("GET", "/api/v1/namespaces", "list", "", "v1", "", "namespaces", "", ""),
    ("GET", "/api/v1/namespaces/other", "get", "", "v1", "other", "namespaces", "", "other"),
    ("PUT", "/api/v1/namespaces/other/status", "update", "", "v1", "other", "namespaces", "status", "other"),
    ("PUT", "/api/v1/namespaces/other/finalize", "update", "", "v1", "other", "namespaces", "finalize", "other"),
    ("GET", "/api/v1/namespaces/other/pods", "list", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo", "get", "", "v1", "other", "pods", "", "foo"),
    ("HEAD", "/api/v1/namespaces/other/pods/foo", "get", "", "v1", "other", "pods", "", "foo"),
    ("GET", "/api/v1/pods", "list", "", "v1", "", "pods", "", ""),
    ("HEAD", "/api/v1/pods", "list", "", "v1", "", "pods", "", ""),
    ("POST", "/api/v1/namespaces/other/pods", "create", "", "v1", "other", "pods", "", ""),
    ("PATCH", "/api/v1/namespaces/other/pods/foo", "patch", "", "v1", "other", "pods", "", "foo"),
    ("DELETE", "/api/v1/namespaces/other/pods/foo", "delete", "", "v1", "other", "pods", "", "foo"),
    ("DELETE", "/api/v1/namespaces/other/pods", "deletecollection", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo/log", "get", "", "v1", "other", "pods", "log", "foo"),
    ("POST", "/api/v1/namespaces/other/pods/foo/exec", "create", "", "v1", "other", "pods", "exec", "foo"),
    ("GET", "/api/v1/nodes/n1/proxy/metrics/x", "get", "", "v1", "", "nodes", "proxy", "n1"),
    ("GET", "/api/v1/watch/pods", "watch", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods", "watch", "", "v1", "other", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods/foo", "watch", "", "v1", "other", "pods", "", "foo"),
    ("GET", "/api/v1/proxy/namespaces/other/pods/foo/a", "proxy", "", "v1", "other", "pods", "", "foo"),
    ("GET", "/api/v1/pods?watch=true", "watch", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch=1", "watch", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch", "watch", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch=false", "list", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch=0", "list", "", "v1", "", "pods", "", ""),
    ("GET", "/api/v1/pods/foo?watch=true", "get", "", "v1", "", "pods", "", "foo"),
    ("GET", "/api/v1/nodes?fieldSelector=metadata.name%3Dn1", "list", "", "v1", "", "nodes", "", "n1"),
    ("GET", "/api/v1/nodes?watch=1&fieldSelector=metadata.name==n1", "watch", "", "v1", "", "nodes", "", "n1"),
    ("GET", "/api/v1/nodes?fieldSelector=spec.x=1,metadata.name=n1", "list", "", "v1", "", "nodes", "", "n1"),
    ("GET", "/api/v1/nodes?fieldSelector=metadata.name!=n1", "list", "", "v1", "", "nodes", "", ""),
    ("GET", "/api/v1/nodes?fieldSelector=metadata.name=a/b", "list", "", "v1", "", "nodes", "", ""),
    ("GET", "/apis/apps/v1/deployments", "list", "apps", "v1", "", "deployments", "", ""),
    ("GET", "/apis/apps/v1/namespaces/dev/deployments/web/scale", "get", "apps", "v1", "dev", "deployments", "scale", "web"),
    ("DELETE", "/apis/batch/v1/namespaces/dev/jobs/", "deletecollection", "batch", "v1", "dev", "jobs", "", ""),
    ("OPTIONS", "/api/v1/pods", "", "", "v1", "", "pods", "", ""),
]


@pytest.mark.parametrize(("method", "url", "verb", "group", "version", "namespace", "resource", "subresource", "name"), RESOURCES)
def test_a_resource_request_is_read_from_its_url(
    method: str, url: str, verb: str, group: str, version: str, namespace: str, resource: str, subresource: str, name: str
) -> None:
    found = info(method, url)
    assert found.is_resource
    shown = (found.verb, found.group, found.version, found.namespace, found.resource, found.subresource, found.name)
    assert shown == (verb, group, version, namespace, resource, subresource, name)


@pytest.mark.parametrize(
    "url",
    ["/", "/api", "/api/v1", "/api/v1/", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/openapi/v3/api/v1", "/a/b/c/d"],
)
def test_other_paths_are_no_resources(url: str) -> None:
    found = info("GET", url)
    assert (found.is_resource, found.verb, found.path) == (False, "get", url)


@pytest.mark.parametrize("url", ["/api/v1/watch", "/apis/apps/v1/proxy"])
def test_a_special_verb_with_nothing_after_it_is_refused(url: str) -> None:
    with pytest.raises(UnknownPath):
        info("GET", url)


def test_selectors_are_kept_for_authorization_where_the_verb_takes_them() -> None:
    found = info("GET", "/api/v1/pods?labelSelector=a%3Db&fieldSelector=spec.nodeName%3Dn1")
    assert (found.label_selector, found.field_selector) == ("a=b", "spec.nodeName=n1")
    assert info("GET", "/api/v1/watch/pods?labelSelector=a%3Db").label_selector == ""
