"""Which parts of the policies under test the cases have exercised, and which not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from admission.observer import Judgement
from policies.lab.outcome import Outcome
from policies.lab.under_test import PLUGIN_KINDS, POLICY_BINDINGS, Part, Subject, UnderTest

Seen = dict[tuple[str, str, str], set[str]]
"""(kind, name, part) to the ways in which it was exercised."""
_APPLIED: Final = ("validations[", "mutations[", "auditAnnotations[")
_MOST_NOTED: Final = 4096
"""Judgements, each with its message, that are known to be noted."""
_CALLED: Final = ("called", "mutated", "unchanged", "error")
_WAYS: Final = {"mutated": "used", "unchanged": "used", "called": "used", "evaluated": "used"}
"""What an observer calls it, where that is not the way itself."""


class Recorder:
    """Of one suite: notes what each outcome has exercised, and says whether it was anything at all."""

    def __init__(self, under_test: UnderTest) -> None:
        self._under_test = under_test
        self.seen: Seen = {}
        self._noted: set[Judgement] = set()
        self._matching: set[Judgement] = set()
        """Those of them that something under test had to do with."""

    def taken(self) -> Seen:
        """What was seen since this was last asked; of what was judged then, too, only what had not been told."""
        seen, self.seen = self.seen, {}
        if len(self._noted) > _MOST_NOTED:
            self._noted.clear()
            self._matching.clear()
        return seen

    def judged(self, outcome: Outcome) -> bool:
        """By policies and webhooks.  Nearly all that is judged in a case was in others before it."""
        judgements, noted = outcome.judgements, self._noted
        if not noted.issuperset(judgements):
            for judgement in judgements:
                if judgement not in noted:
                    noted.add(judgement)
                    if self._judged(judgement):
                        self._matching.add(judgement)
        return not self._matching.isdisjoint(judgements)

    def _judged(self, judgement: Judgement) -> bool:
        own = self._under_test.judged.get(judgement.plugin)
        if own is None or judgement.policy not in own:
            return False
        kind, part, how = PLUGIN_KINDS[judgement.plugin], judgement.part, judgement.outcome
        called = part.startswith("webhooks[") and "." not in part and how in _CALLED
        self.note(kind, judgement.policy, part, "used" if called else _WAYS.get(how, how))
        if not (called or part.startswith(_APPLIED)):
            return how == "error"
        self.note(kind, judgement.policy, "", "used")
        if judgement.binding:
            self.note(POLICY_BINDINGS[kind], judgement.binding, "", "used")
        return True

    def note(self, kind: str, name: str, part: str, way: str) -> None:
        key = kind, name, part
        ways = self.seen.get(key)
        if ways is None:
            self.seen[key] = {way}
        else:
            ways.add(way)

    def used(self, subject: Subject, part: str = "", way: str = "used") -> bool:
        """Notes it, if it is under test, and says whether it is."""
        known = self._under_test.matters(subject)
        if known:
            self.note(subject.kind, subject.name, part, way)
        return known


class Item(Struct, frozen=True):
    """A part of a policy, and what no case has exercised of it."""

    file: str
    part: Part
    missing: tuple[str, ...]

    @property
    def covered(self) -> bool:
        return not self.missing

    @property
    def why(self) -> str:
        """What is missing, in words."""
        if self.missing == ("true",):
            return "never held"
        if self.missing == ("false",):
            return "always held"
        if self.missing == ("refused",):
            return "never exceeded"
        return "never evaluated" if "true" in self.missing else "never used"


class Coverage(Struct, frozen=True):
    """Of all suites of a run; a policy that several suites test is there once, with what they exercise together."""

    items: tuple[Item, ...]

    @property
    def percent(self) -> float:
        covered = sum(each.covered for each in self.items)
        return 100.0 * covered / len(self.items) if self.items else 100.0


def coverage(tested: Iterable[tuple[UnderTest, Seen]]) -> Coverage:
    """By the files that define policies: those of one name in two files are two."""
    seen: dict[str, dict[Part, set[str]]] = {}
    for under_test, ways in tested:
        for part in under_test.parts:
            file = under_test.subjects[part.subject].source.file
            known = seen.setdefault(file, {}).setdefault(part, set())
            known |= ways.get((part.subject.kind, part.subject.name, part.part), set())
    return Coverage(
        tuple(
            Item(file, part, tuple(each for each in part.ways if each not in found))
            for file, parts in sorted(seen.items())
            for part, found in parts.items()
        )
    )
