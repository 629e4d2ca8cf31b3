"""What policy tests cost, the start of `berth policy test` and cases a second of one processor, and what policies cost a create.

    python -m bench.policy [-n 10000]

A generated suite: 50 validating policies, five for each of ten kinds, one of each way in which policies are written (see `spec`);
cases of all ten kinds in equal parts, one kind after the other, asked by someone whom RBAC lets, half of them denied by one of the five.

Of several runs the best counts: a machine that is shared is slower at times, and never faster than it is.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEST = [sys.executable, "-m", "cluster.cli", "policy", "test"]
CONTAINER: dict[str, Any] = {
    "name": "c",
    "image": "registry.example.com/web:1.2.3",
    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}},
    "ports": [{"containerPort": 8080}],
    "env": [{"name": "MODE", "value": "production"}],
}
TEMPLATE: dict[str, Any] = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}
WORKLOAD: dict[str, Any] = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
BACKEND = {"service": {"name": "web", "port": {"number": 80}}}
KINDS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("", "ConfigMap", "configmaps", {"data": {"key": "value"}}),
    ("", "Secret", "secrets", {"stringData": {"key": "value"}}),
    ("", "Service", "services", {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    ("", "Pod", "pods", {"spec": TEMPLATE["spec"]}),
    ("", "ServiceAccount", "serviceaccounts", {"automountServiceAccountToken": False}),
    ("apps", "Deployment", "deployments", {"spec": WORKLOAD}),
    ("apps", "StatefulSet", "statefulsets", {"spec": {**WORKLOAD, "serviceName": "web"}}),
    ("batch", "Job", "jobs", {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}}),
    (
        "networking.k8s.io",
        "Ingress",
        "ingresses",
        {"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}}]}},
    ),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies", {"spec": {"podSelector": {"matchLabels": {"app": "web"}}}}),
)
EACH = 5
"""Policies of each kind."""
ROUNDS = 4
CREATES = 50
"""Of a round."""


def spec(rule: str) -> Iterator[dict[str, Any]]:
    """Of policies that want a label to be short, each in a way that policies are written in."""
    label = f"object.metadata.labels['{rule}']"
    short = {"expression": f"'{rule}' in object.metadata.labels && size({label}) < 10", "message": f"{rule} is too long"}
    yield {"validations": [short]}
    yield {"validations": [short], "matchConditions": [{"name": "ours", "expression": "!request.userInfo.username.startsWith('system:')"}]}
    labels = {"name": "labels", "expression": "has(object.metadata.labels) ? object.metadata.labels : {}"}
    yield {"variables": [labels], "validations": [{"expression": f"size(variables.labels['{rule}']) < 10"}]}
    known = "object.metadata.labels.all(key, key.startsWith('rule-') || key == 'app')"
    yield {"validations": [short, {"expression": known, "reason": "Forbidden"}]}
    yield {"validations": [{**short, "messageExpression": f"'{rule} is too long: ' + {label}"}]}


def policies() -> Iterator[dict[str, Any]]:
    """50 policies and their bindings; the one numbered i wants the label `rule-i` to be short."""
    for group, kind, plural, _ in KINDS:
        for number in range(EACH):
            name = f"{kind.lower()}-{number}.example.com"
            rule = {"apiGroups": [group], "apiVersions": ["v1"], "resources": [plural], "operations": ["CREATE", "UPDATE"]}
            yield {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicy",
                "metadata": {"name": name},
                "spec": {"matchConstraints": {"resourceRules": [rule]}, **list(spec(f"rule-{number}"))[number]},
            }
            yield {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": {"name": name},
                "spec": {"policyName": name, "validationActions": ["Deny"]},
            }


def roles() -> list[dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [group], "resources": [plural], "verbs": ["create"]} for group, _, plural, _ in KINDS]
    subjects = [{"kind": "Group", "apiGroup": group, "name": "developers"}]
    metadata = {"name": "developers", "namespace": "shop"}
    reference = {"apiGroup": group, "kind": "Role", "name": "developers"}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {"apiVersion": f"{group}/v1", "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subjects},
    ]


def cases(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        group, kind, _, content = KINDS[number * len(KINDS) // count]
        labels = {"app": "web"} | {f"rule-{each}": "short" for each in range(EACH)}
        expect: dict[str, Any] = {"allowed": True}
        if number % 2:
            broken = number // 2 % EACH
            labels[f"rule-{broken}"] = "rather-too-long"
            expect = {"allowed": False, "policy": f"{kind.lower()}-{broken}.example.com", "validation": 0}
        metadata = {"name": f"web-{number}", "namespace": "shop", "labels": labels}
        version = f"{group}/v1" if group else "v1"
        yield {"name": f"case {number}", "object": {"apiVersion": version, "kind": kind, "metadata": metadata, **content}, "expect": expect}


def write(folder: Path, count: int, ending: str = "json") -> Path:
    """The suite and its policies."""
    suite = folder / f"suite.{ending}"
    document = {
        "name": "generated",
        "policies": ["policies.json"],
        "world": {"namespaces": {"shop": {}}, "files": ["roles.json"]},
        "defaults": {"as": {"user": "jane", "groups": ["developers"]}},
        "cases": list(cases(count)),
    }
    (folder / "policies.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(policies())}))
    (folder / "roles.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": roles()}))
    if ending == "json":
        suite.write_text(json.dumps(document))
    else:
        import yaml

        suite.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False))
    return suite


def environment() -> dict[str, str]:
    """Of a command whose modules are compiled once, as an installation's are, whatever this process was told."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "berth-bench-bytecode")}


def timed(*arguments: str) -> tuple[float, float]:
    """(seconds, of processors) of a run that passes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([*TEST, *arguments], check=True, stdout=subprocess.DEVNULL, env=environment())
    taken = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def policies_of(plural: str, count: int) -> list[dict[str, Any]]:
    """Policies for a resource, each with a condition and a validation that hold, and their bindings."""
    found: list[dict[str, Any]] = []
    for number in range(count):
        group, name = "admissionregistration.k8s.io", f"{number}.example.com"
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": [plural], "operations": ["CREATE", "UPDATE"]}
        spec = {
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [{"name": "not-ours", "expression": "!request.userInfo.username.startsWith('system:node:')"}],
            "validations": [{"expression": f"size(object.metadata.labels['rule-{number % EACH}']) < 10"}],
        }
        common = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
        bound = {"policyName": name, "validationActions": ["Deny"]}
        found.append({**common, "kind": "ValidatingAdmissionPolicy", "spec": spec})
        found.append({**common, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})
    return found


def create(plural: str = "", count: int = 0) -> float:
    """Milliseconds of CPU that a create of a config map takes beside policies for a resource: the best of several rounds."""
    from cluster.api.user import MASTERS, UserInfo
    from cluster.server.context import Context, Query
    from policies.lab.chain import LabChain
    from policies.lab.documents import Document
    from policies.lab.manifests import Manifest
    from policies.lab.suite import Options
    from policies.lab.webhooks import Webhooks

    chain = LabChain("1.36", Options(), Webhooks())
    chain.world.place([Manifest(each, Document("policies.json", b"", 0, each)) for each in policies_of(plural, count)])
    chain.named.user = UserInfo("jane", groups=(MASTERS,))
    labels = {f"rule-{each}": "short" for each in range(EACH)}
    body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "web-", "labels": labels}}).encode()
    sent = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}

    def once() -> float:
        began = time.process_time()
        for _ in range(CREATES):
            context = Context({**sent, "wsgi.input": io.BytesIO(body)}, "POST", "/api/v1/namespaces/default/configmaps", Query())
            if chain.handle(context).status_code != 201:
                raise SystemExit("bench: a config map could not be made")
        return (time.process_time() - began) / CREATES * 1e3

    return min(once() for _ in range(8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=10_000, help="cases")
    count = parser.parse_args().n
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as folder:
        one, all_of_them = Path(folder) / "one", Path(folder) / "all"
        one.mkdir()
        all_of_them.mkdir()
        first = write(one, 1)
        started = min(timed(str(first))[0] for _ in range(2 * ROUNDS))
        suite, written = write(all_of_them, count), write(all_of_them, count, "yaml")
        whole, processors = min(timed(str(suite), "--jobs", "1") for _ in range(ROUNDS))
        together, _ = min(timed(str(suite)) for _ in range(ROUNDS))
        of_yaml, _ = min(timed(str(written), "--jobs", "1") for _ in range(ROUNDS))
        figures = {
            "start_s": round(started, 2),
            "cases": count,
            "cases_per_s_of_one_core": round(count / (whole - started)),
            "cases_per_s_with_start": round(count / whole),
            "cases_per_s_of_yaml_with_start": round(count / of_yaml),
            "cpu_us_per_case": round(processors / count * 1e6),
            f"cases_per_s_of_{os.cpu_count()}_cores_with_start": round(count / together),
        }
        print(json.dumps({"policy_tests": figures}), flush=True)
    alone = create()
    costs = {"matching": create("configmaps", 100) - alone, "not_matching": create("pods", 100) - alone}
    print(json.dumps({"create_beside_100_policies_ms": {name: round(cost, 3) for name, cost in costs.items()}}), flush=True)


if __name__ == "__main__":
    main()
