from __future__ import annotations

from typing import Any

import pytest

from cluster.kubelet import status
from cluster.kubelet.runtime import Container, State
from tests.unit.kubelet.pods import container, pod, state_of

NOW = "2026-11-22T10:00:00Z"
TWO = [{"name": "c", "image": "i"}, {"name": "d", "image": "i"}]
INIT = [{"name": "i", "image": "i"}]
SIDECAR = [{"name": "i", "image": "i", "restartPolicy": "Always"}]
EXITED = State.EXITED


def _generate(made: dict[str, Any], *containers: Container, **view: Any) -> dict[str, Any]:
    return status.generate(made, state_of(*containers), status.View(host_ip="192.0.2.1", addresses=("10.0.0.2",), now=NOW, **view))


@pytest.mark.parametrize(
    ("spec", "containers", "phase"),
    [
        ({}, [], "Pending"),
        ({}, [container()], "Running"),
        ({"containers": TWO}, [container()], "Pending"),
        ({}, [container(state=EXITED, exit_code=1)], "Running"),
        ({"restartPolicy": "Never"}, [container(state=EXITED)], "Succeeded"),
        ({"restartPolicy": "Never"}, [container(state=EXITED, exit_code=3)], "Failed"),
        ({"restartPolicy": "OnFailure"}, [container(state=EXITED)], "Succeeded"),
        ({"restartPolicy": "OnFailure"}, [container(state=EXITED, exit_code=3)], "Running"),
        ({"restartPolicy": "Never", "containers": TWO}, [container(state=EXITED), container("d")], "Running"),
        ({"initContainers": INIT}, [container("i")], "Pending"),
        ({"initContainers": INIT}, [container("i", EXITED), container()], "Running"),
        ({"initContainers": INIT, "restartPolicy": "Never"}, [container("i", EXITED, exit_code=1)], "Failed"),
        ({"initContainers": INIT}, [container("i", EXITED, exit_code=1)], "Pending"),
        ({"initContainers": SIDECAR}, [container("i")], "Pending"),
        ({"initContainers": SIDECAR}, [container("i"), container()], "Running"),
        ({"initContainers": SIDECAR, "restartPolicy": "Never"}, [container("i", EXITED), container(state=EXITED)], "Succeeded"),
    ],
)
def test_the_phase_follows_from_the_containers(spec: dict[str, Any], containers: list[Container], phase: str) -> None:
    assert _generate(pod(**spec), *containers)["phase"] == phase


def test_a_terminal_phase_stays() -> None:
    made = pod()
    made["status"] = {"phase": "Failed"}
    assert _generate(made, container())["phase"] == "Failed"


def test_a_crash_loop_is_waiting_with_the_exit_as_last_state() -> None:
    waiting = {"c": status.Waiting("CrashLoopBackOff", "back-off 10s restarting failed container=c pod=p_ns(u)")}
    found = _generate(pod(), container(state=EXITED, exit_code=7, attempt=2), waiting=waiting)["containerStatuses"][0]
    assert (found["state"]["waiting"]["reason"], found["lastState"]["terminated"]["exitCode"], found["restartCount"]) == (
        "CrashLoopBackOff",
        7,
        2,
    )


def test_a_restarted_container_shows_how_the_one_before_ended() -> None:
    found = _generate(pod(), container(attempt=1, created=20.0), container(state=EXITED, exit_code=9, created=10.0))
    shown = found["containerStatuses"][0]
    assert (shown["restartCount"], shown["lastState"]["terminated"]["exitCode"], shown["ready"]) == (1, 9, True)


def test_ready_waits_for_the_readiness_probe() -> None:
    found = _generate(pod(), container(), probes={"c": status.Probed(started=True, ready=False)})
    conditions = {each["type"]: each for each in found["conditions"]}
    assert (conditions["Ready"]["status"], conditions["Ready"]["reason"], conditions["Ready"]["message"]) == (
        "False",
        "ContainersNotReady",
        "containers with unready status: [c]",
    )


def test_conditions_of_a_running_pod() -> None:
    found = _generate(pod(), container())
    assert {each["type"]: each["status"] for each in found["conditions"]} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )


def test_a_completed_pod_says_so() -> None:
    found = _generate(pod(restartPolicy="Never"), container(state=EXITED), terminal=True)
    reasons = {each["type"]: each.get("reason") for each in found["conditions"]}
    assert (reasons["Initialized"], reasons["Ready"], reasons["ContainersReady"]) == ("PodCompleted",) * 3


def test_an_unchanged_condition_keeps_its_transition_time() -> None:
    made = pod()
    made["status"]["conditions"] = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]
    conditions = {each["type"]: each for each in _generate(made, container())["conditions"]}
    assert conditions["PodScheduled"]["lastTransitionTime"] == "2020-01-01T00:00:00Z"


def test_conditions_of_others_are_kept() -> None:
    made = pod(readinessGates=[{"conditionType": "example.com/gate"}])
    made["status"]["conditions"] = [{"type": "example.com/gate", "status": "True"}]
    conditions = {each["type"]: each["status"] for each in _generate(made, container())["conditions"]}
    assert (conditions["example.com/gate"], conditions["Ready"]) == ("True", "True")


def test_a_deadline_fails_the_pod_with_its_reason() -> None:
    found = _generate(pod(), container(state=EXITED, exit_code=137), terminal=True, failure=("DeadlineExceeded", "too long"))
    assert (found["phase"], found["reason"], found["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_a_container_that_vanished_at_the_end_is_unknown() -> None:
    made = pod()
    made["status"]["containerStatuses"] = [{"name": "c", "state": {"running": {"startedAt": NOW}}, "ready": True}]
    found = _generate(made, terminal=True)["containerStatuses"][0]
    assert found["state"]["terminated"]["reason"] == "ContainerStatusUnknown"
