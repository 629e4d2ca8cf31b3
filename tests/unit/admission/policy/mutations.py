"""Mutating policies in memory, and short ways to write them."""

from __future__ import annotations

from typing import Any

from admission.attributes import Attributes
from admission.policy.mutating import SORT, MutatingAdmissionPolicy
from cluster.api.errors import StatusError
from cluster.api.names import Object
from tests.unit.admission.hooks import objects, rule
from tests.unit.admission.policy.world import Counted, PolicyWorld, binding, policy
from tests.unit.admission.writes import write

ANY = rule("CREATE UPDATE CONNECT")
COUNT = "[JSONPatch{op: 'add', path: '/data/n', value: string((has(object.data.n) ? int(object.data.n) : 0) + 1)}]"
"""Counts in a ConfigMap how often it was made."""


def applied(expression: str) -> Object:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patched(expression: str) -> Object:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def label(name: str, value: str) -> Object:
    return applied(f"Object{{metadata: Object.metadata{{labels: {{'{name}': {value}}}}}}}")


def mutating(name: str, *mutations: Object, **spec: Any) -> Object:
    made = policy(name, rules=spec.pop("rules", (ANY,)), reinvocationPolicy=spec.pop("reinvocationPolicy", "Never"), **spec)
    del made["spec"]["validations"]
    made["spec"]["mutations"] = list(mutations)
    return made


def bound(name: str, to: str, **spec: Any) -> Object:
    made = binding(name, to, **spec)
    del made["spec"]["validationActions"]
    return made


def config_map(name: str = "c", **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "dev"}, "data": {"k": "v", **data}}


class MutatingCounted(Counted):
    def policy_mutated(self, policy: str, binding: str, error: str, nanoseconds: int) -> None:
        assert nanoseconds >= 0
        self.lines.append((policy, binding, error))


class MutatingWorld(PolicyWorld):
    def __init__(self, *given: Object) -> None:
        super().__init__()
        self.counted = MutatingCounted()
        self.mutating = MutatingAdmissionPolicy(self, self, objects(), self.counted)
        self.give_mutating(*given)

    def give_mutating(self, *given: Object) -> None:
        """A policy is bound by a binding of its own name, unless bindings are given."""
        for each in given:
            self.put(SORT.bindings if "policyName" in each["spec"] else SORT.policies, each)
        if all("policyName" not in each["spec"] for each in given):
            for each in given:
                self.put(SORT.bindings, bound(each["metadata"]["name"], each["metadata"]["name"]))

    def refused(self, attributes: Attributes) -> StatusError | None:
        """Both rounds."""
        again = attributes.reinvocation
        try:
            self.mutating.admit(attributes)
            if again.wanted:
                again.running = True
                self.mutating.admit(attributes)
        except StatusError as error:
            return error
        return None


def mutate(attributes: Attributes, *mutations: Object, world: MutatingWorld | None = None, **spec: Any) -> str:
    """What one policy `p` says of a write, which it changes; empty where it is let pass."""
    world = world or MutatingWorld()
    world.give_mutating(mutating("p", *mutations, **spec))
    error = world.refused(attributes)
    return "" if error is None else error.message.removeprefix("policy 'p' with binding 'p' denied request: ")


def of_config_map(**data: str) -> Attributes:
    return write("CREATE", "configmaps", config_map(**data), namespace="dev")
