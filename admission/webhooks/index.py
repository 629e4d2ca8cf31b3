"""All webhooks of one kind of configuration, and which of them a write may concern, found by its resource alone.

Upstream: apiserver `pkg/admission/configuration` (the order of webhooks), `pkg/admission/plugin/webhook/generic/webhook.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from admission.attributes import Attributes, Operation
from admission.objects import Objects
from admission.webhooks.conditions import Compile
from admission.webhooks.hooks import Hook, hooks_of
from cluster.api.names import GroupResource, GroupVersionKind, GroupVersionResource, Object
from cluster.api.protocols import Reader

_Key = tuple[Operation, GroupVersionResource, str, bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A webhook whose rules match: `resource` and `kind` are what it is told of, one of the versions of what is written."""

    hook: Hook
    position: int
    """Among all webhooks there are."""
    resource: GroupVersionResource
    kind: GroupVersionKind


@dataclass(frozen=True, slots=True)
class _Table:
    """The webhooks as they were at one moment, and what was found of them since."""

    generation: int
    hooks: tuple[Hook, ...]
    found: dict[_Key, tuple[Candidate, ...]] = field(default_factory=dict)


class Index:
    """Follows the configurations; what has changed is compiled when it is next asked for."""

    def __init__(self, resource: GroupResource, reader: Reader, objects: Objects, compile_condition: Compile) -> None:
        self._objects = objects
        self._compile = compile_condition
        self._configurations: dict[str, Object] = {}
        self._compiled: Mapping[str, tuple[Object, tuple[Hook, ...]]] = {}
        self._generation = 0
        self._table = _Table(0, ())
        reader.subscribe(resource, self._changed)

    def candidates(self, attributes: Attributes) -> tuple[Candidate, ...]:
        """In the order of their configurations' names, and in a configuration in its own; those that rules rule out are left out."""
        table = self._table
        if table.generation != self._generation:
            table = self._build()
        if not table.hooks:
            return ()
        key = (attributes.operation, attributes.resource, attributes.subresource, bool(attributes.namespace))
        found = table.found.get(key)
        if found is None:
            found = table.found[key] = tuple(self._find(table.hooks, attributes))
        return found

    def _changed(self, old: Object | None, new: Object | None) -> None:
        shown = new or old
        assert shown is not None, "a change has an object before or after it"
        if new is None:
            self._configurations.pop(shown["metadata"]["name"], None)
        else:
            self._configurations[shown["metadata"]["name"]] = new
        self._generation += 1

    def _build(self) -> _Table:
        generation = self._generation  # before the configurations: what changes meanwhile makes the table old
        compiled: dict[str, tuple[Object, tuple[Hook, ...]]] = {}
        for name, configuration in sorted(self._configurations.copy().items()):
            known = self._compiled.get(name)
            same = known is not None and known[0] is configuration
            compiled[name] = known if known is not None and same else (configuration, hooks_of(configuration, self._compile))
        self._compiled = compiled
        table = self._table = _Table(generation, tuple(hook for _, hooks in compiled.values() for hook in hooks))
        return table

    def _find(self, hooks: tuple[Hook, ...], attributes: Attributes) -> list[Candidate]:
        equivalents: list[tuple[GroupVersionResource, GroupVersionKind]] | None = None
        found = []
        for position, hook in enumerate(hooks):
            matched = _match(hook, attributes, attributes.resource)
            if matched:
                found.append(Candidate(hook, position, attributes.resource, attributes.kind))
            elif hook.equivalent:
                if equivalents is None:
                    equivalents = self._equivalents(attributes)
                other = _first_equivalent(hook, attributes, equivalents)
                if other is not None:
                    found.append(Candidate(hook, position, *other))
        return found

    def _equivalents(self, attributes: Attributes) -> list[tuple[GroupVersionResource, GroupVersionKind]]:
        others = self._objects.equivalents(attributes.resource, attributes.subresource)
        return [(resource, kind) for resource, kind in others if resource != attributes.resource]


def _match(hook: Hook, attributes: Attributes, resource: GroupVersionResource) -> bool:
    asked = (attributes.operation, resource, attributes.subresource, bool(attributes.namespace))
    return any(rule.matches(*asked) for rule in hook.rules)


def _first_equivalent(
    hook: Hook, attributes: Attributes, equivalents: list[tuple[GroupVersionResource, GroupVersionKind]]
) -> tuple[GroupVersionResource, GroupVersionKind] | None:
    """The first rule that matches decides, not the first version."""
    for rule in hook.rules:
        for resource, kind in equivalents:
            if rule.matches(attributes.operation, resource, attributes.subresource, bool(attributes.namespace)):
                return resource, kind
    return None
