"""Namespaces, service accounts, the root CA, aggregated roles, identities and the frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.api.errors import Conflict, Forbidden, InternalError, NotFound
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.client.discovery import Discovery, ServedResource
from cluster.client.resources import CLUSTER_ROLES, CONFIG_MAPS, NAMESPACES, PODS
from cluster.client.work_queue import WorkQueue
from cluster.controllers import cluster_role_aggregation, root_ca, service_account
from cluster.controllers.framework import Context, Informers, ManagerOptions, Requeue, run_once
from cluster.controllers.identities import ServiceAccountToken
from cluster.controllers.namespace import NamespaceDeleter, updated_conditions
from cluster.controllers.table import CONTROLLERS
from tests.unit.controllers.server import Server


@pytest.mark.parametrize(
    ("namespace", "present", "missing"),
    [
        ({"metadata": {}, "status": {"phase": "Active"}}, set(), ["default"]),
        ({"metadata": {}, "status": {"phase": "Active"}}, {"default"}, []),
        ({"metadata": {}, "status": {"phase": "Terminating"}}, set(), []),
        (None, set(), []),
    ],
)
def test_which_service_accounts_are_missing(namespace: Object | None, present: set[str], missing: list[str]) -> None:
    assert service_account.missing(namespace, present) == missing


def test_the_root_ca_is_made_left_alone_and_put_right() -> None:
    made = root_ca.wanted("dev", "PEM", None)
    assert made is not None
    assert made["data"] == {"ca.crt": "PEM"}
    assert root_ca.wanted("dev", "PEM", made) is None
    assert (root_ca.wanted("dev", "PEM", made | {"data": {"ca.crt": "PEM", "x": "y"}}) or {})["data"] == {"ca.crt": "PEM"}


def test_an_aggregated_role_has_the_rules_of_those_it_selects(tmp_path: Path) -> None:
    def role(name: str, rules: list[Any], **labels: str) -> Object:
        return {"metadata": {"name": name, "labels": labels}, "rules": rules}

    own = role("edit", []) | {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": "edit"}}]}}
    roles = [role("b", [{"verbs": ["b"]}, {"verbs": ["a"]}], to="edit"), role("a", [{"verbs": ["a"]}], to="edit"), role("c", [{}]), own]
    server, informers = Server(), Informers(None)  # type: ignore[arg-type]  # nothing is asked of it before it starts
    server.put(CLUSTER_ROLES, *roles)
    controller = cluster_role_aggregation.build(Context(server, informers, None, ManagerOptions(tmp_path)))  # type: ignore[arg-type]
    for each in roles:
        informers.of(CLUSTER_ROLES)._put(each)
    key = controller.queue.get(timeout=0)
    assert key == ("", "edit")
    controller.reconcile(key)
    filled = server.get(CLUSTER_ROLES, "", "edit")
    assert filled["rules"] == [{"verbs": ["a"]}, {"verbs": ["b"]}]
    informers.of(CLUSTER_ROLES)._put(filled)
    controller.reconcile(key)
    assert server.writes == [("patch", "clusterroles", "edit"), ("update", "clusterroles", "edit")]  # once: it is as it should be


class NamespaceWorld:
    """One namespace with objects by resource; pods take one more pass to go."""

    def __init__(self, **content: int) -> None:
        self.content = content
        self.namespace: Object = {
            "metadata": {"name": "dev", "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }
        self.order: list[str] = []
        self.failing = ""

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object:
        return self.namespace

    def update(self, resource: GroupVersionResource, namespace: str, obj: Object, subresource: str = "") -> Object:
        assert resource == NAMESPACES
        self.namespace = obj
        return obj

    def delete_collection(self, resource: GroupVersionResource, namespace: str, *, options: Object) -> Object:
        if resource.resource == self.failing:
            raise Forbidden("no")
        self.order.append(resource.resource)
        return {}

    def list(self, resource: GroupVersionResource, namespace: str, *, metadata_only: bool) -> Object:
        left = self.content.get(resource.resource, 0)
        self.content[resource.resource] = 0
        return {"items": [{"metadata": {"finalizers": ["hold"]}}] * left}


def _deleter(world: NamespaceWorld) -> NamespaceDeleter:
    verbs = frozenset({"delete", "deletecollection", "list"})
    served = (
        ServedResource(CONFIG_MAPS, GroupVersionKind("", "v1", "ConfigMap"), True, verbs),
        ServedResource(PODS, GroupVersionKind("", "v1", "Pod"), True, verbs),
        ServedResource(NAMESPACES, GroupVersionKind("", "v1", "Namespace"), False, verbs),
    )
    return NamespaceDeleter(world, lambda: Discovery(served))  # type: ignore[arg-type]


def test_an_empty_namespace_is_let_go() -> None:
    world = NamespaceWorld()
    _deleter(world).sync(("", "dev"))
    assert world.namespace["spec"]["finalizers"] == []
    assert {each["status"] for each in world.namespace["status"]["conditions"]} == {"False"}


def test_pods_go_before_all_else() -> None:
    world = NamespaceWorld(pods=1)
    deleter = _deleter(world)
    with pytest.raises(Requeue):
        deleter.sync(("", "dev"))
    assert world.order == ["pods"]
    told = {each["type"]: each["message"] for each in world.namespace["status"]["conditions"] if each["status"] == "True"}
    assert told == {
        "NamespaceContentRemaining": "Some resources are remaining: pods. has 1 resource instances",
        "NamespaceFinalizersRemaining": "Some content in the namespace has finalizers remaining: hold in 1 resource instances",
    }
    deleter.sync(("", "dev"))
    assert world.order == ["pods", "pods", "configmaps"]
    assert world.namespace["spec"]["finalizers"] == []


def test_what_cannot_be_deleted_is_told() -> None:
    world = NamespaceWorld()
    world.failing = "configmaps"
    with pytest.raises(Requeue):
        _deleter(world).sync(("", "dev"))
    told = {each["type"]: each["message"] for each in world.namespace["status"]["conditions"] if each["status"] == "True"}
    assert told == {"NamespaceDeletionContentFailure": "Failed to delete all resource types, 1 remaining: no"}


def test_conditions_change_their_time_only_with_their_status() -> None:
    before = updated_conditions([], {}, "t1")
    assert updated_conditions(before, {}, "t2") == before


class TokenServer:
    def __init__(self) -> None:
        self.accounts: set[str] = set()
        self.tokens = 0

    def create(self, resource: object, namespace: str, body: Object, *, name: str = "", subresource: str = "") -> Object:
        if not subresource:
            self.accounts.add(body["metadata"]["name"])
            return body
        if name not in self.accounts:
            raise NotFound(name)
        self.tokens += 1
        return {"status": {"token": f"token-{self.tokens}"}}


def test_a_token_is_renewed_before_it_runs_out_and_when_refused() -> None:
    now = [0.0]
    server = TokenServer()
    token = ServiceAccountToken(server, "deployment-controller", now=lambda: now[0])  # type: ignore[arg-type]
    assert (token(), token(), server.accounts) == ("token-1", "token-1", {"deployment-controller"})
    now[0] = 3600 * 0.8
    assert token() == "token-2"
    token.refused()
    assert token() == "token-3"


@pytest.mark.parametrize(
    ("failure", "requeues"),
    [(None, 0), (Conflict("c"), 1), (InternalError("i"), 1), (ValueError("bug"), 1), (Requeue(5), 0)],
)
def test_a_key_that_failed_is_tried_again(failure: Exception | None, requeues: int) -> None:
    queue: WorkQueue[tuple[str, str]] = WorkQueue()

    def reconcile(key: tuple[str, str]) -> None:
        if failure is not None:
            raise failure

    run_once("test", queue, reconcile, ("dev", "x"))
    assert queue.requeues(("dev", "x")) == requeues


def test_nothing_is_tried_again_in_a_namespace_that_goes() -> None:
    queue: WorkQueue[tuple[str, str]] = WorkQueue()
    causes = {"causes": [{"reason": "NamespaceTerminating"}]}

    def reconcile(key: tuple[str, str]) -> None:
        raise Forbidden("terminating", details=causes)

    run_once("test", queue, reconcile, ("dev", "x"))
    assert queue.get(timeout=0) is None


def test_every_controller_has_a_name_of_its_own() -> None:
    names = [each.name for each in CONTROLLERS]
    assert len(names) == len(set(names))
    assert names[-1] == "garbage-collector"
