"""Pods and runtime states to test with."""

from __future__ import annotations

from typing import Any

from cluster.kubelet.runtime import (
    ATTEMPT_LABEL,
    CONTAINER_NAME_LABEL,
    POD_UID_LABEL,
    Container,
    PodState,
    Sandbox,
    State,
)

UID = "11111111-2222-3333-4444-555555555555"


def pod(**spec: Any) -> dict[str, Any]:
    """A pod of one container `c`, unless `spec` says otherwise."""
    containers = [{"name": "c", "image": "busybox:1"}]
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": UID, "generation": 1},
        "spec": {"containers": containers, "restartPolicy": "Always"} | spec,
        "status": {"phase": "Pending"},
    }


def container(name: str = "c", state: State = State.RUNNING, *, exit_code: int = 0, attempt: int = 0, created: float = 10.0) -> Container:
    return Container(
        id=f"{name}-{attempt}",
        labels={POD_UID_LABEL: UID, CONTAINER_NAME_LABEL: name, ATTEMPT_LABEL: str(attempt)},
        state=state,
        image="busybox:1",
        image_id="sha256:1",
        exit_code=exit_code,
        reason="" if state is not State.EXITED else "Error" if exit_code else "Completed",
        created=created,
        started=created + 1 if state is not State.CREATED else 0.0,
        finished=created + 2 if state is State.EXITED else 0.0,
    )


def state_of(*containers: Container, sandbox: bool = True) -> PodState:
    sandboxes = (Sandbox("s", {POD_UID_LABEL: UID}, True, "10.0.0.2", 1.0),) if sandbox else ()
    return PodState(sandboxes, tuple(sorted(containers, key=lambda each: -each.created)))
