"""What members of a namespace try who want more than their role says: each is refused, and nothing is changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.rbac.test_pipeline import TINA, People, bind

POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SERVICE = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}], "clusterIP": "None"}}


@pytest.mark.parametrize(("resource", "made"), [("pods", POD), ("services", SERVICE)])
@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH"])
def test_a_proxy_is_no_way_to_an_object_past_its_rules(people: People, resource: str, made: dict[str, Any], verb: str) -> None:
    """Editors may use the proxy of pods and services: that neither shows nor writes the objects themselves."""
    where = f"/api/v1/namespaces/dev/{resource}"
    bind(people, "editors", "edit", TINA)
    people.admin.must("POST", "/api/v1/namespaces/dev/serviceaccounts", {"metadata": {"name": "default"}})
    before = people.admin.must("POST", where, made)
    changed = before | {"status": {"phase": "Failed"}, "spec": before["spec"] | {"serviceAccountName": "user", "clusterIP": "10.96.0.1"}}
    headers = {"Content_Type": "application/merge-patch+json"} if verb == "PATCH" else {}
    code, _ = people.tina(verb, f"{where}/web/proxy", None if verb == "GET" else changed, **headers)
    assert (code, people.admin.must("GET", f"{where}/web")) == (405, before)
