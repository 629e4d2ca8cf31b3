"""A job that is scheduled as a gang keeps its parallelism."""

from __future__ import annotations

import pytest

from admission.plugins.job_validation import JobValidation
from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

GROUPS = GroupResource("scheduling.k8s.io", "podgroups")
JOBS = "jobs.batch"
GANG: Object = {"gang": {"minCount": 4}}
BASIC: Object = {"basic": {}}


def job(parallelism: int, group: str | None = None) -> Object:
    template = {"spec": {} if group is None else {"schedulingGroup": {"podGroupName": group}}}
    return {"metadata": metadata("j", "dev", uid="uid-j"), "spec": {"parallelism": parallelism, "template": template}}


def pod_group(name: str, policy: Object, owner: str = "", *, namespace: str = "dev", controller: bool = True) -> Object:
    owners = [{"uid": owner, "controller": controller}] if owner else []
    return {"metadata": metadata(name, namespace, ownerReferences=owners), "spec": {"schedulingPolicy": policy}}


@pytest.mark.parametrize(
    ("groups", "old", "new", "what", "refused_by"),
    [
        ([pod_group("g", GANG)], job(4, "g"), job(2, "g"), JOBS, "g"),
        ([pod_group("g", GANG)], job(4, "g"), job(4, "g"), JOBS, ""),
        ([pod_group("g", BASIC)], job(4, "g"), job(2, "g"), JOBS, ""),
        ([pod_group("g", GANG, namespace="other")], job(4, "g"), job(2, "g"), JOBS, ""),
        ([], job(4, "g"), job(2, "g"), JOBS, ""),
        ([pod_group("named", BASIC), pod_group("own", GANG, "uid-j")], job(4, "named"), job(2, "named"), JOBS, ""),
        ([pod_group("a", BASIC, "uid-j"), pod_group("b", GANG, "uid-j")], job(4), job(2), JOBS, "b"),
        ([pod_group("g", GANG, "uid-other")], job(4), job(2), JOBS, ""),
        ([pod_group("g", GANG, "uid-j", controller=False)], job(4), job(2), JOBS, ""),
        ([pod_group("g", GANG)], job(4), job(2), JOBS, ""),
        ([pod_group("g", GANG)], job(4, "g"), job(2, "g"), f"{JOBS}/status", ""),
        ([pod_group("g", GANG)], job(4, "g"), job(2, "g"), "configmaps", ""),
    ],
)
def test_a_gang_stays_as_large_as_it_is(groups: list[Object], old: Object, new: Object, what: str, refused_by: str) -> None:
    world = World()
    for each in groups:
        world.put(GROUPS, each)
    attributes = write("UPDATE", what, new, old, namespace="dev")
    if not refused_by:
        JobValidation(world).validate(attributes)
        return
    with pytest.raises(Forbidden) as refusal:
        JobValidation(world).validate(attributes)
    why = f'cannot change parallelism for a Job referencing gang-scheduled PodGroup "{refused_by}"'
    assert refusal.value.message == f'{JOBS} "j" is forbidden: {why}'
