from __future__ import annotations

from typing import Any

import pytest

from cluster.kubelet import actions
from cluster.kubelet.runtime import Container, State
from tests.unit.kubelet.pods import container, pod, state_of

EXITED = State.EXITED
INIT = [{"name": "i", "image": "i"}, {"name": "j", "image": "i"}]
SIDECAR = [{"name": "i", "image": "i", "restartPolicy": "Always"}]


@pytest.mark.parametrize(
    ("spec", "containers", "expected"),
    [
        ({}, [], ["c"]),
        ({}, [container()], []),
        ({}, [container(state=EXITED)], ["c"]),
        ({"restartPolicy": "Never"}, [container(state=EXITED, exit_code=1)], []),
        ({"restartPolicy": "OnFailure"}, [container(state=EXITED)], []),
        ({"restartPolicy": "OnFailure"}, [container(state=EXITED, exit_code=1)], ["c"]),
        ({"initContainers": INIT}, [], ["i"]),
        ({"initContainers": INIT}, [container("i")], []),
        ({"initContainers": INIT}, [container("i", EXITED)], ["j"]),
        ({"initContainers": INIT}, [container("i", EXITED), container("j", EXITED)], ["c"]),
        ({"initContainers": INIT}, [container("i", EXITED, exit_code=1)], ["i"]),
        ({"initContainers": INIT, "restartPolicy": "Never"}, [container("i", EXITED, exit_code=1)], []),
        ({"initContainers": INIT}, [container(state=EXITED)], ["c"]),
        ({"initContainers": SIDECAR}, [container("i")], ["c"]),
        ({"initContainers": SIDECAR}, [container("i", EXITED), container()], ["i"]),
    ],
)
def test_what_is_started_next(spec: dict[str, Any], containers: list[Container], expected: list[str]) -> None:
    found = actions.compute(pod(**spec), state_of(*containers), {})
    assert [each["name"] for each in found.start] == expected


def test_without_a_sandbox_one_is_made() -> None:
    found = actions.compute(pod(), state_of(sandbox=False), {})
    assert (found.sandbox, [each["name"] for each in found.start]) == (True, ["c"])


def test_a_pod_that_has_ended_gets_no_new_sandbox() -> None:
    found = actions.compute(pod(restartPolicy="Never"), state_of(container(state=EXITED), sandbox=False), {})
    assert (found.sandbox, found.start) == (False, [])


@pytest.mark.parametrize(
    ("policy", "code", "expected"),
    [("Always", 0, False), ("Never", 0, True), ("Never", 1, True), ("OnFailure", 0, True), ("OnFailure", 1, False)],
)
def test_when_a_pod_is_finished(policy: str, code: int, expected: bool) -> None:
    assert actions.finished(pod(restartPolicy=policy), state_of(container(state=EXITED, exit_code=code))) is expected
