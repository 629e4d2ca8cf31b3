"""Whether an outcome is what a case expects: what differs, each with what was expected and what came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from cluster.api.names import Object
from cluster.cel.patterns import matches
from policies.lab.outcome import Outcome
from policies.lab.suite import Expectation

_NOTHING: Final = "nothing"


class Difference(Struct, frozen=True):
    field: str
    expected: Any
    actual: Any


Expression = Callable[[str, str], str]
"""The expression of a part of a policy, by both their names; empty where there is none."""


def differences(expect: Expectation, outcome: Outcome, matched: bool | None, expression: Expression) -> list[Difference]:
    """All but of a golden file."""
    found: list[Difference] = []
    if expect.allowed != outcome.allowed:
        found.append(Difference("allowed", expect.allowed, outcome.allowed))
    for field, expected in expect.simple:
        actual = getattr(outcome, field)
        if expected != actual:
            found.append(Difference(field, expected, actual))
    if expect.validation is not None:
        found += _validation(expect.validation, outcome, expression)
    if expect.says_more:
        found += _more(expect, outcome, matched)
    return found


def _more(expect: Expectation, outcome: Outcome, matched: bool | None) -> Iterator[Difference]:
    yield from _texts(expect, outcome)
    if expect.matched is not None and expect.matched != bool(matched):
        yield Difference("matched", expect.matched, bool(matched))
    if expect.object is not None:
        yield from _subset(expect.object, outcome.object(), "object")


def _validation(expected: int | str, outcome: Outcome, expression: Expression) -> Iterator[Difference]:
    if isinstance(expected, int):
        if outcome.part != f"validations[{expected}]":
            yield Difference("validation", expected, outcome.part or _NOTHING)
        return
    known = (outcome.part, expression(outcome.policy, outcome.part).strip())
    if expected.strip() not in known:
        yield Difference("validation", expected, known[1] or known[0] or _NOTHING)


def _texts(expect: Expectation, outcome: Outcome) -> Iterator[Difference]:
    message = outcome.message
    if expect.message_contains is not None and expect.message_contains not in message:
        yield Difference("messageContains", expect.message_contains, message)
    if expect.message_matches is not None and not matches(message, expect.message_matches):
        yield Difference("messageMatches", expect.message_matches, message)
    if expect.warnings is not None and list(expect.warnings) != list(outcome.warnings):
        yield Difference("warnings", list(expect.warnings), list(outcome.warnings))
    if expect.annotations is not None:
        for key, value in expect.annotations.items():
            if outcome.annotations.get(key) != value:
                yield Difference(f"auditAnnotations.{key}", value, outcome.annotations.get(key))


def _subset(expected: Any, actual: Any, path: str) -> Iterator[Difference]:
    """Mappings may have more than is expected, lists not; null stands for what is not there."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            where = f"{path}.{key}"
            if value is None:
                if actual.get(key) is not None:
                    yield Difference(where, None, actual[key])
            elif key not in actual:
                yield Difference(where, value, None)
            else:
                yield from _subset(value, actual[key], where)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for position, (each, other) in enumerate(zip(expected, actual, strict=True)):
            yield from _subset(each, other, f"{path}[{position}]")
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield Difference(path, expected, actual)


def golden(path: Path, obj: Object) -> tuple[list[Difference], str]:
    """(what differs, the text that the file would have)"""
    from cluster.api.output import as_yaml
    from policies.lab.documents import Broken, read
    from policies.lab.lasting import lasting

    wanted = lasting(obj)
    text = as_yaml([wanted])
    try:
        found = [each.value for each in read(path)] if path.exists() else []
    except Broken as broken:
        return [Difference("golden", str(broken), "")], text
    if not found:
        return [Difference("golden", f'what "{path}" has, which is not there: make it with --update', text)], text
    return ([] if found == [wanted] else [Difference("golden", found[0], wanted)]), text
