"""What a write is judged by: the policies that match it, each once a binding that does, and once a parameter of that.

Upstream: apiserver `pkg/admission/plugin/policy/generic/policy_dispatcher.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Generic

from admission.attributes import Attributes
from admission.matching.scopes import Narrowed
from admission.matching.selectors import Namespaces
from admission.policy.index import Binding, Candidate, E, Invocation, Policy
from admission.policy.observing import tell
from admission.policy.parameters import Misconfigured, Parameters
from cluster.api.errors import StatusError
from cluster.api.names import Object

_UNPARAMETERIZED: Final[Sequence[Object | None]] = (None,)
Refuse = Callable[[Policy[E], Binding | None, str], None]
"""Told of a policy, or a binding, that can not be applied, and why; not where failures are to be ignored."""


class Selecting(Generic[E]):
    """Of one write; all that is looked at is told its observer."""

    def __init__(self, plugin: str, attributes: Attributes, namespaces: Namespaces, parameters: Parameters, refuse: Refuse[E]) -> None:
        self._plugin = plugin
        self._attributes = attributes
        self._namespaces = namespaces
        self._parameters = parameters
        self._refuse = refuse
        self._thorough = attributes.observer is not None and attributes.observer.thorough

    def invocations(self, candidate: Candidate[E]) -> Iterable[Invocation[E]]:
        if candidate.settled is None or self._thorough:
            return self._found(candidate)
        return candidate.settled

    def _found(self, candidate: Candidate[E]) -> Iterator[Invocation[E]]:
        attributes, policy = self._attributes, candidate.policy
        try:
            target = candidate.narrowed.target(attributes, self._namespaces)
            if self._thorough:
                tell(self._plugin, attributes, policy, None, "matchConstraints", "skipped" if target is None else "matched")
            if target is None:
                return
            if policy.parameter_kind is not None:
                self._parameters.check(policy.parameter_kind)
        except (StatusError, Misconfigured) as error:
            self._misconfigured(policy, None, error)
            return
        for binding, narrowed in candidate.bindings:
            try:
                if narrowed is not None and not self._is_bound(policy, binding, narrowed):
                    continue
                if policy.parameter_kind is None:
                    parameters = _UNPARAMETERIZED
                else:
                    parameters = self._parameters.collect(policy.parameter_kind, binding.parameter_reference, attributes.namespace)
            except (StatusError, Misconfigured) as error:
                self._misconfigured(policy, binding, error)
                continue
            for parameter in parameters:
                yield Invocation(policy, binding, target, parameter)

    def _is_bound(self, policy: Policy[E], binding: Binding, narrowed: Narrowed) -> bool:
        bound = narrowed.target(self._attributes, self._namespaces) is not None
        tell(self._plugin, self._attributes, policy, binding, "matchResources", "matched" if bound else "skipped")
        return bound

    def _misconfigured(self, policy: Policy[E], binding: Binding | None, error: StatusError | Misconfigured) -> None:
        """Nothing can be said of the write, which denies it unless failures are to be ignored."""
        parts = ("matchConstraints", "paramKind") if binding is None else ("matchResources", "paramRef")
        tell(self._plugin, self._attributes, policy, binding, parts[isinstance(error, Misconfigured)], "error", str(error))
        if not policy.ignore:
            what = "policy" if binding is None else "binding"
            self._refuse(policy, binding, f"failed to configure {what}: {error}")
