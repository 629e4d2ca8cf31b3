"""Label and field selectors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import selectors as s
from cluster.api.validation import is_qualified_name

KEYS = st.sampled_from(["a", "b", "example.com/c"])
VALUES = st.sampled_from(["", "x", "y", "in", "notin", "1", "22"])
LABELS = st.dictionaries(KEYS, VALUES)


@st.composite
def requirements(draw: st.DrawFn) -> s.Requirement:
    operator = draw(st.sampled_from([s.IN, s.NOT_IN, s.EQUALS, s.NOT_EQUALS, s.EXISTS, s.DOES_NOT_EXIST, s.GREATER_THAN, s.LESS_THAN]))
    if operator in (s.IN, s.NOT_IN):
        values = draw(st.sets(VALUES, min_size=1))
    elif operator in (s.GREATER_THAN, s.LESS_THAN):
        values = {draw(st.sampled_from(["1", "5", "30"]))}
    else:
        values = {draw(VALUES)} if operator in (s.EQUALS, s.NOT_EQUALS) else set()
    return s.new_requirement(draw(KEYS), operator, tuple(values))


@given(st.lists(requirements(), max_size=4))
def test_what_is_printed_is_parsed_back(found: list[s.Requirement]) -> None:
    selector = s.LabelSelector(tuple(sorted(found, key=lambda each: each.key)))
    assert s.parse_label_selector(str(selector)) == selector


OPPOSITES = [(s.IN, s.NOT_IN), (s.EQUALS, s.NOT_EQUALS), (s.EXISTS, s.DOES_NOT_EXIST)]


@given(st.sampled_from(OPPOSITES), KEYS, VALUES, LABELS)
def test_a_negation_selects_the_rest(pair: tuple[str, str], key: str, value: str, labels: dict[str, str]) -> None:
    values = () if pair[0] == s.EXISTS else (value,)
    positive, negative = (s.LabelSelector((s.Requirement(key, operator, values),)) for operator in pair)
    assert positive.matches(labels) is not negative.matches(labels)


@pytest.mark.parametrize(
    ("text", "labels", "matches"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a!=b", {}, True),
        ("a in (b, c),!d", {"a": "c"}, True),
        ("a notin (b)", {"a": "b"}, False),
        ("a", {"a": ""}, True),
        ("a=", {"a": ""}, True),
        ("a in (,b)", {"a": ""}, True),
        ("a>1", {"a": "2"}, True),
        ("a>1", {"a": "x"}, False),
        ("a<1", {}, False),
        ("in=in", {"in": "in"}, True),
    ],
)
def test_labels(text: str, labels: dict[str, str], matches: bool) -> None:
    assert s.parse_label_selector(text).matches(labels) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,", "found '', expected: identifier after ','"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a=(", "unable to parse requirement: found '(', expected: identifier"),
        ("a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ("-a=b", f'unable to parse requirement: <nil>: Invalid value: "-a": {"; ".join(is_qualified_name("-a"))}'),
    ],
)
def test_what_is_no_label_selector(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # compared whole
        s.parse_label_selector(text)
    assert str(caught.value) == message


def test_selectors_of_objects() -> None:
    selector = s.from_label_selector({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]})
    assert str(selector) == "a=b,c"
    assert selector.matches({"a": "b", "c": ""})
    assert not selector.matches({"a": "b"})
    assert s.from_label_selector({}).empty
    assert not s.from_label_selector(None).matches({"a": "b"})
    assert s.from_set({"a": "b"}).matches({"a": "b", "c": "d"})


def test_an_unknown_operator_of_an_object_is_refused() -> None:
    with pytest.raises(ValueError, match='"Like" is not a valid label selector operator'):
        s.from_label_selector({"matchExpressions": [{"key": "a", "operator": "Like"}]})


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("", []),
        ("b=1,a!=2", [("a", "!=", "2"), ("b", "=", "1")]),
        ("a==1", [("a", "=", "1")]),
        (r"a=x\,y\=z\\", [("a", "=", "x,y=z\\")]),
        (",a=1,", [("a", "=", "1")]),
    ],
)
def test_fields(text: str, requirements: list[tuple[str, str, str]]) -> None:
    assert list(s.parse_field_selector(text).requirements) == requirements


@given(st.dictionaries(st.sampled_from(["a", "b.c"]), st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_field_values_are_escaped_and_back(wanted: dict[str, str]) -> None:
    selector = s.FieldSelector(tuple(s.FieldRequirement(name, "=", value) for name, value in sorted(wanted.items())))
    assert set(s.parse_field_selector(str(selector)).requirements) == set(selector.requirements)
    assert selector.matches(wanted)


def test_fields_that_are_absent_are_empty() -> None:
    selector = s.parse_field_selector("spec.nodeName=,status.phase!=Failed")
    assert selector.matches({"status.phase": "Running"})
    assert selector.matches(lambda name: "")
    assert not selector.matches({"status.phase": "Failed"})
    assert selector.exact("spec.nodeName") == ""
    assert selector.exact("status.phase") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
        (r"a=\x", "invalid field selector: invalid escape sequence: \\x"),
        ("a=b\\", "invalid field selector: invalid escape sequence: \\"),
    ],
)
def test_what_is_no_field_selector(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # compared whole
        s.parse_field_selector(text)
    assert str(caught.value) == message
