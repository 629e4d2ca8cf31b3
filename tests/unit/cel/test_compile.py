"""How compiled expressions run: values of schemas, maps that compute theirs, and what keeps them from running on and on."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cluster.cel import compile_parts, times, types
from cluster.cel.environment import CompileError, Environment
from cluster.cel.types import DYN, Field, Type, list_of, map_of, object_type
from cluster.cel.values import NONE, BoolKey, CelError, CostExceeded, Instance, Joined, Optional_, OwnList, Timestamp


def moment(text: Any) -> Timestamp:
    found = times.parse_moment(text) if isinstance(text, str) else None
    if found is None:
        raise CelError(f"Invalid date-time formatted string {text}")
    return found


class Unordered(OwnList):
    """A list whose order doesn't count, as `x-kubernetes-list-type: set` makes it."""

    def equals(self, other: Sequence[Any]) -> bool:
        return sorted(self) == sorted(other)

    def joined(self, other: Sequence[Any]) -> Sequence[Any]:
        return Unordered([*self, *(each for each in other if each not in self)])


ITEM = object_type("Item", lambda: {"at": Field("at", "at", types.TIMESTAMP, convert=moment)})
SPEC = object_type(
    "Spec",
    lambda: {
        "name": Field("name", "name", types.STRING),
        "__namespace__": Field("__namespace__", "namespace", types.STRING),
        "maybe": Field("maybe", "maybe", types.INT, null_is_absent=True),
        "since": Field("since", "since", types.TIMESTAMP, convert=moment),
        "items": Field("items", "items", list_of(ITEM)),
        "byName": Field("byName", "byName", map_of(types.STRING, ITEM)),
        "tags": Field("tags", "tags", list_of(types.STRING), convert=Unordered),
    },
)
NOON, ALSO_NOON = "2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00"
VALUE = {
    "name": "web",
    "namespace": "shop",
    "maybe": None,
    "since": NOON,
    "items": [{"at": NOON}, {"at": ALSO_NOON}],
    "byName": {"a": {"at": ALSO_NOON}},
    "tags": ["x", "y"],
}
TYPED = Environment(36, {"self": SPEC, "other": SPEC})
OTHER = {**VALUE, "since": ALSO_NOON, "tags": ["y", "x"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self.name", "web"),
        ("self.__namespace__ + self.namespace", "shopshop"),
        ("has(self.name)", True),
        ("has(self.maybe)", False),
        ("self.?maybe.orValue(5)", 5),
        ("self.since.getHours()", 12),
        ("self.since == self.items[1].at", True),
        ("self.items.all(i, i.at == self.since)", True),
        ("self.byName.a.at.getHours('Europe/Berlin')", 14),
        ("self.?since.optMap(s, s.getFullYear()).value()", 2024),
        ("self.tags + ['y', 'z'] == ['x', 'z', 'y']", True),
        ("self.tags == other.tags", True),
        ("self == other", True),
        ("dyn(self) == other", True),
        ("dyn(self).since.getHours()", 12),
        ("dyn(self.items)[1].at.getHours()", 12),
        ("[self][0].since.getMonth()", 4),
        ("type(self)", map_of(DYN, DYN)),
    ],
)
def test_values_of_a_schema(text: str, expected: Any) -> None:
    assert TYPED.compile(text).evaluate({"self": VALUE, "other": OTHER}).value == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("self.maybe == 1", "no such key: maybe"),
        ("self.items[2].at == self.since", "index out of bounds: 2"),
        ("self.items[0].at == self.since", "Invalid date-time formatted string never"),
        ("has(self.items[0].at)", "Invalid date-time formatted string never"),
        ("self.name == 'a'", "no such key: name"),
    ],
)
def test_values_that_are_not_what_the_schema_says(text: str, message: str) -> None:
    with pytest.raises(CelError) as failure:
        TYPED.compile(text).evaluate({"self": {"maybe": None, "items": [{"at": "never"}, {}], "since": NOON}, "other": {}})
    assert str(failure.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("s.startsWith('a') || true", None),
        ("s.startsWith('a') || true", 5),
        ("s < 'a' || true", None),
        ("s + 'a' == '' || true", 7),
        ("s.matches('a') || true", None),
        ("s.size() > 1 || true", 3),
    ],
)
def test_a_value_of_another_type_than_was_declared_is_an_error_like_any(text: str, value: Any) -> None:
    assert Environment(36, {"s": types.STRING}).compile(text).evaluate({"s": value}).value is True


class Lazy(dict[str, Any]):
    """A map that computes its values when they are looked at."""

    def __init__(self, **computed: Any) -> None:
        super().__init__(dict.fromkeys(computed))
        self.computed = computed
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.asked.append(key)
        return self.computed[key]()


def refuse() -> Any:
    raise CelError("composited variable failed")


def test_a_map_may_compute_its_values() -> None:
    variables = Lazy(a=lambda: 1, b=lambda: {"c": 2}, d=refuse)
    environment = Environment(36, {"variables": map_of(types.STRING, DYN)})
    assert environment.compile("variables.a + variables.b.c").evaluate({"variables": variables}).value == 3
    assert variables.asked == ["a", "b"]
    assert environment.compile("has(variables.b) && 'd' in variables").evaluate({"variables": variables}).value is True
    with pytest.raises(CelError, match="composited variable failed") as failure:
        environment.compile("variables.d == 1 && variables.a == 1").evaluate({"variables": variables})
    assert failure.value.cost == 6


DYNAMIC = Environment(36, {"object": DYN, "l": list_of(types.INT)})


def evaluate(text: str, **values: Any) -> Any:
    return DYNAMIC.compile(text).evaluate({"object": None, "l": [1, 2, 3]} | values).value


def test_bools_are_keys_beside_numbers() -> None:
    assert evaluate("{dyn(true): 'a', dyn(1): 'b'}[true]") == "a"
    assert evaluate("{dyn(true): 'a', dyn(1): 'b'}") == {BoolKey.TRUE: "a", 1: "b"}
    assert evaluate("{true: 'a', false: 'b'}.map(k, !k)") == [False, True]
    assert evaluate("dyn(1) in {true: 'a'}") is False
    assert evaluate("dyn(true) in object", object={1: "a"}) is False


def test_null_is_what_a_field_that_was_not_given_is() -> None:
    kind = object_type("Object", lambda: {name: Field(name, name, DYN) for name in ("a", "b")})
    environment = Environment(36, types={"Object": kind})
    made = environment.compile("Object{a: 1}").evaluate({}).value
    assert (made, made.type_name) == ({"a": 1}, "Object")
    assert isinstance(made, Instance)
    assert environment.compile("Object{a: 1}.b == null && !has(Object{a: 1}.b)").evaluate({}).value is True
    assert environment.compile("Object{?a: optional.none()}").evaluate({}).value == {}
    assert environment.compile("Object{}.?b").evaluate({}).value == NONE


def test_an_environment_knows_names_without_end() -> None:
    class Named(dict[str, Type]):
        def get(self, name: str, default: Any = None) -> Any:
            return object_type(name, lambda: {"a": Field("a", "a", DYN)}) if name.startswith("Object") else default

    made = Environment(36, types=Named()).compile("Object{a: Object.a{a: [1]}}").evaluate({}).value
    assert (made.type_name, made["a"].type_name, made["a"]["a"]) == ("Object", "Object.a", [1])


def test_variables_are_those_that_are_looked_at() -> None:
    environment = Environment(36, dict.fromkeys(("a", "b", "c"), DYN))
    program = environment.compile("a.x.exists(b, b == 1) || [1].all(i, i == c.y)")
    assert program.variables == {"a", "c"}
    assert program.evaluate({"a": {"x": [1]}, "c": {}}).value is True
    with pytest.raises(CelError, match=r"no such attribute\(s\): a"):
        program.evaluate({"c": {}})


def test_nested_loops_have_variables_of_their_own() -> None:
    assert evaluate("l.map(i, l.filter(j, j > i).map(i, i * 10)).map(i, i.size())") == [2, 1, 0]
    assert evaluate("l.exists(i, l.exists(i, i == 3) && i == 1)") is True


def test_a_program_is_used_by_several_at_once() -> None:
    program = DYNAMIC.compile("object.map(i, l.map(j, j * i)).map(r, r.size() == 3 ? r[0] : -1)")
    found: dict[int, bool] = {}

    def run(number: int) -> None:
        values = {"object": [number] * 50, "l": [1, 2, 3]}
        found[number] = all(program.evaluate(values).value == [number] * 50 for _ in range(50))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), True)


# Budgets


def many(text: str, **values: Any) -> None:
    DYNAMIC.compile(text).evaluate({"object": None, "l": list(range(1000))} | values)


@pytest.mark.parametrize(
    "text",
    [
        "l.map(i, l.map(j, l.map(k, k)))",
        "l.all(i, l.all(j, l.all(k, k >= 0)))",
        "l.exists(i, l.exists(j, l.exists(k, k < 0)))",
        "l.exists_one(i, l.exists_one(j, l.filter(k, k == j).size() == 5))",
        "l.filter(i, l.filter(j, l.filter(k, true).size() > 0).size() > 0)",
        "l.map(i, 1 / 0 > i || l.exists(j, l.exists(k, k < 0)))",
    ],
)
def test_loops_end_with_the_budget(text: str) -> None:
    with pytest.raises(CostExceeded) as failure:
        many(text)
    assert str(failure.value) == "operation cancelled: actual cost limit exceeded"
    assert failure.value.cost > 1_000_000


def test_nothing_absorbs_the_end_of_the_budget() -> None:
    with pytest.raises(CostExceeded):
        DYNAMIC.compile("l.all(i, i > 0) || true").evaluate({"object": None, "l": [1] * 100}, 50)


def test_the_limit_may_be_reached_and_not_passed() -> None:
    program = DYNAMIC.compile("l.map(i, i)")
    cost = program.evaluate({"l": [1, 2]}).cost
    assert program.evaluate({"l": [1, 2]}, cost).value == [1, 2]
    with pytest.raises(CostExceeded) as failure:
        program.evaluate({"l": [1, 2]}, cost - 1)
    assert failure.value.cost == cost


def doubled(times_: int, start: str, end: str) -> str:
    """What a value comes to that is added to itself so many times."""
    text = end.format(f"v{times_}")
    for at in range(times_, 0, -1):
        text = f"optional.of(v{at - 1} + v{at - 1}).optMap(v{at}, {text}).value()"
    return f"optional.of({start}).optMap(v0, {text}).value()"


def test_lists_are_joined_without_a_copy() -> None:
    small = DYNAMIC.compile(doubled(10, "l", "{}")).evaluate({"l": [1, 2, 3]})
    assert len(small.value) == 3 * 1024
    assert small.value[:4] == [1, 2, 3, 1]
    assert DYNAMIC.compile(doubled(25, "l", "{}.size()")).evaluate({"l": [1]}).value == 1 << 25
    with pytest.raises(CelError, match="list of more than"):
        DYNAMIC.compile(doubled(40, "l", "{}.size()")).evaluate({"l": [1]})


def test_texts_do_not_grow_beyond_measure() -> None:
    with pytest.raises(CelError, match="text of more than"):
        DYNAMIC.compile(doubled(30, "object", "{}.size()")).evaluate({"object": "x"})


def test_a_chain_of_macros_that_copy_is_not_expanded_beyond_measure() -> None:
    with pytest.raises(CompileError, match="expression is too large"):
        DYNAMIC.compile("optional.of(l)" + "".join(f".optMap(v{at}, v{at})" for at in range(40)))


def test_many_large_texts_end_with_the_memory() -> None:
    with pytest.raises(CostExceeded):
        many("l.map(i, object + object)", object="x" * (1 << 20))


def test_loops_that_cost_little_and_take_long_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.cel.environment.MAX_SECONDS", 0.0)
    large = {"a": [{"b": list(range(100))}] * 10}
    with pytest.raises(CostExceeded):
        many("l.all(i, object == object)", object=large)
    many("l.all(i, i >= 0 && object.a.size() == 10)", object=large)


def test_what_is_nested_too_deeply_is_an_error() -> None:
    value: Any = 1
    for _ in range(2000):
        value = [value]
    with pytest.raises(CelError, match="nested too deeply"):
        DYNAMIC.compile("object == object").evaluate({"object": value})


def test_joined_lists_are_read_as_lists() -> None:
    joined: Sequence[Any] = Joined([1], Joined([2, 3], []))
    assert (list(joined), len(joined), joined[2], joined[0:2]) == ([1, 2, 3], 3, 3, [1, 2])
    with pytest.raises(IndexError):
        joined[3]
    assert evaluate("object.map(i, i + 1)", object=joined) == [2, 3, 4]
    assert evaluate("object[1] == 2 && 3 in object && object == [1, 2, 3] && object.size() == 3", object=joined) is True


def test_results_are_plain_values() -> None:
    large = {"object": list(range(100)), "l": [1]}
    assert type(DYNAMIC.compile("object + l").evaluate(large).value) is list
    assert type(DYNAMIC.compile("optional.of(l.map(i, i))").evaluate(large).value) is Optional_
    assert type(DYNAMIC.compile("l.map(i, i)").evaluate(large).value) is list


def test_no_frame_is_shared() -> None:
    program = DYNAMIC.compile("l.map(i, i)")
    frames: Mapping[str, Any] = {"l": [1, 2]}
    assert program.evaluate(frames).value is not program.evaluate(frames).value
    assert compile_parts.VARIABLES == 3
