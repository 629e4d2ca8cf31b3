"""ResourceQuota: what a write is charged, and by what it is denied.  Drawn from `plugin/pkg/admission/resourcequota/admission_test.go`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from admission.attributes import Attributes
from admission.chain import Chain
from admission.plugins.resource_quota import QUOTAS, ResourceQuota
from admission.quota.configuration import limited_resources
from cluster.api.errors import Forbidden, StatusError
from cluster.api.names import GroupResource, Object
from cluster.api.quota.resource_claims import DEVICE_CLASSES
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World


class Ledger:
    """Quotas in memory."""

    def __init__(self, quotas: Sequence[Object]) -> None:
        self.quotas = {each["metadata"]["name"]: each for each in quotas}

    def list(self, resource: GroupResource, namespace: str) -> Sequence[Object]:
        assert (resource, namespace) == (QUOTAS, "dev")
        return tuple(self.quotas.values())

    def put(self, resource: GroupResource, obj: Object) -> None:
        self.quotas[obj["metadata"]["name"]] = obj


def quota(hard: dict[str, str], used: dict[str, str] | None = None, *, name: str = "q", **spec: Any) -> Object:
    """One that was counted; nothing is used of what is not said."""
    return {
        "metadata": {"name": name, "namespace": "dev", "resourceVersion": "1"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})},
    }


def charged(asked: Attributes, *quotas: Object, configuration: Object | None = None) -> dict[str, Object]:
    """What each quota that the write is charged to has used afterwards; a StatusError where it is denied."""
    world = World()
    for each in quotas:
        world.put(QUOTAS, each)
    plugin = ResourceQuota(world, configuration)
    chain = Chain([plugin])
    chain.validate(asked)
    ledger = Ledger(quotas)
    for charge in asked.charges:
        chain.settle(charge, ledger)
    before = {each["metadata"]["name"]: each for each in quotas}
    return {name: each["status"]["used"] for name, each in ledger.quotas.items() if each is not before[name]}


def denial(asked: Attributes, *quotas: Object, configuration: Object | None = None) -> str:
    with pytest.raises(StatusError) as error:
        charged(asked, *quotas, configuration=configuration)
    return error.value.message


def pod(cpu: str = "", memory: str = "", limits: Any = None, *, revision: str = "", **spec: Any) -> Object:
    requests = {name: amount for name, amount in (("cpu", cpu), ("memory", memory)) if amount}
    container = {"name": "c", "resources": {"requests": requests, "limits": limits or {}}}
    metadata = {"name": "p", "namespace": "dev"} | ({"resourceVersion": revision} if revision else {})
    return {"metadata": metadata, "spec": {"containers": [container], **spec}}


def create(obj: Object, what: str = "pods") -> Attributes:
    return write("CREATE", what, obj, namespace="dev")


def update(obj: Object, old: Object, what: str = "pods") -> Attributes:
    return write("UPDATE", what, obj, old, namespace="dev")


COMPUTE = {"cpu": "3", "memory": "100Gi", "limits.memory": "200Gi", "pods": "5"}
USED = {"cpu": "1", "memory": "50Gi", "limits.memory": "100Gi", "pods": "3"}


def test_what_fits_is_charged() -> None:
    used = charged(create(pod("100m", "2Gi", {"memory": "2Gi"})), quota(COMPUTE, USED))
    assert used == {"q": {"cpu": "1100m", "memory": "52Gi", "limits.memory": "102Gi", "pods": "4"}}


def test_what_does_not_fit_is_denied_with_what_is_exceeded() -> None:
    why = denial(create(pod("3", "60Gi", {"memory": "2Gi"})), quota(COMPUTE, USED))
    amounts = "requested: cpu=3,memory=60Gi, used: cpu=1,memory=50Gi, limited: cpu=3,memory=100Gi"
    assert why == f'pods "p" is forbidden: exceeded quota: q, {amounts}'


def test_containers_must_say_what_is_limited() -> None:
    why = denial(create(pod("1")), quota(COMPUTE, USED))
    assert why == 'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; memory for: c'


def test_a_quota_that_was_not_counted_yet_lets_nothing_pass_that_it_limits() -> None:
    uncounted = quota({"pods": "5", "services": "5"})
    uncounted["status"]["used"] = {"services": "0"}
    assert denial(create(pod()), uncounted) == 'pods "p" is forbidden: status unknown for quota: q, resources: pods'
    service = {"metadata": {"name": "s", "namespace": "dev"}, "spec": {"type": "ClusterIP"}}
    assert charged(create(service, "services"), uncounted) == {"q": {"services": "1"}}


@pytest.mark.parametrize(
    "quotas",
    [
        [],
        [quota({"services": "1"}, {"services": "9"})],
        [{"metadata": {"name": "new", "namespace": "dev"}, "spec": {"hard": {"pods": "0"}}}],
        [quota({"pods": "0"}, scopes=["Terminating"])],
    ],
)
def test_what_no_quota_limits_is_free(quotas: list[Object]) -> None:
    assert charged(create(pod()), *quotas) == {}


def test_more_than_is_allowed_of_something_else_is_in_nobodys_way() -> None:
    assert charged(create(pod()), quota({"services": "3", "pods": "4"}, {"services": "9", "pods": "1"})) == {
        "q": {"services": "9", "pods": "2"}
    }


@pytest.mark.parametrize(
    ("operation", "what"),
    [("DELETE", "pods"), ("UPDATE", "pods/status"), ("CREATE", "pods/binding"), ("UPDATE", "pods"), ("UPDATE", "configmaps")],
)
def test_writes_that_can_use_no_more_are_not_looked_at(operation: str, what: str) -> None:
    old = pod("1", revision="1")
    obj = pod("9") if operation != "DELETE" else None
    chain = Chain([plugin := ResourceQuota(World())])
    assert not plugin.handles(write("DELETE", "pods").operation)
    asked = write(operation, what, obj, old, namespace="dev")
    chain.validate(asked)
    assert asked.charges == []
    if operation != "DELETE":
        assert charged(asked, quota({"pods": "0", "configmaps": "0"})) == {}


def test_all_quotas_of_the_namespace_must_agree_and_each_is_charged() -> None:
    few, many = quota({"pods": "1"}, name="few"), quota({"pods": "9", "count/pods": "9"}, name="many")
    assert charged(create(pod()), few, many) == {"few": {"pods": "1"}, "many": {"pods": "1", "count/pods": "1"}}
    few["status"]["used"] = {"pods": "1"}
    assert "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1" in denial(create(pod()), few, many)


def test_events_and_what_is_in_no_namespace_are_never_counted() -> None:
    event = {"metadata": {"name": "e", "namespace": "dev"}}
    assert charged(create(event, "events"), quota({"count/events": "0"})) == {}
    assert charged(write("CREATE", "nodes", {"metadata": {"name": "n"}}), quota({"count/nodes": "0"})) == {}


def test_a_new_namespace_is_not_counted_in_itself() -> None:
    asked = write("CREATE", "namespaces", {"metadata": {"name": "dev"}}, namespace="dev")
    assert charged(asked, quota({"count/namespaces": "0"})) == {}


# updates


def service(kind: str, ports: int = 1, *, revision: str = "") -> Object:
    metadata = {"name": "s", "namespace": "dev"} | ({"resourceVersion": revision} if revision else {})
    return {"metadata": metadata, "spec": {"type": kind, "ports": [{"port": 80 + each} for each in range(ports)]}}


SERVICES = quota(
    {"services": "10", "services.loadbalancers": "10", "services.nodeports": "10"}, {"services": "1", "services.nodeports": "1"}
)


def test_an_update_is_charged_by_what_it_uses_more() -> None:
    asked = update(service("NodePort", 2), service("LoadBalancer", 1, revision="1"), "services")
    assert charged(asked, SERVICES) == {"q": {"services": "1", "services.loadbalancers": "0", "services.nodeports": "2"}}


def test_an_update_that_uses_no_more_is_free_however_full_the_quota_is() -> None:
    full = quota({"services.nodeports": "1"}, {"services.nodeports": "5"})
    assert charged(update(service("ClusterIP"), service("NodePort", revision="1"), "services"), full) == {}
    assert charged(update(service("NodePort"), service("NodePort", revision="1"), "services"), full) == {}


def test_an_update_of_what_was_never_stored_is_charged_in_full() -> None:
    asked = update(service("NodePort"), service("LoadBalancer"), "services")
    assert charged(asked, SERVICES) == {"q": {"services": "2", "services.loadbalancers": "0", "services.nodeports": "2"}}


def claim(storage: str, *, revision: str = "", status: Any = None, **spec: Any) -> Object:
    metadata = {"name": "c", "namespace": "dev"} | ({"resourceVersion": revision} if revision else {})
    return {"metadata": metadata, "spec": {"resources": {"requests": {"storage": storage}}, **spec}, "status": status or {}}


STORAGE = quota({"persistentvolumeclaims": "3", "requests.storage": "20Gi"}, {"persistentvolumeclaims": "1", "requests.storage": "10Gi"})


@pytest.mark.parametrize(
    ("asked", "storage"),
    [
        (update(claim("15Gi"), claim("10Gi", revision="1"), "persistentvolumeclaims"), "15Gi"),
        (update(claim("5Gi"), claim("10Gi", revision="1"), "persistentvolumeclaims"), ""),
        (
            update(
                claim("10Gi", status={"allocatedResources": {"storage": "30Gi"}}),
                claim("10Gi", revision="1"),
                "persistentvolumeclaims/status",
            ),
            "30Gi",
        ),
    ],
)
def test_the_growth_of_a_claim(asked: Attributes, storage: str) -> None:
    """What a status tells is charged though it is beyond the limit: it has happened."""
    used = charged(asked, STORAGE)
    assert used == ({"q": {"persistentvolumeclaims": "1", "requests.storage": storage}} if storage else {})


def test_nobody_uses_less_than_nothing() -> None:
    why = denial(create(claim("-1"), "persistentvolumeclaims"), STORAGE)
    assert why == 'persistentvolumeclaims "c" is forbidden: quota usage is negative for resource(s): requests.storage'


def test_a_claim_that_grows_beyond_the_limit_is_denied() -> None:
    asked = update(claim("25Gi"), claim("10Gi", revision="1"), "persistentvolumeclaims")
    assert "requested: requests.storage=15Gi, used: requests.storage=10Gi, limited: requests.storage=20Gi" in denial(asked, STORAGE)


def test_a_pod_that_comes_into_a_scope_is_charged_in_full_there_and_no_more_elsewhere() -> None:
    asked = update(pod("1", activeDeadlineSeconds=9), pod("1", revision="1"))
    terminating = quota({"pods": "2", "cpu": "2"}, {"pods": "1"}, name="terminating", scopes=["Terminating"])
    others = quota({"pods": "2"}, {"pods": "1"}, name="others", scopes=["NotTerminating"])
    unscoped = quota({"pods": "2"}, {"pods": "1"}, name="all")
    assert charged(asked, terminating, others, unscoped) == {"terminating": {"pods": "2", "cpu": "1"}}


def test_a_claim_that_comes_into_a_scope_is_charged_in_full_there() -> None:
    gold = {"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["gold"]}
    of_gold = quota({"persistentvolumeclaims": "1"}, name="gold", scopeSelector={"matchExpressions": [gold]})
    asked = update(claim("1Gi", volumeAttributesClassName="gold"), claim("1Gi", revision="1"), "persistentvolumeclaims")
    assert charged(asked, of_gold, STORAGE) == {"gold": {"persistentvolumeclaims": "1"}}


def test_a_resize_is_charged_by_what_it_asks_more() -> None:
    asked = update(pod("2"), pod("1500m", revision="1"), "pods/resize")
    assert charged(asked, quota({"requests.cpu": "2"}, {"requests.cpu": "1500m"})) == {"q": {"requests.cpu": "2"}}


# what changes between the judgement and the commit


def test_a_charge_is_settled_on_the_quota_as_it_is_then() -> None:
    world, first = World(), quota({"pods": "2"})
    world.put(QUOTAS, first)
    chain = Chain([ResourceQuota(world)])
    asked = [create(pod()) for _ in range(3)]
    for each in asked:
        chain.validate(each)
    ledger = Ledger([first])
    for each in asked[:2]:
        chain.settle(each.charges[0], ledger)
    assert ledger.quotas["q"]["status"]["used"] == {"pods": "2"}
    with pytest.raises(Forbidden, match="exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"):
        chain.settle(asked[2].charges[0], ledger)
    assert [each.annotations["admission.berth.io/decision"] for each in asked] == ["allow", "allow", "deny"]
    assert asked[2].annotations["admission.berth.io/plugin"] == "ResourceQuota"
    assert first["status"]["used"] == {"pods": "0"}


def test_charges_of_one_namespace_are_to_one_account() -> None:
    world = World()
    world.put(QUOTAS, quota({"pods": "2", "configmaps": "2"}))
    chain = Chain([ResourceQuota(world)])
    asked = [create(pod()), create({"metadata": {"name": "c", "namespace": "dev"}}, "configmaps")]
    for each in asked:
        chain.validate(each)
    assert {charge.account for each in asked for charge in each.charges} == {"resourcequotas/dev"}


# what is limited without a quota


def limited(resource: str, *contains: str, group: str = "", scopes: Sequence[Object] = ()) -> Object:
    one = {"apiGroup": group, "resource": resource, "matchContains": list(contains), "matchScopes": list(scopes)}
    return {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "ResourceQuotaConfiguration", "limitedResources": [one]}


CPU = limited("pods", "cpu")
EXISTS = {"scopeName": "PriorityClass", "operator": "Exists"}
OF_PRIORITY = limited("pods", scopes=[EXISTS])


@pytest.mark.parametrize(
    ("asked", "quotas", "configuration", "why"),
    [
        (create(pod("3")), [], CPU, 'pods "p" is forbidden: insufficient quota to consume: cpu,requests.cpu'),
        (create(pod()), [], CPU, ""),
        (create(pod("3")), [quota({"requests.cpu": "5", "cpu": "5"})], CPU, ""),
        (create(pod("3")), [quota({"requests.cpu": "5"}), quota({"cpu": "5"}, name="r")], CPU, ""),
        (create(pod("3")), [quota({"pods": "5"})], limited("pods", "requests.cpu"), "insufficient quota to consume: requests.cpu"),
        (create(pod("3")), [], limited("services", "cpu"), ""),
        (create(claim("1Gi", storageClassName="gold"), "persistentvolumeclaims"), [], CPU, ""),
        (
            create(claim("1Gi", storageClassName="gold"), "persistentvolumeclaims"),
            [],
            limited("persistentvolumeclaims", "gold.storageclass.storage.k8s.io/requests.storage"),
            "insufficient quota to consume: gold.storageclass.storage.k8s.io/requests.storage",
        ),
        (
            update(claim("2Gi"), claim("1Gi", revision="1"), "persistentvolumeclaims"),
            [],
            limited("persistentvolumeclaims", "storage"),
            "storage",
        ),
        (update(claim("1Gi"), claim("1Gi", revision="1"), "persistentvolumeclaims"), [], limited("persistentvolumeclaims", "storage"), ""),
        (update(claim("1Gi"), claim("2Gi", revision="1"), "persistentvolumeclaims"), [], limited("persistentvolumeclaims", "storage"), ""),
        (
            create(pod(priorityClassName="high")),
            [],
            OF_PRIORITY,
            "insufficient quota to match these scopes: [{PriorityClass Exists []}]",
        ),
        (create(pod()), [], OF_PRIORITY, ""),
        (
            create(pod(priorityClassName="high")),
            [quota({"pods": "5"}, scopeSelector={"matchExpressions": [EXISTS]})],
            OF_PRIORITY,
            "",
        ),
        (
            create(pod(priorityClassName="high")),
            [quota({"pods": "5"}, scopeSelector={"matchExpressions": [{**EXISTS, "operator": "In", "values": ["low"]}]})],
            OF_PRIORITY,
            "insufficient quota to match these scopes: [{PriorityClass Exists []}]",
        ),
        (
            create(pod(priorityClassName="high")),
            [],
            limited("pods", scopes=[{**EXISTS, "operator": "In", "values": ["high", "higher"]}]),
            "insufficient quota to match these scopes: [{PriorityClass In [high higher]}]",
        ),
    ],
)
def test_what_may_be_used_only_where_a_quota_covers_it(asked: Attributes, quotas: list[Object], configuration: Object, why: str) -> None:
    asked.charges.clear()
    if why:
        assert why in denial(asked, *quotas, configuration=configuration)
    else:
        charged(asked, *quotas, configuration=configuration)
        assert asked.annotations["admission.berth.io/decision"] == "allow"


def test_a_scope_that_is_not_covered_is_upstreams_plain_error() -> None:
    with pytest.raises(StatusError) as error:
        charged(create(pod(priorityClassName="high")), configuration=OF_PRIORITY)
    assert (error.value.code, error.value.reason) == (500, "")


def test_extended_resources_that_stand_for_device_classes_follow_the_classes() -> None:
    world = World()
    world.put(QUOTAS, quota({"requests.example.com/gpu": "1"}))
    plugin = ResourceQuota(world)
    request = {"name": "r", "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2}}
    body = {"metadata": {"name": "c", "namespace": "dev"}, "spec": {"devices": {"requests": [request]}}}
    asked = create(body, "configmaps")
    asked.resource = asked.resource._replace(group="resource.k8s.io", resource="resourceclaims")
    plugin.validate(asked)
    world.put(DEVICE_CLASSES, {"metadata": {"name": "gpu"}, "spec": {"extendedResourceName": "example.com/gpu"}})
    with pytest.raises(Forbidden, match=r"exceeded quota: q, requested: requests.example.com/gpu=2"):
        plugin.validate(asked)
    world.delete(DEVICE_CLASSES, "", "gpu")
    plugin.validate(asked)


# the configuration


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("apiserver.config.k8s.io/v1", "ResourceQuotaConfiguration"),
        ("resourcequota.admission.k8s.io/v1beta1", "Configuration"),
        ("resourcequota.admission.k8s.io/v1alpha1", "Configuration"),
    ],
)
def test_the_versions_of_a_configuration(api_version: str, kind: str) -> None:
    found = limited_resources(limited("pods", "cpu", scopes=[EXISTS]) | {"apiVersion": api_version, "kind": kind})
    assert [(str(each.resource), each.contains, [str(scope) for scope in each.scopes]) for each in found] == [
        ("pods", ("cpu",), ["{PriorityClass Exists []}"])
    ]


@pytest.mark.parametrize(
    ("configuration", "why"),
    [
        ({"kind": "Unknown", "apiVersion": "v1"}, 'no kind "Unknown" is registered'),
        ({"apiVersion": "apiserver.config.k8s.io/v1"}, "Object 'Kind' is missing"),
        (limited("pods") | {"foo": 1}, 'strict decoding error: unknown field "foo"'),
        (limited(""), "limitedResources[0].resource: Required value"),
        (
            limited("", scopes=[{"scopeName": "PriorityClass", "operator": "is"}]),
            "[limitedResources[0].resource: Required value, limitedResources[0].matchScopes[0].operator: Unsupported value",
        ),
    ],
)
def test_a_configuration_that_is_none_is_refused(configuration: Object, why: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        ResourceQuota(World(), configuration)
    assert str(error.value).startswith(why)


def test_without_a_configuration_nothing_is_limited() -> None:
    assert limited_resources(None) == ()
