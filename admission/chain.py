"""The chain: all plugins mutate in order, then all validate in order.  Upstream: apiserver `pkg/admission/chain.go`, `reinvocation.go`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import orjson
from msgspec import Struct

from admission.attributes import Attributes, Operation, Plugin, Redefault
from admission.charges import Charge, Ledger
from admission.counting import ADMIT, UNCOUNTED, VALIDATE, Counting, Passed
from admission.observer import MUTATING, VALIDATING
from cluster.api.errors import StatusError
from cluster.api.names import GroupResource, GroupVersionResource

DECISION: Final = "admission.berth.io/decision"
REASON: Final = "admission.berth.io/reason"
PLUGIN: Final = "admission.berth.io/plugin"
"""Annotations of audit events: `allow` or `deny`; of a denial its message and the plugin that it comes from."""


_clock: Final = time.perf_counter_ns


Judge = Callable[[Attributes], None]


class _Asked(Struct, frozen=True):
    """Of a phase, for writes of one resource: all its plugins, with their judgements where they look at it; and these alone."""

    all: tuple[tuple[Plugin, Judge | None, Passed | None], ...]
    concerned: tuple[tuple[Plugin, Judge], ...]


class _Phase:
    """What one phase of an operation runs, in order: each plugin, its judgement, and who counts it."""

    def __init__(self, name: str, plugins: Sequence[tuple[Plugin, Judge, Passed | None]], passed: Passed | None) -> None:
        self.name: Final = name
        self.plugins: Final = plugins
        self.passed: Final = passed
        self._asked: dict[GroupVersionResource, _Asked] = {}

    def asked(self, resource: GroupVersionResource) -> _Asked:
        found = self._asked.get(resource)
        if found is None:
            looking = [_looks_at(plugin, resource) for plugin, _, _ in self.plugins]
            whole = zip(self.plugins, looking, strict=True)
            all_of_them = tuple((plugin, judge if looks else None, passed) for (plugin, judge, passed), looks in whole)
            found = self._asked[resource] = _Asked(
                all_of_them, tuple((plugin, judge) for plugin, judge, _ in all_of_them if judge is not None)
            )
        return found


def _looks_at(plugin: Plugin, resource: GroupVersionResource) -> bool:
    resources: frozenset[GroupResource] | None = getattr(plugin, "resources", None)
    return resources is None or resource.group_resource in resources


class Chain:
    """Plugins in the order of their table."""

    def __init__(self, plugins: Iterable[Plugin], counting: Counting = UNCOUNTED) -> None:
        self.plugins: Final[Sequence[Plugin]] = tuple(plugins)
        self._mutating = {operation: self._phase(MUTATING, ADMIT, operation, counting) for operation in Operation}
        self._validating = {operation: self._phase(VALIDATING, VALIDATE, operation, counting) for operation in Operation}

    def _phase(self, name: str, method: str, operation: Operation, counting: Counting) -> _Phase:
        handling = [plugin for plugin in self.plugins if hasattr(plugin, method) and plugin.handles(operation)]
        chosen = tuple((plugin, getattr(plugin, method), counting.controller(plugin.name, method, operation.value)) for plugin in handling)
        return _Phase(name, chosen, counting.step(method, operation.value))

    def mutate(self, attributes: Attributes, redefault: Redefault) -> None:
        """The first phase: once, and once more where a plugin asks for it.

        Once the plugins are through, and where they changed `attributes.object`, its kind's defaulting runs again.
        """
        phase = self._mutating[attributes.operation]
        if not phase.plugins:
            return
        before = orjson.dumps(attributes.object)
        began, rejected = _clock(), True
        try:
            _run(phase, attributes)
            if attributes.reinvocation.wanted:
                attributes.reinvocation.running = True
                _run(phase, attributes)
            rejected = False
        finally:
            if phase.passed is not None:
                phase.passed(_clock() - began, rejected)
        if attributes.object is not None and orjson.dumps(attributes.object) != before:
            redefault(attributes.object)

    def validate(self, attributes: Attributes) -> None:
        """The second phase; it changes nothing."""
        phase = self._validating[attributes.operation]
        began, rejected = _clock(), True
        try:
            _run(phase, attributes)
            rejected = False
        finally:
            if phase.passed is not None:
                phase.passed(_clock() - began, rejected)
        attributes.annotations[DECISION] = "allow"

    def settle(self, charge: Charge, ledger: Ledger) -> None:
        """As a write that passed both phases is committed: what it was allowed by may have changed, and deny it now."""
        try:
            charge.settle(ledger)
        except StatusError as denial:
            _tell(charge.attributes, charge.plugin, denial)
            raise


def _tell(attributes: Attributes, plugin: str, denial: StatusError) -> None:
    attributes.annotations.update({DECISION: "deny", PLUGIN: plugin, REASON: denial.message})


def _run(phase: _Phase, attributes: Attributes) -> None:
    """Asks every plugin; the audit event is told which of them denies the write, and why."""
    observer = attributes.observer
    if phase.passed is not None or (observer is not None and observer.thorough):
        _run_watched(phase, attributes)
        return
    asked = None
    try:
        for asked, judge in phase.asked(attributes.resource).concerned:  # noqa: B007 - whom it was that denies
            judge(attributes)
    except StatusError as error:
        if asked is not None:
            _tell(attributes, asked.name, error)
        raise


def _run_watched(phase: _Phase, attributes: Attributes) -> None:
    """Counts what each plugin takes, and tells an observer that is thorough of each."""
    observer = attributes.observer if attributes.observer is not None and attributes.observer.thorough else None
    began = _clock()
    for plugin, judge, passed in phase.asked(attributes.resource).all:
        if observer is not None:
            observer.entered(phase.name, plugin.name, attributes)
        denial: StatusError | None = None
        rejected = True
        try:
            if judge is not None:
                judge(attributes)
            rejected = False
        except StatusError as error:
            denial = error
            _tell(attributes, plugin.name, error)
            raise
        finally:
            if observer is not None:
                observer.left(phase.name, plugin.name, attributes, denial)
            ended = _clock()
            if passed is not None:
                passed(ended - began, rejected)
            began = ended
