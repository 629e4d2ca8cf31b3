"""The simulated runtime: its pods outlive the kubelet, as real ones do."""

from __future__ import annotations

from pathlib import Path

from cluster.kubelet.runtime import CONTAINER_NAME_LABEL, POD_UID_LABEL, ContainerConfig, SandboxConfig, State
from cluster.kubelet.sim_runtime import SimNetwork, SimRuntime


def test_what_runs_outlives_the_kubelet(tmp_path: Path) -> None:
    before = SimRuntime(tmp_path / "sim.json", SimNetwork())
    labels = {POD_UID_LABEL: "u1", CONTAINER_NAME_LABEL: "web"}
    sandbox = before.run_sandbox(SandboxConfig("web", "web", labels))
    before.start_container(before.create_container(sandbox, ContainerConfig("web", "web:1", labels, None, None, ())))
    before.create_container(sandbox, ContainerConfig("other", "web:1", labels | {CONTAINER_NAME_LABEL: "other"}, None, None, ()))
    after = SimRuntime(tmp_path / "sim.json", SimNetwork())
    assert after.pods() == before.pods()
    assert [each.running for each in after.pod("u1").sandboxes] == [True]
    assert {each.name: each.state for each in after.pod("u1").containers} == {"web": State.RUNNING, "other": State.CREATED}
