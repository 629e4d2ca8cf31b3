"""All webhooks of one kind of configuration, and which of them a write may concern, found by its resource alone.

Upstream: apiserver `pkg/admission/configuration` (the order of webhooks), `pkg/admission/plugin/webhook/generic/webhook.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from admission.attributes import Attributes
from admission.matching.rules import Asked, Equivalents, Target, asked_of, find
from admission.objects import Objects
from admission.webhooks.hooks import Hook, hooks_of
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader


class Candidate(Struct, frozen=True):
    """A webhook whose rules match: `target` is what it is told of, one of the versions of what is written."""

    hook: Hook
    position: int
    """Among all webhooks there are."""
    target: Target


class _Table(Struct, frozen=True):
    """The webhooks as they were at one moment, and what was found of them since."""

    generation: int
    hooks: tuple[Hook, ...]
    found: dict[Asked, tuple[Candidate, ...]] = field(default_factory=dict)


class Index:
    """Follows the configurations; what has changed is compiled when it is next asked for."""

    def __init__(self, resource: GroupResource, reader: Reader, objects: Objects) -> None:
        self._objects = objects
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
        asked = asked_of(attributes)
        found = table.found.get(asked)
        if found is None:
            found = table.found[asked] = tuple(self._find(table.hooks, asked))
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
            compiled[name] = known if known is not None and same else (configuration, hooks_of(configuration))
        self._compiled = compiled
        table = self._table = _Table(generation, tuple(hook for _, hooks in compiled.values() for hook in hooks))
        return table

    def _find(self, hooks: tuple[Hook, ...], asked: Asked) -> Iterator[Candidate]:
        equivalents = Equivalents(asked, self._objects)
        for position, hook in enumerate(hooks):
            for first in find(hook.rules, asked, equivalents if hook.equivalent else None):
                yield Candidate(hook, position, first.target)
