"""Functions of libraries do, cost and say what they do, cost and say in Kubernetes 1.36: `data/cel/libraries.json`."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.user import UserInfo
from cluster.cel.environment import CompileError, Environment
from cluster.cel.estimate import UNSIZED, Sizes
from cluster.cel.functions import Library
from cluster.cel.libraries.authz import AUTHORIZER_TYPE, RESOURCE_CHECK_TYPE, AuthorizerValue, ResourceCheck
from cluster.cel.libraries.encoders import ENCODERS
from cluster.cel.libraries.math import MATH
from cluster.cel.libraries.table import LIBRARIES
from cluster.cel.text import declared
from cluster.cel.types import Type
from cluster.cel.values import CelError, CostExceeded
from cluster.schema.cel_sizes import SchemaSizes
from cluster.schema.cel_types import schema_type
from cluster.schema.model import SchemaSet
from tests.unit.cel.recorded_answers import normal, tagged, type_of, untagged

DATA: dict[str, Any] = json.loads((Path(__file__).parents[2] / "data" / "cel" / "libraries.json").read_text())
CHOSEN: dict[str, Library] = {"math": MATH, "encoders": ENCODERS}
"""The libraries that no environment of Kubernetes has."""


class Recorded:
    """Answers as the authorizer did that was asked when the data was recorded."""

    def authorize(self, attributes: Attributes) -> Verdict:
        asked = attributes.path
        if attributes.is_resource:
            resource = f"{attributes.api_group}/{attributes.resource}/{attributes.subresource}"
            asked = f"{resource} {attributes.namespace}/{attributes.name}"
        question = f"{attributes.user.name} {attributes.verb} {asked}"
        if question in DATA["errors"]:
            return Verdict(Decision.NO_OPINION, error=DATA["errors"][question])
        if question in DATA["allowed"]:
            return Verdict(Decision.ALLOW, DATA["allowed"][question])
        return Verdict(Decision.NO_OPINION, "no rule")


AUTHORIZER = AuthorizerValue(UserInfo("jane", groups=("devs",)), Recorded())
_OWN: dict[str, tuple[Type, Any]] = {
    "authorizer": (AUTHORIZER_TYPE, AUTHORIZER),
    "resourceCheck": (RESOURCE_CHECK_TYPE, ResourceCheck(AUTHORIZER, "apps", "deployments", namespace="default", name="web")),
}


@lru_cache
def _schema() -> Type:
    found = schema_type(SchemaSet.for_version("1.36"), DATA["schema"], "Type_self")
    assert found is not None
    return found


@lru_cache(maxsize=100)
def _environment(library: str, minor: int, variables: tuple[tuple[str, str], ...]) -> Environment:
    kinds = {name: _schema() if text == "schema" else _OWN[text][0] if text in _OWN else type_of(text) for name, text in variables}
    return Environment(minor, kinds, libraries=(CHOSEN[library],) if library in CHOSEN else ())


def answered(library: str, row: dict[str, Any]) -> dict[str, Any]:
    """What this engine answers."""
    kinds = {"self": "schema"} if row.get("schema") else {**dict.fromkeys(row.get("vars", {}), "dyn"), **row.get("types", {})}
    minor = int(row.get("version", "1.36").split(".")[1])
    environment = _environment(library, minor, tuple(kinds.items()))
    try:
        program = environment.compile(row["expr"])
    except CompileError as failure:
        return {"programError" if failure.kind == "program" else "errors": failure.message}
    sizes: Sizes = SchemaSizes(_schema()) if row.get("schema") else UNSIZED
    bounds = program.estimate(sizes)
    made: dict[str, Any] = {"type": declared(program.type), "staticMin": str(bounds.least), "staticMax": str(bounds.most)}
    values = {"self": DATA["value"]} if row.get("schema") else {name: untagged(value) for name, value in row.get("vars", {}).items()}
    values |= {name: _OWN[text][1] for name, text in kinds.items() if text in _OWN}
    try:
        outcome = program.evaluate(values)
    except CelError as failure:
        return made | {"error": str(failure), "runtimeCost": failure.cost}
    except CostExceeded as failure:
        return made | {"error": str(failure)}
    return made | {"result": _shown(tagged(outcome.value)), "runtimeCost": outcome.cost}


def _shown(value: Any) -> Any:
    """Without the text of what Go shows by its memory."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("@opaque", "").startswith(("kubernetes.authorization.", "kubernetes.NamedFormat")):
        return {"@opaque": value["@opaque"]}
    return {key: _shown(each) for key, each in value.items()}


@pytest.mark.parametrize("library", DATA["libraries"])
def test_calls_come_to_what_they_come_to_upstream(library: str) -> None:
    rows = DATA["libraries"][library]
    assert rows
    found = [(row["expr"], normal(answered(library, row)), normal(row["answer"])) for row in rows]
    assert [each for each in found if each[1] != each[2]] == []


def test_every_function_was_recorded() -> None:
    """Each name that a library declares is called somewhere; what macros call in their place is not written."""
    texts = [row["expr"] for rows in DATA["libraries"].values() for row in rows]
    named = {each.name for library in LIBRARIES[1:] for each in library.functions if library.name != "cel.lib.optional"}
    chosen = {each.name for library in CHOSEN.values() for each in library.functions}
    missing = {name for name in named | chosen if "@" not in name and not any(f"{name}(" in text for text in texts)}
    assert not missing


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("url('/a')", 0),
        ("'a'.find('a')", 0),
        ("[1].sum()", 0),
        ("'a'.charAt(0)", 0),
        ("authorizer.path('/a')", 27),
        ("quantity('1')", 28),
        ("'%d'.format([1])", 29),
        ("strings.quote('a')", 29),
        ("sets.contains([1], [1])", 29),
        ("ip('::1')", 30),
        ("cidr('::/0')", 30),
        ("format.uri()", 31),
        ("authorizer.group('').resource('a').labelSelector('a')", 31),
        ("[1].all(i, v, true)", 32),
        ("[1].transformList(i, v, v)", 32),
        ("semver('1.0', true)", 33),
        ("[1].slice(0, 1)", 34),
        ("[1].sortBy(x, x)", 34),
        ("[dyn('a'), dyn(quantity('1'))].join() == 'a1'", 28),
        ("math.least(1, 2)", 99),
        ("base64.encode(b'a')", 99),
        ("'a'.reverse()", 99),
        ("jsonpatch.escapeKey('a')", 99),
    ],
)
def test_libraries_came_one_by_one(text: str, since: int) -> None:
    known = []
    for minor in range(25, 38):
        try:
            Environment(minor, {"authorizer": AUTHORIZER_TYPE}).compile(text)
            known.append(minor)
        except CompileError:
            continue
    assert known == [minor for minor in range(25, 38) if since <= minor]


def test_what_joins_anything_joins_strings_only_since_its_version_2() -> None:
    text = "[dyn('a'), dyn(quantity('1'))].join()"
    assert Environment(28).compile(text).evaluate({}).value == "a1"
    with pytest.raises(CelError, match="join: invalid input"):
        Environment(29).compile(text).evaluate({})
