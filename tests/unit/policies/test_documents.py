"""YAML and JSON as values, within bounds, each with its place."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.lab.documents import Broken, documents
from policies.lab.yaml_values import MAX_VALUES

SUITE = b"""\
name: x
cases:
- name: first
  expect: {allowed: true}
- name: "second"
  object:
    metadata:
      labels: {a: b}
"""
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f\x85"), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def only(text: bytes) -> object:
    (found,) = documents("f.yaml", text)
    return found.value


@settings(max_examples=60)
@given(VALUES.filter(lambda value: value is not None))
def test_what_yaml_writes_is_read_as_it_was(value: object) -> None:
    """Scalars in quotes, with tags, for what a plain one is, YAML's versions differ about."""
    assert only(yaml.safe_dump(value, allow_unicode=True, default_style='"').encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            b"a: yes\nb: 'yes'\nc: 0o17\nd: 1_000\ne: ~\nf: 2024-01-02",
            {"a": True, "b": "yes", "c": 15, "d": 1000, "e": None, "f": "2024-01-02"},
        ),
        (b"base: &b {v: 1, w: 2}\nown: {<<: *b, w: 3}", {"base": {"v": 1, "w": 2}, "own": {"v": 1, "w": 3}}),
        (b"a: &a [1]\nb: *a", {"a": [1], "b": [1]}),
        (b"1: a\ntrue: b", {"1": "a", "true": "b"}),
        (b'{"a": [1, "x"]}', {"a": [1, "x"]}),
        (b"{a: 1}", {"a": 1}),
    ],
)
def test_scalars_are_read_as_manifests_are(text: bytes, value: object) -> None:
    assert only(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"a: [", "f.yaml:2:1: it is no YAML: did not find expected node content"),
        (b"a: 1\na: 2", 'f.yaml:2:1: key "a" is there twice'),
        (b"a: &x [*x]", 'f.yaml:1:8: alias "x" stands for what it is a part of'),
        (b"a: *x", 'f.yaml:1:4: alias "x" stands for nothing above it'),
        (b"a: !!python/object:os.system x", "f.yaml:1:4: yaml: cannot convert a value with tag tag:yaml.org,2002:python/object:os.system"),
        (b"a: .nan", "f.yaml:1:4: json: unsupported value: NaN"),
        (b"{a: 1}: 2", "f.yaml:1:1: Unsupported map key of type: dict, key: {'a': 1}"),
        (b"<<: 1", 'f.yaml:1:1: only mappings can be merged by "<<"'),
        (b"[" * 300, "f.yaml:1:201: it nests deeper than 200 levels"),
        (b"a: \xff", "f.yaml: it is no YAML: invalid leading UTF-8 octet"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_place(text: bytes, told: str) -> None:
    with pytest.raises(Broken) as broken:
        documents("f.yaml", text)
    assert str(broken.value) == told


def test_a_few_aliases_do_not_stand_for_millions_of_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(Broken, match=f"more than {MAX_VALUES} values"):
        documents("f.yaml", "\n".join(lines).encode())


def test_aliases_do_not_nest_without_end() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 250))]
    with pytest.raises(Broken, match="nests deeper than 200 levels"):
        documents("f.yaml", "\n".join(lines).encode())


@pytest.mark.parametrize(
    ("steps", "key", "told"),
    [
        (("cases", 0, "expect", "allowed"), False, "f.yaml:4:21: cases[0].expect.allowed"),
        (("cases", 1, "name"), True, "f.yaml:5:3: cases[1].name"),
        (("cases", 1, "object", "metadata", "labels", "a"), False, "f.yaml:8:19: cases[1].object.metadata.labels.a"),
        (("cases", 7), False, "f.yaml:3:1: cases[7]"),
        ((), False, "f.yaml:1:1"),
    ],
)
def test_places_are_lines_and_columns(steps: tuple[str | int, ...], key: bool, told: str) -> None:
    (document,) = documents("f.yaml", SUITE)
    assert str(document.place(steps, key=key)) == told


def test_empty_documents_are_none_and_places_are_those_of_their_own_document() -> None:
    first, second = documents("f.yaml", b"---\na: 1\n---\n---\nb: 2\n")
    assert (first.value, second.value) == ({"a": 1}, {"b": 2})
    assert str(second.place(("b",))) == "f.yaml:5:4: b"
