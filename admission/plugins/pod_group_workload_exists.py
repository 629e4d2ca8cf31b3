"""PodGroupWorkloadExists: the workload that a new pod group refers to exists, and has the template that it names.

Upstream: `plugin/pkg/admission/podgroup`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.plugins.pod_group_protection import POD_GROUPS
from admission.written import object_of
from cluster.api.field import quoted
from cluster.api.names import GroupResource
from cluster.api.protocols import Reader

_WORKLOADS: Final = GroupResource("scheduling.k8s.io", "workloads")


class PodGroupWorkloadExists:
    name = "PodGroupWorkloadExists"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def validate(self, attributes: Attributes) -> None:
        group = object_of(attributes, POD_GROUPS)
        if group is None:
            return
        template = (group.get("spec") or {}).get("podGroupTemplateRef") or {}
        reference = template.get("workload")
        if reference is None:
            return
        name, wanted = reference.get("workloadName") or "", reference.get("podGroupTemplateName") or ""
        workload = self._reader.get(_WORKLOADS, attributes.namespace, name)
        if workload is None:
            raise forbidden(attributes, f"PodGroup rejected: Workload {quoted(name)} not found")
        if workload["metadata"].get("deletionTimestamp"):
            raise forbidden(attributes, f"PodGroup rejected: Workload {quoted(name)} is being deleted")
        templates = (workload.get("spec") or {}).get("podGroupTemplates") or ()
        if not any(each.get("name") == wanted for each in templates):
            why = f"PodGroupTemplate {quoted(wanted)} not found in Workload {quoted(name)}"
            raise forbidden(attributes, f"PodGroup rejected: {why}")
