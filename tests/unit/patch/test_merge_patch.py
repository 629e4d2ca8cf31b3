"""JSON merge patch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.errors import BadRequest
from cluster.api.meta import deep_copy
from cluster.patch import merge_patch

SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x"]))
KEYS = st.sampled_from("abcd")
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
PATCHES = st.dictionaries(KEYS, st.one_of(st.none(), VALUES, st.dictionaries(KEYS, st.one_of(st.none(), VALUES))))


@pytest.mark.parametrize(
    ("obj", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
    ],
)
def test_examples_of_the_standard(obj: Any, patch: Any, result: Any) -> None:
    assert merge_patch.apply(obj, patch) == result


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ([], "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ("x", "error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}"),
        (None, "Invalid JSON Patch"),
    ],
)
def test_a_patch_is_an_object(patch: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        merge_patch.apply({}, patch)
    assert caught.value.message == message


def diff(old: Any, new: Any) -> Any:
    """A patch that turns one object into another, provided that the other holds no null."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return deep_copy(new)
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, each in new.items():
        if key not in old:
            patch[key] = deep_copy(each)
        elif not merge_patch.same(old[key], each):
            patch[key] = diff(old[key], each)
    return patch


@given(OBJECTS, OBJECTS)
def test_a_difference_applied_gives_the_target(old: Any, new: Any) -> None:
    assert merge_patch.same(merge_patch.apply(old, diff(old, new)), new)


@given(OBJECTS, PATCHES)
def test_applied_twice_is_applied_once(obj: Any, patch: Any) -> None:
    once = merge_patch.apply(obj, patch)
    assert merge_patch.same(merge_patch.apply(once, patch), once)


@given(OBJECTS, PATCHES)
def test_neither_argument_changes(obj: Any, patch: Any) -> None:
    before = deep_copy(obj), deep_copy(patch)
    merged = merge_patch.apply(obj, patch)
    for value in merged.values():
        if isinstance(value, dict):
            value["changed"] = True
    assert (obj, patch) == before
