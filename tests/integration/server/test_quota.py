"""A quota is never passed: by a hundred clients at once, on four workers, while processes are killed."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.api.errors import AlreadyExists, Conflict, Forbidden, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client import kubeconfig
from cluster.client.http import ApiClient
from cluster.client.resources import CONFIG_MAPS, NAMESPACES, PODS, RESOURCE_QUOTAS, SERVICE_ACCOUNTS
from cluster.client.transport import Transport
from tests.integration.cli.conftest import Berth
from tests.support import ApiServer, children, eventually, free_port

CLIENTS = 100
WORKERS = 4
LIMIT = 40
BETWEEN = 60
"""Creates that are acknowledged between two kills."""


@pytest.fixture(scope="module")
def berth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Berth]:
    """A control plane that starts what is killed again, and whose controllers count quotas."""
    command = Berth(tmp_path_factory.mktemp("quota") / "home", free_port())
    command.start("--nodes", "0", "--workers", str(WORKERS))
    yield command
    command.run("delete", check=False)


@pytest.fixture(scope="module")
def client(berth: Berth) -> Iterator[ApiClient]:
    """With a connection for each thread: together they are with all workers."""
    found = kubeconfig.load(berth.home / "admin.kubeconfig")
    transport = Transport(found.server, ca=found.ca, certificate=found.certificate, key=found.key, connections=CLIENTS)
    made = ApiClient(found.server, user_agent="test", transport=transport)
    yield made
    made.close()


def limited(client: ApiClient, name: str, hard: dict[str, str]) -> None:
    """A namespace with a quota that was counted."""
    client.create(NAMESPACES, "", {"metadata": {"name": name}})
    eventually(lambda: client.list(SERVICE_ACCOUNTS, name)["items"], "the service account")
    eventually(lambda: client.list(CONFIG_MAPS, name)["items"], "the root CA")
    client.create(RESOURCE_QUOTAS, name, {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    eventually(lambda: status(client, name).get("used", {}).keys() == hard.keys(), "the quota is counted")


def status(client: ApiClient, namespace: str) -> Object:
    found: Object = client.get(RESOURCE_QUOTAS, namespace, "q")["status"]
    return found


def pod(name: str, cpu: str) -> Object:
    container = {"name": "c", "image": "c", "resources": {"requests": {"cpu": cpu}}}
    return {"metadata": {"name": name}, "spec": {"containers": [container], "schedulerName": "nobody"}}


def test_of_a_hundred_at_once_exactly_as_many_succeed_as_fit(client: ApiClient) -> None:
    limited(client, "rush", {"requests.cpu": "4", "pods": "1000"})
    start, outcomes = threading.Barrier(CLIENTS), Counter[str]()
    exceeded = "exceeded quota: q, requested: requests.cpu=100m, used: requests.cpu=4, limited: requests.cpu=4"

    def create(number: int) -> None:
        start.wait()
        try:
            client.create(PODS, "rush", pod(f"p{number}", "100m"))
            outcomes["made"] += 1
        except Forbidden as error:
            outcomes["denied" if error.message.endswith(exceeded) else error.message] += 1

    threads = [threading.Thread(target=create, args=(number,)) for number in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert outcomes == {"made": 40, "denied": CLIENTS - 40}
    assert len(client.list(PODS, "rush")["items"]) == 40
    assert status(client, "rush")["used"] == {"requests.cpu": "4", "pods": "40"}


class Churner(threading.Thread):
    """Makes a config map and deletes it, over and over, whatever becomes of the server."""

    def __init__(self, client: ApiClient, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.client = client
        self.number = number
        self.stop_event = stop
        self.outcomes: Counter[str] = Counter()

    def run(self) -> None:
        count = 0
        while not self.stop_event.is_set():
            name, count = f"c{self.number}-{count}", count + 1
            try:
                self.client.create(CONFIG_MAPS, "churn", {"metadata": {"name": name}})
                self.outcomes["made"] += 1
            except AlreadyExists:
                self.outcomes["lost"] += 1  # an attempt whose answer was lost
            except Forbidden as error:
                self.outcomes["denied" if "exceeded quota: q" in error.message else error.message] += 1
                self.stop_event.wait(0.05)
                continue
            except StatusError:
                self.outcomes["failed"] += 1
                self.stop_event.wait(0.05)
            self._remove(name)

    def _remove(self, name: str) -> None:
        try:
            self.client.delete(CONFIG_MAPS, "churn", name)
        except (NotFound, Conflict):
            return
        except StatusError:
            self.outcomes["left"] += 1


def changes(client: ApiClient, resource: GroupVersionResource, since: str) -> list[tuple[int, str, Object]]:
    """(revision, what happened, the object) of all that happened in the namespace."""
    with client.watch(resource, "churn", resource_version=since, timeout_seconds=2, bookmarks=False) as watch:
        return [(int(obj["metadata"]["resourceVersion"]), kind, obj) for kind, obj in watch]


@pytest.mark.timeout(300)
def test_the_limit_is_never_passed_whatever_is_killed(berth: Berth, client: ApiClient) -> None:
    limited(client, "churn", {"configmaps": str(LIMIT)})
    listed = client.list(CONFIG_MAPS, "churn")
    since, live = listed["metadata"]["resourceVersion"], len(listed["items"])
    stop = threading.Event()
    churners = [Churner(client, number, stop) for number in range(CLIENTS)]
    for each in churners:
        each.start()

    def made() -> int:
        return sum(each.outcomes["made"] for each in churners)

    for victim in (children(berth.pid("apiserver"))[0], berth.pid("store"), children(berth.pid("apiserver"))[-1]):
        goal = made() + BETWEEN
        eventually(lambda goal=goal: made() >= goal, "writes go on", 60)
        os.kill(victim, signal.SIGKILL)
    goal = made() + BETWEEN
    eventually(lambda: made() >= goal, "writes go on", 60)
    stop.set()
    for each in churners:
        each.join()
    berth.until(lambda: berth.run("status", check=False).returncode == 0)
    outcomes = sum((each.outcomes for each in churners), Counter())
    assert outcomes["denied"] > 0, f"the limit was never reached: {outcomes}"
    assert outcomes.keys() <= {"made", "lost", "denied", "failed", "left"}

    used = LIMIT
    events = [*changes(client, CONFIG_MAPS, since), *changes(client, RESOURCE_QUOTAS, since)]
    for revision, kind, obj in sorted(events, key=lambda each: each[0]):
        if obj["kind"] == "ResourceQuota":
            used = int(obj["status"]["used"]["configmaps"])
        else:
            live += {"ADDED": 1, "DELETED": -1, "MODIFIED": 0}[kind]
        assert live <= used <= LIMIT, f"at revision {revision}"
    left = client.list(CONFIG_MAPS, "churn")["items"]
    assert live == len(left)
    eventually(lambda: status(client, "churn")["used"] == {"configmaps": str(len(left))}, lambda: f"{len(left)}: {status(client, 'churn')}")


# one server without controllers


def test_a_tenants_quota_binds_from_the_first_moment_of_a_namespace(api_server: ApiServer, tmp_path: Path) -> None:
    hard = {"configmaps": "1", "count/rolebindings.rbac.authorization.k8s.io": "9", "resourcequotas": "9"}
    spec = {
        "owners": [{"kind": "User", "name": "owen"}],
        "namespaces": {"quota": 2},
        "resourceQuotas": [{"name": "bounds", "spec": {"hard": hard}}],
    }
    assert api_server.request("POST", "/apis/berth.io/v1alpha1/tenants", {"metadata": {"name": "bound"}, "spec": spec}).code == 201
    body = {"metadata": {"name": "bound-a"}, "spec": {"tenant": "bound"}}
    assert api_server.request("POST", "/apis/berth.io/v1alpha1/tenantnamespaces", body).code == 201
    namespace = "/api/v1/namespaces/bound-a"
    used = api_server.request("GET", f"{namespace}/resourcequotas/bounds").body["status"]["used"]
    bindings = len(api_server.request("GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/bound-a/rolebindings").body["items"])
    assert used == {"configmaps": "0", "count/rolebindings.rbac.authorization.k8s.io": str(bindings), "resourcequotas": "1"}
    answers = [api_server.request("POST", f"{namespace}/configmaps", {"metadata": {"name": name}}) for name in ("a", "b")]
    assert [each.code for each in answers] == [201, 403]


def test_what_a_kubeconfig_brings_with_it_is_charged_too(api_server: ApiServer) -> None:
    namespace = api_server.namespace("charged")
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    hard = {"count/rolebindings.rbac.authorization.k8s.io": "1", "count/kubeconfigs.berth.io": "9"}
    made = api_server.request("POST", path, {"metadata": {"name": "q"}, "spec": {"hard": hard}}).body
    made["status"] = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    assert api_server.request("PUT", f"{path}/q/status", made).code == 200
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}

    def order(name: str) -> int:
        body = {"metadata": {"name": name}, "spec": {"user": f"{namespace}:{name}", "roleRef": role}}
        return api_server.request("POST", f"/apis/berth.io/v1alpha1/namespaces/{namespace}/kubeconfigs", body).code

    assert [order("one"), order("two")] == [201, 403]
    used = api_server.request("GET", f"{path}/q").body["status"]["used"]
    assert used == {"count/rolebindings.rbac.authorization.k8s.io": "1", "count/kubeconfigs.berth.io": "1"}
    bindings = api_server.request("GET", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings").body["items"]
    assert len(bindings) == 1
