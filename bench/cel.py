"""What expressions cost: microseconds of CPU to compile one, and to evaluate it with its cost counted.

    python -m bench.cel

Expressions as policies have them, over a pod with three containers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

from cluster.cel.environment import Environment
from cluster.cel.types import DYN

REGISTRY = "registry.example.com/"
EXPRESSIONS = {
    "limits": "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits) && 'memory' in c.resources.limits"
    f" && c.image.startsWith('{REGISTRY}'))",
    "field": "object.spec.replicas <= 5",
    "label": "has(object.metadata.labels) && 'team' in object.metadata.labels && object.metadata.labels.team in ['web', 'data']",
    "privileged": "!object.spec.containers.exists(c, has(c.securityContext) && has(c.securityContext.privileged)"
    " && c.securityContext.privileged)",
    "pattern": "object.spec.containers.all(c, c.image.matches('^[a-z0-9./-]+:[0-9.]+$'))",
    "optional": "object.spec.?hostNetwork.orValue(false) == false",
    "message": "'too many: ' + string(object.spec.containers.filter(c, !c.image.startsWith('docker.io/')).map(c, c.name).size())",
}


def pod() -> dict[str, Any]:
    containers = [
        {"name": name, "image": f"{REGISTRY}shop/{name}:1.4.2", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
        for name in ("web", "cache", "proxy")
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-0", "namespace": "shop", "labels": {"app": "web", "team": "web"}},
        "spec": {"containers": containers, "replicas": 3},
    }


def microseconds(act: Callable[[], object], count: int) -> float:
    """Of CPU a call, in the best of several rounds."""

    def once() -> float:
        began = time.process_time()
        for _ in range(count):
            act()
        return (time.process_time() - began) / count * 1e6

    return min(once() for _ in range(7))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5000, help="evaluations a round")
    count = parser.parse_args().n
    environment, values = Environment(36, {"object": DYN}), {"object": pod()}
    figures = {}
    for name, text in EXPRESSIONS.items():
        program = environment.compile(text)
        outcome = program.evaluate(values)
        compiling = microseconds(lambda text=text: environment.compile(text), max(1, count // 50))
        evaluating = microseconds(lambda program=program: program.evaluate(values), count)
        figures[name] = {"evaluate_us": round(evaluating, 2), "compile_us": round(compiling), "cost": outcome.cost}
    print(json.dumps({"cel": figures}), flush=True)


if __name__ == "__main__":
    main()
