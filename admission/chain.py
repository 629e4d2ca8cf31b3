"""The chain: all plugins mutate in order, then all validate in order.  Upstream: apiserver `pkg/admission/chain.go`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

import orjson

from admission.attributes import Attributes, MutatingPlugin, Operation, Plugin, Redefault, ValidatingPlugin


class Chain:
    """Plugins in the order of their table."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins: Final[Sequence[Plugin]] = tuple(plugins)
        self._mutating: dict[Operation, tuple[MutatingPlugin, ...]] = {}
        self._validating: dict[Operation, tuple[ValidatingPlugin, ...]] = {}
        for operation in Operation:
            handling = [plugin for plugin in self.plugins if plugin.handles(operation)]
            self._mutating[operation] = tuple(cast(MutatingPlugin, each) for each in handling if hasattr(each, "admit"))
            self._validating[operation] = tuple(cast(ValidatingPlugin, each) for each in handling if hasattr(each, "validate"))

    def mutate(self, attributes: Attributes, redefault: Redefault) -> None:
        """The first phase.  Once the plugins are through, and where they changed `attributes.object`, its kind's defaulting runs again."""
        plugins = self._mutating[attributes.operation]
        if not plugins:
            return
        before = orjson.dumps(attributes.object)
        for plugin in plugins:
            plugin.admit(attributes)
        if attributes.object is not None and orjson.dumps(attributes.object) != before:
            redefault(attributes.object)

    def validate(self, attributes: Attributes) -> None:
        """The second phase; it changes nothing."""
        for plugin in self._validating[attributes.operation]:
            plugin.validate(attributes)
