"""A deployment's life, a namespace's end and a node's silence, through the real API server."""

from __future__ import annotations

import pytest

from cluster.client.resources import CONFIG_MAPS, CORE_EVENTS, DEPLOYMENTS, NAMESPACES, NODES, PODS, REPLICA_SETS, SERVICE_ACCOUNTS
from tests.integration.controllers.world import World
from tests.support import eventually


def test_a_namespace_gets_its_account_and_the_root_ca_which_is_put_right(world: World) -> None:
    namespace = world.namespace("furnished")
    assert eventually(lambda: not world.is_gone(SERVICE_ACCOUNTS, namespace, "default"), "the service account")
    eventually(lambda: not world.is_gone(CONFIG_MAPS, namespace, "kube-root-ca.crt"), "the root CA")
    world.client.patch(CONFIG_MAPS, namespace, "kube-root-ca.crt", {"data": {"ca.crt": "forged"}})

    def certificate() -> str:
        return str(world.client.get(CONFIG_MAPS, namespace, "kube-root-ca.crt")["data"]["ca.crt"])

    eventually(lambda: certificate() != "forged", "the root CA is put right")
    assert certificate().startswith("-----BEGIN CERTIFICATE-----")


def test_a_default_account_that_is_deleted_comes_back_as_another(world: World) -> None:
    namespace = world.namespace("furnished")

    def uid() -> str:
        return next((str(each["metadata"]["uid"]) for each in world.list(SERVICE_ACCOUNTS, namespace)), "")

    first = eventually(uid, "the service account")
    world.client.delete(SERVICE_ACCOUNTS, namespace, "default")
    eventually(lambda: uid() not in ("", first), "another service account")


def test_a_deployment_rolls_out_updates_scales_and_goes_with_all_it_owns(world: World) -> None:
    namespace = world.namespace("rollout")
    world.deploy(namespace)
    eventually(lambda: world.rolled_out(namespace), "rolled out")
    assert {pod["spec"]["nodeName"] for pod in world.list(PODS, namespace)} == {"w1", "w2"}

    image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "a:2"}]
    world.client.patch(DEPLOYMENTS, namespace, "web", image, content_type="application/json-patch+json")
    eventually(lambda: world.rolled_out(namespace), "updated")
    assert {pod["spec"]["containers"][0]["image"] for pod in world.list(PODS, namespace)} == {"a:2"}
    assert sorted(each["spec"]["replicas"] for each in world.list(REPLICA_SETS, namespace)) == [0, 2]

    world.client.patch(DEPLOYMENTS, namespace, "web", {"spec": {"replicas": 5}}, subresource="scale")
    eventually(lambda: world.rolled_out(namespace, 5), "scaled up")
    world.client.patch(DEPLOYMENTS, namespace, "web", {"spec": {"replicas": 1}}, subresource="scale")
    eventually(lambda: world.rolled_out(namespace, 1), "scaled down")

    def told(part: str) -> bool:
        return any(part in each["message"] for each in world.list(CORE_EVENTS, namespace) if each["reason"] == "ScalingReplicaSet")

    eventually(lambda: told("from 0 to 2") and told("from 5 to 1"), "events")
    world.client.delete(DEPLOYMENTS, namespace, "web")
    eventually(lambda: world.is_empty(namespace), "all is gone")


def test_a_pod_that_is_deleted_is_replaced(world: World) -> None:
    namespace = world.namespace("replaced")
    world.deploy(namespace)
    eventually(lambda: world.rolled_out(namespace), "rolled out")
    name = world.list(PODS, namespace)[0]["metadata"]["name"]
    world.client.delete(PODS, namespace, name)
    eventually(lambda: world.is_gone(PODS, namespace, name) and world.rolled_out(namespace), "replaced")
    assert name not in {pod["metadata"]["name"] for pod in world.list(PODS, namespace)}


@pytest.mark.parametrize(("policy", "kept"), [("Foreground", 0), ("Orphan", 1)])
def test_deletion_with_a_policy(world: World, policy: str, kept: int) -> None:
    namespace = world.namespace(f"policy-{policy.lower()}")
    world.deploy(namespace)
    eventually(lambda: world.rolled_out(namespace), "rolled out")
    world.client.delete(DEPLOYMENTS, namespace, "web", options={"propagationPolicy": policy})
    eventually(lambda: world.is_gone(DEPLOYMENTS, namespace, "web"), "deleted")
    assert len(world.list(REPLICA_SETS, namespace)) == kept
    assert len(world.list(PODS, namespace)) == 2 * kept
    assert all("ownerReferences" not in each["metadata"] for each in world.list(REPLICA_SETS, namespace))


def test_an_object_whose_owner_goes_is_collected(world: World) -> None:
    namespace = world.namespace("owned")
    owner = world.client.create(CONFIG_MAPS, namespace, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    child = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "child", "ownerReferences": [reference]}}
    world.client.create(CONFIG_MAPS, namespace, child)
    world.client.delete(CONFIG_MAPS, namespace, "owner")
    assert eventually(lambda: world.is_gone(CONFIG_MAPS, namespace, "child"), "collected", 60)


def test_a_namespace_goes_with_all_that_is_in_it(world: World) -> None:
    namespace = world.namespace("doomed")
    world.deploy(namespace)
    eventually(lambda: world.rolled_out(namespace), "rolled out")
    world.client.delete(NAMESPACES, "", namespace)
    eventually(lambda: world.is_gone(NAMESPACES, "", namespace), "the namespace is gone")
    assert world.is_empty(namespace)


def test_pods_of_a_silent_node_are_made_anew_on_another(world: World) -> None:
    namespace = world.namespace("silence")
    toleration = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    world.deploy(namespace, tolerations=[toleration])
    eventually(lambda: world.rolled_out(namespace), "rolled out")
    world.kubelets.alive.discard("w2")

    def ready(name: str) -> str:
        conditions = world.client.get(NODES, "", name)["status"]["conditions"]
        return str(next(each["status"] for each in conditions if each["type"] == "Ready"))

    eventually(lambda: ready("w2") == "Unknown", "the node is not ready")

    def moved() -> bool:
        living = [pod for pod in world.list(PODS, namespace) if not pod["metadata"].get("deletionTimestamp")]
        return {pod["spec"].get("nodeName") for pod in living} == {"w1"} and len(living) == 2

    assert eventually(moved, "the pods moved")
    world.kubelets.alive.add("w2")
    world.kubelets._report("w2")
    assert eventually(lambda: "taints" not in world.client.get(NODES, "", "w2")["spec"], "the node is back")
