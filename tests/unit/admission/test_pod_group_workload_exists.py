"""A pod group's workload."""

from __future__ import annotations

import pytest

from admission.plugins.pod_group_workload_exists import PodGroupWorkloadExists
from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

WORKLOADS = GroupResource("scheduling.k8s.io", "workloads")
WHAT = "podgroups.scheduling.k8s.io"


def group(reference: Object | None) -> Object:
    return {"metadata": {"name": "pg"}, "spec": {} if reference is None else {"podGroupTemplateRef": reference}}


def of(workload: str, template: str) -> Object:
    return group({"workload": {"workloadName": workload, "podGroupTemplateName": template}})


@pytest.mark.parametrize(
    ("obj", "what", "expected"),
    [
        (group(None), WHAT, ""),
        (group({}), WHAT, ""),
        (of("training", "worker"), WHAT, ""),
        (of("training", "driver"), WHAT, ""),
        (of("gone", "worker"), WHAT, 'PodGroup rejected: Workload "gone" not found'),
        (of("foreign", "worker"), WHAT, 'PodGroup rejected: Workload "foreign" not found'),
        (of("ending", "worker"), WHAT, 'PodGroup rejected: Workload "ending" is being deleted'),
        (of("training", "x"), WHAT, 'PodGroup rejected: PodGroupTemplate "x" not found in Workload "training"'),
        (of("gone", "worker"), f"{WHAT}/status", ""),
        (of("gone", "worker"), "configmaps", ""),
    ],
)
def test_what_it_refers_to_is_there(obj: Object, what: str, expected: str) -> None:
    world = World()
    templates = {"podGroupTemplates": [{"name": "worker"}, {"name": "driver"}]}
    world.put(WORKLOADS, {"metadata": metadata("training", "dev"), "spec": templates})
    world.put(WORKLOADS, {"metadata": metadata("foreign", "other"), "spec": templates})
    world.put(WORKLOADS, {"metadata": metadata("ending", "dev", deletionTimestamp="2026-01-01T00:00:00Z"), "spec": templates})
    attributes = write("CREATE", what, obj, namespace="dev")
    if not expected:
        PodGroupWorkloadExists(world).validate(attributes)
        return
    with pytest.raises(Forbidden) as refusal:
        PodGroupWorkloadExists(world).validate(attributes)
    assert refusal.value.message == f'{WHAT} "pg" is forbidden: {expected}'
