"""All policies of one sort that have a binding, and which of them a write may concern, found by its resource alone.

Upstream: apiserver `pkg/admission/plugin/policy/generic` (policy_source.go, policy_matcher.go, plugin.go).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Final, Generic, TypeVar

from msgspec import Struct, field

from admission.attributes import Attributes
from admission.matching.rules import Asked, Equivalents, Target, asked_of
from admission.matching.scopes import Narrowed, Scope
from admission.objects import Objects
from admission.policy.parameters import ParameterKind
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_CONFIGURATION: Final = ("validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies")
_REVIEWS: Final = ("localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews")
EXCLUDED: Final = frozenset(
    {
        *(GroupResource("admissionregistration.k8s.io", name) for name in (*_CONFIGURATION, "mutatingadmissionpolicybindings")),
        *(GroupResource("authentication.k8s.io", name) for name in ("selfsubjectreviews", "tokenreviews")),
        *(GroupResource("authorization.k8s.io", name) for name in _REVIEWS),
    }
)
"""What no policy is asked about: policies themselves, which could lock everyone out, and reviews, without which a cluster breaks.

Upstream: `pkg/kubeapiserver/admission/exclusion/resources.go`.
"""

E = TypeVar("E")
"""A policy's evaluator."""


class Sort(Struct, Generic[E], frozen=True):
    """Of policies: the resources that they and their bindings are, and how a spec is compiled."""

    policies: GroupResource
    bindings: GroupResource
    compile: Callable[[Object], E]


class Policy(Generic[E]):
    """A policy as it is stored; compiled when a write first matches it.  A change of its status is none."""

    def __init__(self, obj: Object, compile_policy: Callable[[Object], E]) -> None:
        spec: Object = obj.get("spec") or {}
        self.spec: Final = spec
        self.name: Final[str] = obj["metadata"]["name"]
        self.scope: Final = Scope.of(spec.get("matchConstraints") or {})
        self.ignore: Final = spec.get("failurePolicy") == "Ignore"
        """Whether what can not be evaluated is let pass."""
        self.parameter_kind: Final = ParameterKind.of(spec)
        self._compile = compile_policy

    @cached_property
    def evaluator(self) -> E:
        return self._compile(self.spec)


class Binding:
    """A binding as it is stored."""

    def __init__(self, obj: Object) -> None:
        spec: Object = obj.get("spec") or {}
        resources = spec.get("matchResources")
        self.object: Final = obj
        self.name: Final[str] = obj["metadata"]["name"]
        self.policy: Final[str] = spec.get("policyName") or ""
        self.scope: Final = None if resources is None else Scope.of(resources)
        """None where it is for all that the policy is for."""
        self.parameter_reference: Final[Object | None] = spec.get("paramRef")
        self.actions: Final[tuple[str, ...]] = tuple(spec.get("validationActions") or ())


class Invocation(Struct, Generic[E], frozen=True):
    """Of a policy, for a write."""

    policy: Policy[E]
    binding: Binding
    target: Target
    """What the write is taken for."""
    parameter: Object | None


class Candidate(Struct, Generic[E], frozen=True):
    """A policy whose rules match."""

    policy: Policy[E]
    narrowed: Narrowed
    bindings: tuple[tuple[Binding, Narrowed | None], ...]
    """Those whose rules match, too; None where nothing is left to find out."""
    settled: tuple[Invocation[E], ...] | None
    """How it is invoked for all such writes; None where that depends on more of the write, or on parameters."""

    @classmethod
    def of(cls, policy: Policy[E], narrowed: Narrowed, bindings: tuple[tuple[Binding, Narrowed | None], ...]) -> Candidate[E]:
        target, settled = narrowed.always, None
        if target is not None and policy.parameter_kind is None and all(open_ is None for _, open_ in bindings):
            settled = tuple(Invocation(policy, binding, target, None) for binding, _ in bindings)
        return cls(policy, narrowed, bindings, settled)


class _Table(Struct, Generic[E], frozen=True):
    """The policies as they were at one moment, each with its bindings, and what was found of them since."""

    generation: int
    policies: tuple[tuple[Policy[E], tuple[Binding, ...]], ...]
    found: dict[Asked, tuple[Candidate[E], ...]] = field(default_factory=dict)


class Index(Generic[E]):
    """Follows policies and bindings; what has changed is read when it is next asked for."""

    def __init__(self, sort: Sort[E], reader: Reader, objects: Objects) -> None:
        self._sort = sort
        self._objects = objects
        self._policies: dict[str, Object] = {}
        self._bindings: dict[str, Object] = {}
        self._read_policies: Mapping[str, Policy[E]] = {}
        self._read_bindings: Mapping[str, Binding] = {}
        self._generation = 0
        self._table: _Table[E] = _Table(0, ())
        reader.subscribe(sort.policies, self._follow(self._policies))
        reader.subscribe(sort.bindings, self._follow(self._bindings))

    def candidates(self, attributes: Attributes) -> tuple[Candidate[E], ...]:
        """In the order of their names; policies that rules rule out are left out."""
        table = self._table
        if table.generation != self._generation:
            table = self._build()
        if not table.policies:
            return ()
        asked = asked_of(attributes)
        found = table.found.get(asked)
        if found is None:
            excluded = asked.resource.group_resource in EXCLUDED
            found = table.found[asked] = () if excluded else tuple(self._find(table, asked))
        return found

    def policies(self) -> Iterator[Policy[E]]:
        """All that have a binding, in the order of their names."""
        table = self._table if self._table.generation == self._generation else self._build()
        return (policy for policy, _ in table.policies)

    def _follow(self, objects: dict[str, Object]) -> Callable[[Object | None, Object | None], None]:
        def changed(old: Object | None, new: Object | None) -> None:
            shown = new or old
            assert shown is not None, "a change has an object before or after it"
            if new is None:
                objects.pop(shown["metadata"]["name"], None)
            else:
                objects[shown["metadata"]["name"]] = new
            self._generation += 1

        return changed

    def _build(self) -> _Table[E]:
        generation = self._generation  # before the objects: what changes meanwhile makes the table old
        policies: dict[str, Policy[E]] = {}
        for name, obj in self._policies.copy().items():
            policy = self._read_policies.get(name)
            policies[name] = policy if policy is not None and policy.spec == obj.get("spec") else Policy(obj, self._sort.compile)
        bindings: dict[str, Binding] = {}
        for name, obj in self._bindings.copy().items():
            binding = self._read_bindings.get(name)
            bindings[name] = binding if binding is not None and binding.object is obj else Binding(obj)
        self._read_policies, self._read_bindings = policies, bindings
        bound: dict[str, list[Binding]] = {}
        for _, each in sorted(bindings.items()):
            bound.setdefault(each.policy, []).append(each)
        listed = tuple((policies[name], tuple(of)) for name, of in sorted(bound.items()) if name in policies)
        table = self._table = _Table(generation, listed)
        return table

    def _find(self, table: _Table[E], asked: Asked) -> Iterator[Candidate[E]]:
        equivalents = Equivalents(asked, self._objects)
        for policy, bindings in table.policies:
            narrowed = policy.scope.narrowed(asked, equivalents)
            if narrowed is not None:
                yield Candidate.of(policy, narrowed, tuple(_bound(bindings, asked, equivalents)))


def _bound(bindings: tuple[Binding, ...], asked: Asked, equivalents: Equivalents) -> Iterator[tuple[Binding, Narrowed | None]]:
    for binding in bindings:
        if binding.scope is None:
            yield binding, None
            continue
        narrowed = binding.scope.narrowed(asked, equivalents)
        if narrowed is not None:
            yield binding, narrowed
