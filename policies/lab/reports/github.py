"""Annotations as GitHub Actions shows them beside the lines that they are about, then what people read."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from policies.lab.documents import Place
from policies.lab.reports.text import explained, said, summary, text, title
from policies.lab.results import RunResult


def github(result: RunResult) -> str:
    """What people read is no command, whatever a manifest's messages look like: a token that nobody knows begins commands again."""
    token = secrets.token_hex(16)
    return "".join(f"{line}\n" for line in _annotations(result)) + f"::stop-commands::{token}\n{text(result)}::{token}::\n"


def _annotations(result: RunResult) -> Iterator[str]:
    for broken in result.broken:
        for place, why in broken.faults:
            yield _error(place, "broken suite", why)
    for suite in result.suites:
        if suite.broken:
            yield _error(Place(suite.suite.file), f"{suite.suite.name} (Kubernetes {suite.version}) is broken", suite.broken)
        for case in suite.cases:
            if not case.good:
                yield _error(case.case.place, f"{title(suite, case)} {said(case)}", "\n".join(explained(case)))
    if not result.covered_enough:
        yield f"::error title=coverage::{_data(summary(result))}"


def _error(place: Place, name: str, message: str) -> str:
    where = f"file={_property(place.file)}" + (f",line={place.line},col={place.column}" if place.line else "")
    return f"::error {where},title={_property(name)}::{_data(message)}"


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
