"""What a node may do: by its pods, by its name, and nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from cluster.api.authorization import Authorizer
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from tests.unit.rbac.world import NODE, World, ask, metadata

PODS = GroupResource("", "pods")
VOLUMES = GroupResource("", "persistentvolumes")


def pod(name: str, node: str, **spec: object) -> Object:
    return {"metadata": metadata(name, "dev", uid=name), "spec": {"nodeName": node, **spec}}


def named(field: str, value: str) -> Object:
    return {field: {"name": value}}


WEB = pod(
    "web",
    "n1",
    serviceAccountName="web",
    imagePullSecrets=[{"name": "pull"}],
    initContainers=[{"envFrom": [named("configMapRef", "init-map")]}],
    containers=[
        {"env": [{"valueFrom": named("secretKeyRef", "env-secret")}, {"value": "x"}], "envFrom": [named("secretRef", "from-secret")]}
    ],
    volumes=[
        {"name": "a", "secret": {"secretName": "volume-secret"}},
        {"name": "b", "configMap": {"name": "volume-map"}},
        {"name": "c", "projected": {"sources": [named("secret", "projected-secret"), named("configMap", "projected-map")]}},
        {"name": "d", "persistentVolumeClaim": {"claimName": "claim"}},
        {"name": "e", "ephemeral": {}},
        {"name": "f", "csi": {"nodePublishSecretRef": {"name": "csi-secret"}}},
    ],
    resourceClaims=[{"name": "gpu", "resourceClaimName": "gpu-claim"}],
)
OTHER = pod("other", "n2", serviceAccountName="other", volumes=[{"name": "a", "secret": {"secretName": "other-secret"}}])
VOLUME = {
    "metadata": metadata("volume"),
    "spec": {"claimRef": {"namespace": "dev", "name": "claim"}, "csi": {"nodeStageSecretRef": {"name": "stage", "namespace": "vault"}}},
}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(PODS, WEB)
    made.put(PODS, OTHER)
    made.put(VOLUMES, VOLUME)
    made.put(GroupResource("storage.k8s.io", "volumeattachments"), {"metadata": metadata("va"), "spec": {"nodeName": "n1"}})
    made.put(GroupResource("resource.k8s.io", "resourceslices"), {"metadata": metadata("slice"), "spec": {"nodeName": "n1"}})
    return made


@pytest.fixture
def authorizer(world: World) -> Authorizer:
    return build_authorization(world).authorizer


UNRELATED = "no relationship found between node 'n1' and this object"


@pytest.mark.parametrize(
    ("question", "namespace", "name", "reason"),
    [
        *[
            ("get secrets", "dev", name, None)
            for name in ("pull", "env-secret", "from-secret", "volume-secret", "projected-secret", "csi-secret")
        ],
        *[("get configmaps", "dev", name, None) for name in ("init-map", "volume-map", "projected-map")],
        ("list secrets", "dev", "pull", None),
        ("watch configmaps", "dev", "volume-map", None),
        ("get secrets", "dev", "other-secret", UNRELATED),
        ("get secrets", "test", "pull", UNRELATED),
        ("list secrets", "dev", "", "No Object name found"),
        ("list secrets", "", "", "can only read namespaced object of this type"),
        ("update secrets", "dev", "pull", "can only read resources of this type"),
        ("get secrets/x", "dev", "pull", "cannot read subresource"),
        ("get persistentvolumeclaims", "dev", "claim", None),
        ("get persistentvolumeclaims", "dev", "web-e", None),
        ("get persistentvolumeclaims", "dev", "x", UNRELATED),
        ("patch persistentvolumeclaims/status", "dev", "claim", None),
        ("get persistentvolumeclaims/status", "dev", "claim", "can only get/update/patch this type"),
        ("list persistentvolumeclaims", "dev", "claim", "can only get individual resources of this type"),
        ("get persistentvolumes", "", "volume", None),
        ("get secrets", "vault", "stage", None),
        ("get resourceclaims.resource.k8s.io", "dev", "gpu-claim", None),
        ("get volumeattachments.storage.k8s.io", "", "va", None),
        ("get volumeattachments.storage.k8s.io", "", "vb", UNRELATED),
        ("get serviceaccounts", "dev", "web", None),
        ("get serviceaccounts", "dev", "other", UNRELATED),
        ("create serviceaccounts/token", "dev", "web", None),
        ("create serviceaccounts/token", "dev", "other", UNRELATED),
        ("create serviceaccounts", "dev", "web", "can only create token subresource of serviceaccount"),
        ("list serviceaccounts", "dev", "", "can only create tokens for individual service accounts"),
        ("get leases.coordination.k8s.io", "kube-node-lease", "n1", None),
        ("create leases.coordination.k8s.io", "kube-node-lease", "", None),
        (
            "update leases.coordination.k8s.io",
            "kube-node-lease",
            "n2",
            "can only access node lease with the same name as the requesting node",
        ),
        ("get leases.coordination.k8s.io", "dev", "n1", 'can only access leases in the "kube-node-lease" system namespace'),
        ("list leases.coordination.k8s.io", "kube-node-lease", "", "can only get, create, update, patch, or delete a node lease"),
        ("get csinodes.storage.k8s.io", "", "n1", None),
        ("get csinodes.storage.k8s.io", "", "n2", "can only access CSINode with the same name as the requesting node"),
        ("list csinodes.storage.k8s.io", "", "", "can only get, create, update, patch, or delete a CSINode"),
        ("get csinodes.storage.k8s.io/status", "", "n1", "cannot authorize CSINode subresources"),
        ("create resourceslices.resource.k8s.io", "", "", None),
        ("get resourceslices.resource.k8s.io", "", "slice", None),
        ("get resourceslices.resource.k8s.io", "", "slice2", UNRELATED),
        ("get nodes", "", "n1", None),
        ("get nodes", "", "n2", "node 'n1' cannot read 'n2', only its own Node object"),
        ("list nodes", "", "", "node 'n1' cannot read all nodes, only its own Node object"),
        ("create nodes", "", "", None),
        ("patch nodes/status", "", "n1", None),
        ("delete nodes", "", "n1", ""),
        ("get nodes/proxy", "", "n1", ""),
        ("get pods", "dev", "web", None),
        ("get pods", "dev", "other", UNRELATED),
        ("list pods", "", "", "can only list/watch pods with spec.nodeName field selector"),
        ("create pods", "dev", "", None),
        ("delete pods", "dev", "web", None),
        ("patch pods/status", "dev", "web", None),
        ("create pods/eviction", "dev", "web", None),
        ("create pods/exec", "dev", "web", ""),
        ("update pods", "dev", "web", ""),
        ("list services", "", "", None),
        ("create services", "dev", "", ""),
        ("create events", "dev", "", None),
        ("create tokenreviews.authentication.k8s.io", "", "", None),
        ("list deployments.apps", "dev", "", ""),
        ("get /metrics", "", "", ""),
    ],
)
def test_what_a_node_may_do(authorizer: Authorizer, question: str, namespace: str, name: str, reason: str | None) -> None:
    """`reason` None: it may."""
    verdict = authorizer.authorize(ask(NODE, question, namespace, name))
    assert (None if verdict.allowed else verdict.reason) == reason


@pytest.mark.parametrize("resource", ["pods", "resourceslices.resource.k8s.io"])
@pytest.mark.parametrize(("operator", "node", "allowed"), [("=", "n1", True), ("=", "n2", False), ("!=", "n2", False)])
def test_a_node_lists_by_its_own_name(authorizer: Authorizer, resource: str, operator: str, node: str, allowed: bool) -> None:
    question = replace(ask(NODE, f"list {resource}"), field_selector=(("spec.nodeName", operator, node),))
    assert authorizer.authorize(question).allowed is allowed


@pytest.mark.parametrize(
    "who", [UserInfo("system:node:n1"), UserInfo("n1", groups=("system:nodes",)), UserInfo("system:node:", groups=("system:nodes",))]
)
def test_who_is_no_node_is_not_treated_as_one(authorizer: Authorizer, who: UserInfo) -> None:
    assert not authorizer.authorize(ask(who, "get secrets", "dev", "pull")).allowed


def test_a_node_reads_a_secret_as_long_as_a_pod_of_it_needs_it(world: World, authorizer: Authorizer) -> None:
    question = ask(NODE, "get secrets", "dev", "shared")
    states = [authorizer.authorize(question).allowed]
    unbound = pod("a", "", volumes=[{"name": "v", "secret": {"secretName": "shared"}}])
    world.put(PODS, unbound)
    states.append(authorizer.authorize(question).allowed)
    bound = {**unbound, "spec": {**unbound["spec"], "nodeName": "n1"}}
    world.put(PODS, bound)
    states.append(authorizer.authorize(question).allowed)
    world.put(PODS, {**bound, "metadata": metadata("b", "dev")})
    world.delete(PODS, "dev", "a")
    states.append(authorizer.authorize(question).allowed)
    world.delete(PODS, "dev", "b")
    states.append(authorizer.authorize(question).allowed)
    assert states == [False, False, True, True, False]


def test_an_ephemeral_container_brings_its_references(world: World, authorizer: Authorizer) -> None:
    debugged = {**WEB, "spec": {**WEB["spec"], "ephemeralContainers": [{"envFrom": [named("secretRef", "late")]}]}}
    world.put(PODS, debugged)
    assert authorizer.authorize(ask(NODE, "get secrets", "dev", "late")).allowed


def test_a_pod_of_the_same_name_elsewhere_takes_its_access_along(world: World, authorizer: Authorizer) -> None:
    world.delete(PODS, "dev", "web")
    world.put(PODS, pod("web", "n2", serviceAccountName="web"))
    assert not authorizer.authorize(ask(NODE, "get serviceaccounts", "dev", "web")).allowed


def test_a_mirror_pod_opens_nothing(world: World, authorizer: Authorizer) -> None:
    mirror = pod("m", "n1", volumes=[{"name": "v", "secret": {"secretName": "wanted"}}])
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    world.put(PODS, mirror)
    assert not authorizer.authorize(ask(NODE, "get secrets", "dev", "wanted")).allowed
    assert authorizer.authorize(ask(NODE, "get pods", "dev", "m")).allowed


def test_a_volume_that_is_released_closes_its_secrets(world: World, authorizer: Authorizer) -> None:
    world.put(VOLUMES, {**VOLUME, "spec": {**VOLUME["spec"], "claimRef": None}})
    assert not authorizer.authorize(ask(NODE, "get persistentvolumes", "", "volume")).allowed
    assert not authorizer.authorize(ask(NODE, "get secrets", "vault", "stage")).allowed
