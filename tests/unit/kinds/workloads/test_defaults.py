"""What Kubernetes stores of a workload is what Berth stores: golden pairs, `BERTH_UPDATE=1` rewrites them."""

from __future__ import annotations

import copy
import os

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.errors import BadRequest
from cluster.api.pod_resources import quality_of_service
from cluster.kinds.core.pod_containers import image_tag, pull_policy
from tests.unit.kinds.workloads.world import DATA, UID, created, pod, strategy

GOLDEN = sorted(path.name.removesuffix(".input.yaml") for path in (DATA / "golden").glob("*.input.yaml"))


@pytest.mark.parametrize("name", GOLDEN)
def test_a_created_object_is_stored_as_kubernetes_stores_it(name: str) -> None:
    stored = created(yaml.safe_load((DATA / "golden" / f"{name}.input.yaml").read_text()))
    assert stored["metadata"].pop("uid") == UID
    del stored["metadata"]["namespace"]
    path = DATA / "golden" / f"{name}.output.yaml"
    if os.environ.get("BERTH_UPDATE"):
        path.write_text(yaml.safe_dump(stored, sort_keys=False, width=120, allow_unicode=True))
    assert stored == yaml.safe_load(path.read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_defaulting_again_changes_nothing(name: str) -> None:
    stored = created(yaml.safe_load((DATA / "golden" / f"{name}.input.yaml").read_text()))
    again = copy.deepcopy(stored)
    strategy(stored["kind"]).default(again)
    assert again == stored


@pytest.mark.parametrize(
    ("image", "tag", "policy"),
    [
        ("nginx", "latest", "Always"),
        ("nginx:latest", "latest", "Always"),
        ("nginx:1.2", "1.2", "IfNotPresent"),
        ("registry:5000/a/b", "latest", "Always"),
        ("registry:5000/a/b:v1", "v1", "IfNotPresent"),
        ("a@sha256:" + "0" * 64, "", "IfNotPresent"),
        ("a:latest@sha256:" + "0" * 64, "latest", "Always"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, tag: str, policy: str) -> None:
    assert (image_tag(image), pull_policy(image)) == (tag, policy)


def _container(limits: dict[str, str] | None = None, requests: dict[str, str] | None = None) -> dict[str, object]:
    return {"resources": {"limits": limits or {}, "requests": requests or {}}}


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"containers": [_container()]}, "BestEffort"),
        ({"containers": [_container(FULL, FULL)]}, "Guaranteed"),
        ({"containers": [_container(FULL, {"cpu": "1000m", "memory": "1024Mi"})]}, "Guaranteed"),
        ({"containers": [_container(FULL, FULL), _container()]}, "Burstable"),
        ({"containers": [_container(FULL, FULL)], "initContainers": [_container()]}, "Burstable"),
        ({"containers": [_container(None, {"cpu": "1"})]}, "Burstable"),
        ({"containers": [_container(None, {"cpu": "0"})]}, "BestEffort"),
        ({"containers": [_container({"cpu": "1"}, {"cpu": "1"})]}, "Burstable"),
        ({"containers": [_container(FULL, {"cpu": "1", "memory": "1"})]}, "Burstable"),
        ({"containers": [_container()], "resources": {"limits": FULL, "requests": FULL}}, "Guaranteed"),
    ],
)
def test_the_quality_of_service_class(spec: dict[str, object], wanted: str) -> None:
    assert quality_of_service(spec) == wanted


def test_a_malformed_quantity_is_a_bad_request() -> None:
    bad = pod(containers=[{"name": "c", "image": "a", "resources": {"limits": {"cpu": "much"}}}])
    with pytest.raises(BadRequest, match=r'^Pod in version "v1" cannot be handled as a Pod: quantities must match'):
        strategy("Pod").default(bad)


ZERO = st.sampled_from([None, "", 0, False, [], {}])
NAMES = st.sampled_from(["hostNetwork", "dnsPolicy", "volumes", "nodeSelector", "tolerations", "affinity", "hostUsers", "priority"])


@given(st.dictionaries(NAMES, ZERO))
def test_defaulting_is_idempotent_whatever_is_empty(spec: dict[str, object]) -> None:
    one = pod(**spec)
    strategy("Pod").default(one)
    two = copy.deepcopy(one)
    strategy("Pod").default(two)
    assert two == one
