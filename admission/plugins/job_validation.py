"""JobValidation: a job whose pods are scheduled all together or not at all keeps its parallelism.

Upstream: `plugin/pkg/admission/job`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.plugins.pod_group_protection import POD_GROUPS
from admission.written import object_of
from cluster.api.field import quoted
from cluster.api.meta import controller_of
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_JOBS: Final = GroupResource("batch", "jobs")


class JobValidation:
    name = "JobValidation"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.UPDATE

    def validate(self, attributes: Attributes) -> None:
        job, old = object_of(attributes, _JOBS), attributes.old_object
        if job is None or old is None:
            return
        if job["spec"].get("parallelism") == old["spec"].get("parallelism"):
            return
        for group in self._groups(old):
            if ((group.get("spec") or {}).get("schedulingPolicy") or {}).get("gang") is not None:
                name = quoted(group["metadata"]["name"])
                raise forbidden(attributes, f"cannot change parallelism for a Job referencing gang-scheduled PodGroup {name}")

    def _groups(self, job: Object) -> Iterable[Object]:
        """The pod group that the job's template names, or else those that the job controls."""
        metadata = job["metadata"]
        namespace = metadata.get("namespace", "")
        name = ((job["spec"].get("template") or {}).get("spec") or {}).get("schedulingGroup") or {}
        if name.get("podGroupName") is not None:
            named = self._reader.get(POD_GROUPS, namespace, name["podGroupName"])
            return [named] if named is not None else []
        return [each for each in self._reader.list(POD_GROUPS, namespace) if _controlled_by(each, metadata.get("uid"))]


def _controlled_by(obj: Object, uid: str | None) -> bool:
    reference = controller_of(obj)
    return reference is not None and reference.get("uid") == uid
