"""A load generator: one kind of work at a time against an API server on loopback, throughput and latency as a dictionary.

Run as a program in a process of its own (gevent, one greenlet a client): `python -m bench.load MODE --server URL ...`.
"""

# ruff: noqa: E402 - the patches must come before everything that opens a socket
from gevent import monkey

monkey.patch_all()

import argparse
import http.client
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import orjson

NAMESPACE = "load"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
MAX_SECONDS = 60.0


def pod(name: str) -> bytes:
    """A pod of about 1 KB that no scheduler takes."""
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "128Mi"}}
    web = {
        "name": "web",
        "image": "example.com/nginx:1.25",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "resources": resources,
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    side = {"name": "side", "image": "example.com/side:2", "command": ["sh", "-c", "sleep 1d"]}
    labels = {"app": "load", "tier": "web", "team": "core"}
    spec = {"automountServiceAccountToken": False, "schedulerName": "nobody", "containers": [web, side]}
    return orjson.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})


def review(user: str) -> bytes:
    spec = {"user": user, "resourceAttributes": {"namespace": NAMESPACE, "verb": "get", "resource": "pods"}}
    return orjson.dumps({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})


REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLE_BINDINGS = f"{RBAC}/namespaces/{NAMESPACE}/rolebindings"
CLUSTER_ROLE_BINDINGS = f"{RBAC}/clusterrolebindings"


def binding(name: str, user: str, role: str = "view") -> bytes:
    """A RoleBinding or ClusterRoleBinding: the URL makes the difference."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    return orjson.dumps({"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


KUBECONFIGS = f"/apis/berth.io/v1alpha1/namespaces/{NAMESPACE}/kubeconfigs"


def order(name: str) -> bytes:
    """A kubeconfig by certificate."""
    return orjson.dumps({"metadata": {"name": name}, "spec": {"user": f"{NAMESPACE}:{name}"}})


class Client:
    """One connection, kept alive."""

    def __init__(self, server: str, ca: str, certificate: str, key: str) -> None:
        parts = urlsplit(server)
        if parts.hostname not in ("127.0.0.1", "localhost"):
            raise SystemExit(f'bench: "{server}" is not on loopback')
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(certificate, key)
        self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=context)

    def send(self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json") -> bytes:
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if body else {})
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        data = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {data[:300]!r}")
        return data

    def stream(self, path: str) -> http.client.HTTPResponse:
        self.connection.request("GET", path, headers={"Accept": "application/json"})
        return self.connection.getresponse()


def operation(mode: str, client: Client, number: int) -> None:
    if mode == "create":
        client.send("POST", PODS, pod(f"p-{number}"))
    elif mode == "dryrun":
        client.send("POST", PODS + "?dryRun=All", pod(f"d-{number}"))
    elif mode == "get":
        client.send("GET", f"{PODS}/p-0")
    elif mode == "list":
        client.send("GET", "/api/v1/pods")
    elif mode == "patch":
        patch(client, f"p-{number}")
    elif mode == "delete":
        client.send("DELETE", f"{PODS}/p-{number}?gracePeriodSeconds=0")
    elif mode == "sar":
        client.send("POST", REVIEWS, review(f"u-{number % 100}"))
    elif mode == "rolebindings":
        client.send("POST", ROLE_BINDINGS, binding(f"b-{number}", f"bound-{number}"))
    elif mode == "issue":
        client.send("POST", KUBECONFIGS, order(f"k-{number}"))
    elif mode == "kubeconfigs":
        client.send("GET", KUBECONFIGS)
    elif mode == "clusterrolebindings":
        client.send("POST", CLUSTER_ROLE_BINDINGS, binding(f"b-{number}", f"bound-{number}"))
    else:
        raise SystemExit(f'bench: mode "{mode}" is unknown')


def patch(client: Client, name: str) -> None:
    body = b'{"metadata":{"annotations":{"example.com/rev":"%d"}}}' % time.time_ns()
    client.send("PATCH", f"{PODS}/{name}", body, "application/merge-patch+json")


def percentiles(latencies: list[float]) -> dict[str, float]:
    latencies.sort()
    return {f"p{q}_ms": round(1000 * latencies[int(q / 100 * (len(latencies) - 1))], 2) for q in (50, 99)}


def run(mode: str, total: int, clients: list[Client]) -> dict[str, Any]:
    """`total` operations by all the clients together."""
    numbers = iter(range(total))
    latencies: list[float] = []
    deadline = time.monotonic() + MAX_SECONDS

    def work(client: Client) -> None:
        for number in numbers:
            started = time.perf_counter()
            operation(mode, client, number)
            latencies.append(time.perf_counter() - started)
            if time.monotonic() > deadline:
                return

    started = time.perf_counter()
    gevent.joinall([gevent.spawn(work, client) for client in clients], raise_error=True)
    elapsed = time.perf_counter() - started
    return {"mode": mode, "n": len(latencies), "c": len(clients), "per_s": round(len(latencies) / elapsed), **percentiles(latencies)}


def effect(total: int, writer: Client, readers: list[Client]) -> dict[str, Any]:
    """New bindings, alternately of the namespace and of the cluster: how long the request that makes one takes, and then the slowest
    reader's review until it sees it.  The readers' connections are spread over the workers; they ask one after the other, so that none
    waits for another.  `again` counts the reviews that did not see it at once."""
    latencies: list[float] = []
    again = 0
    for each in (writer, *readers):
        each.send("GET", "/version")  # their handshakes are no part of it
    for number in range(total):
        path, user = (ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS)[number % 2], f"newcomer-{number}"
        started = time.perf_counter()
        writer.send("POST", path, binding(user, user))
        taken = time.perf_counter() - started
        slowest = 0.0
        for reader in readers:
            asked = time.perf_counter()
            while not json.loads(reader.send("POST", REVIEWS, review(user)))["status"]["allowed"]:
                again += 1
                if time.perf_counter() - asked > MAX_SECONDS:
                    raise SystemExit("bench: a binding does not take effect")
            slowest = max(slowest, time.perf_counter() - asked)
        latencies.append(taken + slowest)
    worst = round(1000 * max(latencies), 2)
    return {"mode": "effect", "n": total, "readers": len(readers), "again": again, "max_ms": worst, **percentiles(latencies)}


def fan_out(events: int, watchers: list[Client], writers: list[Client]) -> dict[str, Any]:
    """Patches spread over as many pods, each event timed until every watcher has it."""
    revision = json.loads(writers[0].send("GET", PODS + "?limit=1"))["metadata"]["resourceVersion"]
    latencies: list[float] = []
    marker = b'"example.com/rev":"'

    def watch(client: Client) -> None:
        response = client.stream(f"{PODS}?watch=true&resourceVersion={revision}")
        for _ in range(events):
            line = response.readline()
            at = line.index(marker) + len(marker)
            latencies.append((time.time_ns() - int(line[at : line.index(b'"', at)])) / 1e9)

    readers = [gevent.spawn(watch, client) for client in watchers]
    gevent.sleep(0.5)
    numbers = iter(range(events))

    def write(client: Client) -> None:
        for number in numbers:
            patch(client, f"p-{number}")

    started = time.perf_counter()
    gevent.joinall([gevent.spawn(write, client) for client in writers], raise_error=True)
    gevent.joinall(readers, timeout=MAX_SECONDS, raise_error=True)
    elapsed = time.perf_counter() - started
    return {
        "mode": "fanout",
        "watchers": len(watchers),
        "delivered": len(latencies),
        "of": events * len(watchers),
        "per_s": round(len(latencies) / elapsed),
        **percentiles(latencies),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode")
    parser.add_argument("--server", required=True)
    parser.add_argument("--ca", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("-n", type=int, default=1000)
    parser.add_argument("-c", type=int, default=16)
    parser.add_argument("--watchers", type=int, default=100)
    arguments = parser.parse_args()

    def clients(count: int) -> list[Client]:
        make = (arguments.server, str(arguments.ca), str(arguments.certificate), str(arguments.key))
        return [Client(*make) for _ in range(count)]

    if arguments.mode == "namespace":
        clients(1)[0].send("POST", "/api/v1/namespaces", orjson.dumps({"metadata": {"name": NAMESPACE}}))
        result: dict[str, Any] = {"mode": "namespace"}
    elif arguments.mode == "effect":
        writer, *readers = clients(arguments.c + 1)
        result = effect(arguments.n, writer, readers)
    elif arguments.mode == "fanout":
        result = fan_out(arguments.n, clients(arguments.watchers), clients(arguments.c))
    else:
        result = run(arguments.mode, arguments.n, clients(arguments.c))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
