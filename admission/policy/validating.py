"""ValidatingAdmissionPolicy: policies say whether a write may be, and their bindings what is done where it may not.

Upstream: apiserver `pkg/admission/plugin/policy/validating/plugin.go`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from admission.attributes import Attributes, Operation
from admission.counting import Counting
from admission.matching.selectors import Namespaces
from admission.objects import Objects
from admission.policy.index import Sort
from admission.policy.plugin import PolicyPlugin
from admission.versions import FixedVersions
from cluster.api.authorization import Authorizer
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

if TYPE_CHECKING:
    from admission.policy.judging import Judging
    from admission.policy.validator import Validator


def _compiled(spec: Object) -> Validator:
    from admission.policy.validator import Validator

    return Validator(spec)


SORT: Final[Sort[Validator]] = Sort(
    GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    GroupResource("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    _compiled,
)


class ValidatingAdmissionPolicy(PolicyPlugin["Validator"]):
    name = "ValidatingAdmissionPolicy"

    def __init__(self, reader: Reader, authorizer: Authorizer, objects: Objects, counting: Counting) -> None:
        super().__init__(SORT, reader, authorizer, objects, counting)

    def handles(self, operation: Operation) -> bool:  # noqa: ARG002 - a Plugin
        return True

    def validate(self, attributes: Attributes) -> None:
        """What the first policy that denies has to say, once all have been asked."""
        candidates = self._candidates(attributes)
        if not candidates:
            return
        namespaces = Namespaces(self._reader)
        versions = FixedVersions(attributes, self._objects)
        judging = self._judging(attributes, versions, namespaces, self._authorizer, self._parameters, self._counting)
        for candidate in candidates:
            judging.judge(candidate)
        judging.conclude()

    @cached_property
    def _judging(self) -> type[Judging]:
        """Expressions take a while to load, which a server without policies need not wait for."""
        from admission.policy.judging import Judging

        return Judging
