"""The estimate of costs: what rests on sizes, and where upstream's oddities show.  The numbers are upstream's."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.cel.environment import Environment
from cluster.cel.estimate import UNSIZED
from cluster.cel.functions import MOST, Bounds
from cluster.cel.types import DYN, STRING
from cluster.schema.cel_sizes import SchemaSizes
from cluster.schema.cel_types import schema_type
from cluster.schema.model import SchemaSet
from tests.unit.cel.rules import rules, variable_type

SCHEMAS = SchemaSet.for_version("1.36")


def text(length: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": length}


def array(length: int, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "maxItems": length, "items": items}


def of(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def bounds(expression: str, schema: dict[str, Any]) -> tuple[int, int]:
    self_type = schema_type(SCHEMAS, schema, "Type_self")
    assert self_type is not None
    environment = Environment(36, {"self": self_type})
    found = environment.estimate(environment.compile(expression), SchemaSizes(self_type))
    return found.least, found.most


PAIR = of(xs=array(5, of(a=array(7, text(3)), b=array(100, text(50)))))


@pytest.mark.parametrize(
    ("expression", "schema", "least", "most"),
    [
        ("self.t == 'a'", of(t=text(30)), 3, 3),
        ("self.t.startsWith('a')", of(t=text(30)), 3, 3),
        ("self.t.contains('abc')", of(t=text(30)), 2, 14),
        ("self.t.matches('^[a-z]+$')", of(t=text(30)), 4, 28),
        ("self.xs.all(x, x.size() > 1)", of(xs=array(10, text(5))), 3, 63),
        ("self.xs.map(x, x + x).size() > 1", of(xs=array(10, text(5))), 15, 195),
        ("self.xs.exists(x, self.xs.exists(y, x == y))", of(xs=array(10, text(5))), 3, 873),
        ("true || self.xs.all(x, x == '')", of(xs=array(10, text(5))), 0, 43),
        ("has(self.t) ? self.t : 'none'", of(t=text(30)), 1, 3),
        ("{'a': self.t, 'b': self.t}.all(k, k == 'a')", of(t=text(30)), 41, 43),
        ("[self.t, 'x'].all(s, s < 'b')", of(t=text(30)), 19, 21),
    ],
)
def test_an_estimate_is_upstreams(expression: str, schema: dict[str, Any], least: int, most: int) -> None:
    assert bounds(expression, schema) == (least, most)


def test_what_the_last_selection_overwrote_is_what_is_counted() -> None:
    """The path to `x.a` is that to `x.b` once `x.b` was looked at: upstream's slices share their memory."""
    assert bounds("self.xs.all(x, x.a.all(s, s != 'z'))", PAIR) == (3, 208)
    assert bounds("self.xs.all(x, x.a.all(s, x.b.all(t, t != s)))", PAIR) == (3, 353033)  # as if `a` had as many elements as `b`


def test_without_sizes_a_loop_has_no_bound() -> None:
    environment = Environment(36, {"x": DYN, "t": STRING})
    assert environment.estimate(environment.compile("x.all(i, i == t)")).most == MOST
    assert environment.estimate(environment.compile("t == 'abcdefghijk'"), UNSIZED) == Bounds(2, 3)


def test_sizes_are_those_of_the_schema_whatever_the_variable_is_called() -> None:
    sizes = SchemaSizes(variable_type("self", "", "resource"))
    assert sizes.get(("self", "names", "@items")) == sizes.get(("oldSelf", "names", "@items")) == Bounds(0, 80)
    assert sizes.get(("self", "tags", "@values")) == Bounds(0, 120)
    assert sizes.get(("self", "tags", "@keys")) == sizes.get(("self", "size")) == sizes.get(("@items",)) == Bounds(0, 0)
    assert [sizes.get(path) for path in ((), ("self", "nothing"), ("self", "names", "@keys"), ("self", "size", "x", "y"))] == [None] * 4


def test_rules_were_recorded_with_estimates() -> None:
    assert sum("staticMax" in each["answer"] for each in rules()) > 300
