"""What the plugins of both sorts of policies have: the policies, and which of them a write may concern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic

from admission.attributes import Attributes
from admission.counting import Counting
from admission.objects import Objects
from admission.policy.index import Candidate, E, Index, Sort
from admission.policy.observing import tell_of_others
from admission.policy.parameters import Parameters
from cluster.api.authorization import Authorizer
from cluster.api.protocols import Reader


class PolicyPlugin(Generic[E]):
    name: str

    def __init__(self, sort: Sort[E], reader: Reader, authorizer: Authorizer, objects: Objects, counting: Counting) -> None:
        self._reader = reader
        self._authorizer = authorizer
        self._objects = objects
        self._counting = counting
        self._parameters = Parameters(objects, reader)
        self._index = Index(sort, reader, objects)

    def _candidates(self, attributes: Attributes) -> Sequence[Candidate[E]]:
        """Policies whose rules match; a thorough observer is told of the others."""
        candidates = self._index.candidates(attributes)
        if attributes.observer is not None and attributes.observer.thorough:
            tell_of_others(self.name, attributes, self._index.policies(), candidates)
        return candidates
