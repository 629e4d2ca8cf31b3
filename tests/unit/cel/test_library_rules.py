"""What matters of libraries beside single calls: what they ask, what they refuse before it is done, and laws that hold for all values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.user import UserInfo
from cluster.cel import types
from cluster.cel.environment import CompileError, Environment
from cluster.cel.libraries import cidr, encoders, ext_lists, ip, jsonpatch, quantity, semver, string_format, strings, url_parsing
from cluster.cel.libraries.authz import AUTHORIZER_TYPE, AuthorizerValue
from cluster.cel.libraries.library_costs import of_all_values
from cluster.cel.values import MAX_TEXT, CelError, CostExceeded, Instance

JANE = UserInfo("jane", groups=("devs",))


class Asked:
    """An authorizer that allows all, and remembers what it was asked."""

    def __init__(self) -> None:
        self.attributes: list[Attributes] = []

    def authorize(self, attributes: Attributes) -> Verdict:
        self.attributes.append(attributes)
        return Verdict(Decision.ALLOW, "so it is")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("authorizer.path('/healthz').check('get')", Attributes(JANE, "get", is_resource=False, path="/healthz")),
        (
            "authorizer.group('apps').resource('deployments').subresource('scale').namespace('a').name('web').check('patch')",
            Attributes(
                JANE,
                "patch",
                namespace="a",
                api_group="apps",
                api_version="*",
                resource="deployments",
                subresource="scale",
                name="web",
            ),
        ),
        (
            "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=n1,metadata.name!=x')"
            ".labelSelector('a in (b, c),!d').check('list')",
            Attributes(
                JANE,
                "list",
                api_version="*",
                resource="pods",
                field_selector=(("metadata.name", "!=", "x"), ("spec.nodeName", "=", "n1")),
                label_selector=(("a", "In", ("b", "c")), ("d", "DoesNotExist", ())),
            ),
        ),
        (
            "authorizer.group('').resource('pods').fieldSelector('what').labelSelector('!!').check('list')",
            Attributes(JANE, "list", api_version="*", resource="pods"),
        ),
        (
            "authorizer.serviceAccount('shop', 'web').path('/').check('get')",
            Attributes(
                UserInfo("system:serviceaccount:shop:web", groups=("system:serviceaccounts", "system:serviceaccounts:shop")),
                "get",
                is_resource=False,
                path="/",
            ),
        ),
    ],
)
def test_the_authorizer_is_asked_once_for_exactly_this(text: str, expected: Attributes) -> None:
    asked = Asked()
    program = Environment(36, {"authorizer": AUTHORIZER_TYPE}).compile(f"{text}.allowed()")
    outcome = program.evaluate({"authorizer": AuthorizerValue(JANE, asked)})
    assert outcome.value is True
    assert asked.attributes == [expected]


def test_an_expression_has_room_for_two_questions() -> None:
    asked = Asked()
    question = "authorizer.path('/').check('get').allowed()"
    program = Environment(36, {"authorizer": AUTHORIZER_TYPE}).compile(" && ".join([question] * 3))
    with pytest.raises(CostExceeded):
        program.evaluate({"authorizer": AuthorizerValue(JANE, asked)})
    assert program.estimate().least >= 350_000


@pytest.mark.parametrize(
    "text",
    [
        "lists.range(1000000000000)",
        "lists.range(100000).map(x, 1).distinct()",
        "lists.range(5000).distinct()",
        "lists.range(5000).sort()",
        "lists.range(5000).sortBy(x, -x)",
        "sets.contains(lists.range(5000), lists.range(5000))",
        "sets.intersects(lists.range(5000), lists.range(5000).map(x, -x - 1))",
        "sets.equivalent(lists.range(5000), lists.range(5000))",
    ],
)
def test_what_nobody_can_pay_for_is_not_done_first(text: str) -> None:
    with pytest.raises(CostExceeded):
        Environment(36).compile(text).evaluate({})


def shared(depth: int, width: int, leaf: Any) -> Any:
    """A list with `width ** depth` leaves that takes no room."""
    value = leaf
    for _ in range(depth):
        value = [value] * width
    return value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ext_lists.flatten(shared(20, 4, 1), 20), "list of more than"),
        (lambda: string_format.format_text("%s", [shared(20, 4, "a")]), "text of more than"),
        (lambda: string_format.format_text("%s", [shared(20, 4, [])]), "text of more than"),
        (lambda: string_format.format_text("%s" * 2000, ["a" * 10_000] * 2000), "text of more than"),
        (lambda: strings.replace("a" * 10_000, "", "b" * 10_000), "text of more than"),
        (lambda: strings.replace("a" * 10_000, "a", "b" * 10_000), "text of more than"),
        (lambda: strings.join(["a" * 10_000] * 10_000), "text of more than"),
        (lambda: strings.join([""] * 10_000, "a" * 10_000), "text of more than"),
    ],
    ids=["flatten", "format of leaves", "format of nothing", "format", "replace nothing", "replace", "join", "join by"],
)
def test_what_memory_has_no_room_for_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(CelError, match=message):
        call()


def test_texts_up_to_the_limit_are_made() -> None:
    assert len(strings.replace("a" * 4096, "a", "b" * (MAX_TEXT // 4096))) == MAX_TEXT


@pytest.mark.parametrize("leaf", ["a" * 20, [], 1])
def test_counting_what_a_value_consists_of_ends(leaf: Any) -> None:
    with pytest.raises(CostExceeded):
        of_all_values([shared(20, 4, leaf)], None)


@pytest.mark.parametrize(
    ("value", "cost"),
    [
        ([], 0),
        ([1, 2.0, True, None], 4),
        ("a" * 29, 2),
        ("é" * 15, 3),
        (b"a" * 30, 3),
        ({"a" * 10: [1, "b" * 10]}, 3),
        ([["a"], {"b": "c"}], 0),
    ],
)
def test_values_are_counted_by_what_they_consist_of(value: Any, cost: int) -> None:
    assert of_all_values([value], None) == cost


PATCHING = Environment(36, {"any": types.DYN}, libraries=(jsonpatch.JSON_PATCHES,), types=jsonpatch.MADE_TYPES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Object{spec: Object.spec{replicas: 3}}", {"spec": {"replicas": 3}}),
        ("Object.metadata.labels{app: 'a'}", {"app": "a"}),
        ("Object{?a: optional.none(), b: 1}", {"b": 1}),
        ("Object{a: 1}.b", None),
        ("has(Object{a: 1}.b)", False),
        ("JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/y~z'), value: [1]}", {"op": "add", "path": "/a/x~1y~0z", "value": [1]}),
        ("JSONPatch{op: 'remove'}.path", ""),
        ("JSONPatch{op: 'remove'}.value", None),
        ("has(JSONPatch{op: ''}.op)", False),
        ("has(JSONPatch{value: ''}.value)", True),
        ("[JSONPatch{op: 'a'}, JSONPatch{op: 'b'}].map(p, p.op)", ["a", "b"]),
        ("optional.ofNonZeroValue(JSONPatch{}).hasValue()", True),
        ("optional.ofNonZeroValue(Object{}).hasValue()", False),
    ],
)
def test_mutating_policies_make_objects(text: str, value: Any) -> None:
    assert PATCHING.compile(text).evaluate({"any": 1}).value == value


def test_objects_that_were_made_know_their_type() -> None:
    made = PATCHING.compile("Object{spec: Object.spec{}}").evaluate({}).value
    assert isinstance(made, Instance)
    assert (made.type_name, made["spec"].type_name) == ("Object", "Object.spec")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Objects{}", "undeclared reference to 'Objects'"),
        ("JSONPatch{what: 1}", "expected type of field 'what' is '' but provided type is 'int'"),
        ("JSONPatch{op: 1}", "expected type of field 'op' is 'string' but provided type is 'int'"),
    ],
)
def test_what_is_no_object_of_theirs_is_refused(text: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        PATCHING.compile(text)


@pytest.mark.parametrize(
    ("value", "name"), [(1, "int64"), (None, "structpb.NullValue"), ([], "[]ref.Val"), ({}, "map[ref.Val]ref.Val"), (1.5, "float64")]
)
def test_a_patch_has_texts_where_it_needs_them(value: Any, name: str) -> None:
    with pytest.raises(CelError) as caught:
        PATCHING.compile("JSONPatch{op: any}").evaluate({"any": value})
    assert str(caught.value) == f"unexpected type {name} for JSONPatchType 'op' field"


def test_made_types_are_found_by_name() -> None:
    known: Mapping[str, types.Type] = jsonpatch.MADE_TYPES
    assert list(known) == ["JSONPatch", "Object"]
    assert len(known) == 2
    assert known["Object.a.b"].name == "Object.a.b"
    assert "Object.a" in known
    assert known.get("Objects") is None
    assert known.get("JSONPatch.a") is None


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [("1.5", "500m", "2"), ("1Ki", "1", "1025"), ("0", "1Ki", "1Ki"), ("1k", "1Ki", "2024"), ("9e18", "9e18", "18e18"), ("1", "-1", "0")],
)
def test_quantities_add_exactly(left: str, right: str, total: str) -> None:
    made = quantity.add(quantity.parse_quantity(left), quantity.parse_quantity(right))
    assert str(made) == total


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("5k", 5000),
        ("1Ti", 1 << 40),
        ("1Pi", None),
        ("9e18", 9 * 10**18),
        ("1.0", None),
        ("1000m", None),
        ("10e18", None),
        ("8Ei", None),
        ("1234567890123456789", None),
    ],
)
def test_only_small_quantities_that_are_written_whole_are_integers(text: str, number: int | None) -> None:
    assert quantity.integer_of(quantity.parse_quantity(text)) == number


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INTS = st.integers(-(1 << 63), (1 << 63) - 1)


@given(TEXT, st.text(st.characters(codec="utf-8"), min_size=1, max_size=2))
@settings(max_examples=50)
def test_what_is_split_can_be_joined_again(text: str, separator: str) -> None:
    assert strings.join(strings.split(text, separator), separator) == text


@given(TEXT, TEXT)
@settings(max_examples=50)
def test_a_part_is_where_it_is_said_to_be(text: str, part: str) -> None:
    first, last = strings.index_of(text, part), strings.last_index_of(text, part)
    assert (first >= 0) is (last >= 0) is (part in text)
    if first >= 0:
        assert first <= last
        assert strings.substring(text, first).startswith(part)
        assert strings.substring(text, last).startswith(part)


@given(st.lists(INTS, max_size=20))
@settings(max_examples=50)
def test_sorting_keeps_what_there_is(values: list[int]) -> None:
    assert ext_lists.sort(values) == sorted(values)
    assert ext_lists.sort_by(values, [-each for each in values]) == sorted(values, reverse=True)
    assert ext_lists.reverse(ext_lists.reverse(values)) == values
    assert sorted(ext_lists.distinct(values)) == sorted(set(values))


@given(st.binary(max_size=20))
@settings(max_examples=50)
def test_base64_is_read_as_it_is_written(value: bytes) -> None:
    text = encoders.encode(value)
    assert encoders.decode(text) == encoders.decode(text.rstrip("=")) == value


@given(st.ip_addresses())
@settings(max_examples=50)
def test_addresses_are_read_as_they_are_written(address: Any) -> None:
    text = str(address)
    if getattr(address, "ipv4_mapped", None) is not None or getattr(address, "scope_id", None) is not None:
        assert not ip.is_ip(text)
        return
    assert ip.is_canonical(text)
    assert cidr.contains_ip(cidr.masked(cidr.parse_cidr(f"{text}/7")), ip.parse_ip(text))


@given(
    st.lists(st.from_regex(r"(0|[1-9][0-9]{0,3})\.(0|[1-9])\.(0|[1-9])(-[a-z]{1,2}(\.[1-9])?)?", fullmatch=True), min_size=2, max_size=3)
)
@settings(max_examples=50)
def test_versions_have_an_order(texts: list[str]) -> None:
    first, second, *_ = versions = [semver.parse_semver(each) for each in texts]
    assert semver.compare(first, second) == -semver.compare(second, first)
    assert [str(each) for each in versions] == texts
    assert all(semver.compare(each, each) == 0 for each in versions)


@given(st.from_regex(r"(https?://[a-z]{1,3}(:[0-9]{1,3})?)?/[ -~é]{0,8}", fullmatch=True))
@settings(max_examples=100)
def test_a_url_is_read_as_it_is_written(source: str) -> None:
    try:
        url = url_parsing.parse(source)
    except url_parsing.UrlError:
        return
    again = url_parsing.parse(url_parsing.text(url.written()))
    assert again.written() == url.written()
    assert again.parameters() == url.parameters()


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 12))
@settings(max_examples=100)
def test_doubles_are_formatted_as_near_as_can_be(number: float, precision: int) -> None:
    text = string_format.format_text(f"%.{precision}f", [number])
    assert math.isclose(float(text.replace(",", "")), number, rel_tol=1e-9, abs_tol=10.0**-precision)
