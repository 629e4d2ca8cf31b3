"""PodGroupProtection: a pod group is not gone while pods belong to it.

Upstream: `plugin/pkg/admission/scheduling/podgroupprotection`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.finalizers import protect
from admission.written import object_of
from cluster.api.names import GroupResource

POD_GROUPS: Final = GroupResource("scheduling.k8s.io", "podgroups")
_FINALIZER: Final = "scheduling.k8s.io/podgroup-protection"


class PodGroupProtection:
    name = "PodGroupProtection"

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        group = object_of(attributes, POD_GROUPS)
        if group is not None:
            protect(group, _FINALIZER)
