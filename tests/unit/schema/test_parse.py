"""Bodies: what is taken, what is refused, and how."""

from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.errors import BadRequest
from cluster.schema.parse import MAX_DEPTH, parse_json, parse_yaml


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b"{", "unexpected end of JSON input"),
        (b'{"a', "unexpected end of JSON input"),
        (b"nul", "unexpected end of JSON input"),
        (b"kind: Pod", "invalid character 'k' looking for beginning of value"),
        (b"[1,]", "invalid character ']' looking for beginning of value"),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (b"01", "invalid character '1' after top-level value"),
        (b'{"a":tru}', "invalid character '}' in literal true (expecting 'e')"),
        (b'"\x01"', r"invalid character '\x01' in string literal"),
        (b'"a\nb"', r"invalid character '\n' in string literal"),
        (b'"\\q"', "invalid character 'q' in string escape code"),
        (b'"\\u12g4"', r"invalid character 'g' in \u hexadecimal character escape"),
        (b"-x", "invalid character 'x' in numeric literal"),
        (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
        (b"1ex", "invalid character 'x' in exponent of numeric literal"),
        (b"[" * 100_000, "exceeded max depth"),
        (b"[" * 300 + b"]" * 300, "exceeded max depth"),
        (b"1e999", "json: cannot unmarshal number into Go value of type float64"),
    ],
)
def test_malformed_json(data: bytes, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_json(data)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"),
        (
            b'{"kind":"Pod","metadata":{"name":x',
            "couldn't get version/kind; json parse error: invalid character 'x' looking for beginning of value "
            '({"kind":"Pod","metadata":{"nam ...)',
        ),
        (
            b"[]",
            "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type "
            r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (5b5d)',
        ),
    ],
)
def test_a_malformed_object(data: bytes, why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_json(data, "Pod")
    assert caught.value.message == f"the object provided is unrecognized (must be of type Pod): {why}"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":"\xff"}', {"a": "�"}),
        (b'{"a":"\\ud800"}', {"a": "�"}),
        (b' {"a": [1, 2.5, true, null]} ', {"a": [1, 2.5, True, None]}),
        (b"[" * 150 + b"]" * 150, None),
    ],
)
def test_what_is_taken(data: bytes, value: Any) -> None:
    parsed, duplicates = parse_json(data)
    assert value is None or parsed == value
    assert duplicates == []


@pytest.mark.parametrize(
    ("data", "duplicates"),
    [
        (b'{"a":1,"b":2}', []),
        (b'{"a":1,"a":2}', ["a"]),
        (b'{"s":{"a":1,"a":2,"a":3},"l":[{"b":1,"b":1}]}', ["s.a", "l[0].b"]),
        (b'{"a":"\\":","b":"x:y"}', []),
        (b'{"a" : 1, "a" : 2}', ["a"]),
        (b'{"a" : 1, "a": 2}', ["a"]),
        (b'{"a":1,"a":2,"b":"\\u0022:"}', ["a"]),
        (b'{"a":1,"a":2,"b":"\\"\\u003a"}', ["a"]),
    ],
)
def test_duplicates(data: bytes, duplicates: list[str]) -> None:
    assert parse_json(data, find_duplicates=True)[1] == [f'duplicate field "{path}"' for path in duplicates]


@given(st.binary(max_size=30))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    for parse in (parse_json, parse_yaml):
        refused, value = "", None
        try:
            value, _ = parse(data)
        except BadRequest as error:
            refused = error.message
        assert refused or orjson.dumps(value)


PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text("ab :-#{}[]'\"\n\t,&*!|>%@`", max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(PLAIN)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse_json(orjson.dumps(value)) == (value, [])


@given(PLAIN)
def test_yaml_is_read_as_it_was_written(value: Any) -> None:
    assert parse_yaml(yaml.safe_dump(value).encode())[0] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", True),
        ("a: y", True),
        ("a: Off", False),
        ("a: yE", "yE"),
        ("a: 'yes'", "yes"),
        ("a: 2026-01-01", "2026-01-01"),
        ("a: 12:30:45", "12:30:45"),
        ("a: 0644", 420),
        ("a: 0x1f", 31),
        ("a: 1e3", 1000.0),
        ("a: ~", None),
        ("a: &x [1]\nb: *x", [1]),
        ("a: {1: x, true: z}", {"1": "x", "true": "z"}),
    ],
)
def test_yaml_scalars(text: str, value: Any) -> None:
    assert parse_yaml(text.encode())[0]["a"] == value


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("[" * 100_000, "yaml: exceeded max depth"),
        (BOMB, "yaml: document contains excessive aliasing"),
        ("a: &a [*a]", "yaml: exceeded max depth"),
        ("a: !!python/name:os.system x", "yaml: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'"),
    ],
)
def test_malformed_yaml(text: str, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_yaml(text.encode())
    assert caught.value.message == message


def test_yaml_duplicates_are_told_with_their_line() -> None:
    assert parse_yaml(b"a: 1\nb: 2\na: 3\n", find_duplicates=True)[1] == ['yaml: unmarshal errors:\n  line 3: key "a" already set in map']


def test_the_encoder_can_write_what_the_parser_takes() -> None:
    deepest = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert orjson.dumps({"items": [parse_json(deepest)[0]]})


@pytest.mark.parametrize("inner", [b'{"a":%s}', b"[%s]", b'["x",{},[],%s,[1]]', b'{"x":"y","b":[],"a":%s,"c":{}}'])
def test_depth_is_that_of_the_deepest_member(inner: bytes) -> None:
    def nested(levels: int) -> bytes:
        data = b"1"
        for _ in range(levels):
            data = inner % data
        return b'{"shallow":[{},[]],"deep":%s,"text":"{[{["}' % data

    assert parse_json(nested(MAX_DEPTH - 5))[1] == []
    with pytest.raises(BadRequest, match="exceeded max depth"):
        parse_json(nested(MAX_DEPTH + 5))


def test_a_merged_key_may_be_given_again() -> None:
    assert parse_yaml(b"x: &x {q: 1, r: 2}\nz:\n  <<: *x\n  q: 3\n", find_duplicates=True)[0]["z"] == {"q": 3, "r": 2}
    assert parse_yaml(b"x: &x {q: 1}\nz:\n  <<: *x\n  q: 3\n", find_duplicates=True)[1] == []
