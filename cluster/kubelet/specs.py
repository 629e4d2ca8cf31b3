"""Small readings of a pod's specification that several parts of the kubelet need."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from cluster.api.names import Object

Spec = dict[str, Any]

DEFAULT_GRACE_SECONDS: Final = 30
TERMINAL: Final = frozenset({"Succeeded", "Failed"})


def uid(pod: Object) -> str:
    return str(pod["metadata"]["uid"])


def full_name(pod: Object) -> str:
    """`name_namespace(uid)`, as upstream's messages name a pod."""
    metadata = pod["metadata"]
    return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"


def containers(pod: Object) -> list[Spec]:
    return pod["spec"].get("containers") or []


def init_containers(pod: Object) -> list[Spec]:
    return pod["spec"].get("initContainers") or []


def every_container(pod: Object) -> Iterator[Spec]:
    """Init containers, containers, ephemeral containers."""
    yield from init_containers(pod)
    yield from containers(pod)
    yield from pod["spec"].get("ephemeralContainers") or []


def container(pod: Object, name: str) -> Spec | None:
    return next((each for each in every_container(pod) if each["name"] == name), None)


def is_sidecar(init_container: Spec) -> bool:
    """Whether an init container is one that keeps running beside the others."""
    return init_container.get("restartPolicy") == "Always"


def restart_policy(pod: Object) -> str:
    return str(pod["spec"].get("restartPolicy") or "Always")


def should_restart(pod: Object, spec: Spec, exit_code: int, *, init: bool = False) -> bool:
    """Whether a container that ended so is started again."""
    policy = spec.get("restartPolicy") or restart_policy(pod)
    for rule in spec.get("restartPolicyRules") or []:
        codes = rule.get("exitCodes") or {}
        inside = exit_code in (codes.get("values") or [])
        if inside == (codes.get("operator") == "In"):
            return bool(rule.get("action") == "Restart")
    if init and not is_sidecar(spec) and exit_code == 0:
        return False
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0) or (init and policy == "Always")


def digest(spec: Spec) -> str:
    """What a running container was made from, as far as a change of it means a restart: its name and image.

    Upstream: `pkg/kubelet/container/helpers.go` HashContainer.
    """
    return hashlib.sha256(orjson.dumps([spec["name"], spec.get("image")])).hexdigest()[:16]


def deleted_at(pod: Object) -> datetime | None:
    return parse_time(pod["metadata"].get("deletionTimestamp"))


def grace_seconds(pod: Object) -> int:
    """How long the pod's containers may take to end."""
    metadata = pod["metadata"]
    if metadata.get("deletionGracePeriodSeconds") is not None:
        return int(metadata["deletionGracePeriodSeconds"])
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if grace is None else int(grace)


def is_terminal(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in TERMINAL


def parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def timestamp(seconds: float) -> str | None:
    """RFC 3339 in UTC; None for 0, the time that hasn't come."""
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
