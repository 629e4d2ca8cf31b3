"""MutatingAdmissionPolicy: policies change what is written, by patches and apply configurations that their expressions make.

Upstream: apiserver `pkg/admission/plugin/policy/mutating/plugin.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from admission.attributes import Attributes, Operation
from admission.counting import Counting
from admission.matching.selectors import Namespaces
from admission.objects import Objects
from admission.policy.index import Sort
from admission.policy.plugin import PolicyPlugin
from admission.reinvocation import Rounds
from admission.versions import ChangingVersions
from cluster.api.authorization import Authorizer
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

if TYPE_CHECKING:
    from admission.policy.mutator import Mutator


def _compiled(spec: Object) -> Mutator:
    from admission.policy.mutator import Mutator

    return Mutator(spec)


SORT: Final[Sort[Mutator]] = Sort(
    GroupResource("admissionregistration.k8s.io", "mutatingadmissionpolicies"),
    GroupResource("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"),
    _compiled,
)


class MutatingAdmissionPolicy(PolicyPlugin["Mutator"]):
    name = "MutatingAdmissionPolicy"

    def __init__(self, reader: Reader, authorizer: Authorizer, objects: Objects, counting: Counting) -> None:
        super().__init__(SORT, reader, authorizer, objects, counting)

    def handles(self, operation: Operation) -> bool:
        """What is deleted can not be changed."""
        return operation is not Operation.DELETE

    def admit(self, attributes: Attributes) -> None:
        """What policies say that can not be applied, once all have been."""
        candidates = self._candidates(attributes)
        if not candidates:
            return
        # expressions take a while to load, which a server without policies need not wait for
        from admission.expressions.values import Written
        from admission.policy.changing import Changing, denied
        from admission.policy.invocations import Selecting

        namespaces, versions = Namespaces(self._reader), ChangingVersions(attributes, self._objects)
        written = Written(attributes, versions, namespaces, self._authorizer)
        changing = Changing(attributes, written, versions, self._objects, self._counting)
        selecting = Selecting(self.name, attributes, namespaces, self._parameters, changing.refuse)
        invocations = [invocation for candidate in candidates for invocation in selecting.invocations(candidate)]
        if invocations:
            written.without_rights(invocations[0].target)  # of what is in a namespace that is missing nothing can be said
            changing.change(invocations, attributes.reinvocation.values.setdefault(self.name, Rounds()))
        if changing.refusals:
            raise denied(attributes, changing.refusals)
