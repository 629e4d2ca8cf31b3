"""PodGroupProtection: a pod group is not gone while pods belong to it.

Upstream: `plugin/pkg/admission/scheduling/podgroupprotection`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.finalizers import protect
from cluster.api.names import GroupResource

_POD_GROUPS: Final = GroupResource("scheduling.k8s.io", "podgroups")
_FINALIZER: Final = "scheduling.k8s.io/podgroup-protection"


class PodGroupProtection:
    name = "PodGroupProtection"

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        if attributes.resource.group_resource == _POD_GROUPS and not attributes.subresource and attributes.object is not None:
            protect(attributes.object, _FINALIZER)
