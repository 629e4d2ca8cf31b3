"""The chain: all plugins mutate in order, then all validate in order.  Upstream: apiserver `pkg/admission/chain.go`, `reinvocation.go`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

import orjson

from admission.attributes import Attributes, MutatingPlugin, Operation, Plugin, Redefault, ValidatingPlugin
from admission.observer import MUTATING, VALIDATING
from cluster.api.errors import StatusError

DECISION: Final = "admission.berth.io/decision"
REASON: Final = "admission.berth.io/reason"
PLUGIN: Final = "admission.berth.io/plugin"
"""Annotations of audit events: `allow` or `deny`; of a denial its message and the plugin that it comes from."""


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
        """The first phase: once, and once more where a plugin asks for it.

        Once the plugins are through, and where they changed `attributes.object`, its kind's defaulting runs again.
        """
        plugins = self._mutating[attributes.operation]
        if not plugins:
            return
        before = orjson.dumps(attributes.object)
        self._admit(plugins, attributes)
        if attributes.reinvocation.wanted:
            attributes.reinvocation.running = True
            self._admit(plugins, attributes)
        if attributes.object is not None and orjson.dumps(attributes.object) != before:
            redefault(attributes.object)

    def _admit(self, plugins: Iterable[MutatingPlugin], attributes: Attributes) -> None:
        for plugin in plugins:
            with _deciding(plugin, attributes, MUTATING):
                plugin.admit(attributes)

    def validate(self, attributes: Attributes) -> None:
        """The second phase; it changes nothing."""
        for plugin in self._validating[attributes.operation]:
            with _deciding(plugin, attributes, VALIDATING):
                plugin.validate(attributes)
        attributes.annotations[DECISION] = "allow"


class _deciding:  # noqa: N801 - used as a statement
    """Tells the audit event which plugin denied a request, and why, and an observer of every plugin."""

    __slots__ = ("_attributes", "_phase", "_plugin")

    def __init__(self, plugin: Plugin, attributes: Attributes, phase: str) -> None:
        self._plugin = plugin
        self._attributes = attributes
        self._phase = phase

    def __enter__(self) -> None:
        if self._attributes.observer is not None:
            self._attributes.observer.entered(self._phase, self._plugin.name, self._attributes)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        denial = error if isinstance(error, StatusError) else None
        if denial is not None:
            self._attributes.annotations.update({DECISION: "deny", PLUGIN: self._plugin.name, REASON: denial.message})
        if self._attributes.observer is not None:
            self._attributes.observer.left(self._phase, self._plugin.name, self._attributes, denial)
