"""JSON patch."""

from typing import Any

import pytest
from hypothesis import given

from cluster.api.errors import BadRequest, RequestEntityTooLarge, StatusError
from cluster.api.meta import deep_copy
from cluster.patch import json_patch
from cluster.patch.merge_patch import same
from tests.unit.patch.test_merge_patch import OBJECTS

DOCUMENT = {"a": [1, 2, 3], "b": {"c": "d", "e/f": 1, "g~h": 2}, "n": None}


@pytest.mark.parametrize(
    ("operations", "changed"),
    [
        ([], {}),
        ([{"op": "add", "path": "/x", "value": 1}], {"x": 1}),
        ([{"op": "add", "path": "/a/1", "value": 9}], {"a": [1, 9, 2, 3]}),
        ([{"op": "add", "path": "/a/-", "value": 9}], {"a": [1, 2, 3, 9]}),
        ([{"op": "add", "path": "/a/-1", "value": 9}], {"a": [1, 2, 3, 9]}),
        ([{"op": "remove", "path": "/a/0"}], {"a": [2, 3]}),
        ([{"op": "remove", "path": "/b/e~1f"}], {"b": {"c": "d", "g~h": 2}}),
        ([{"op": "replace", "path": "/b/g~0h", "value": 7}], {"b": {"c": "d", "e/f": 1, "g~h": 7}}),
        ([{"op": "replace", "path": "/a/-1", "value": 7}], {"a": [1, 2, 7]}),
        ([{"op": "replace", "path": "/x", "value": 7}], {"x": 7}),
        ([{"op": "move", "from": "/b/c", "path": "/a/0"}], {"a": ["d", 1, 2, 3], "b": {"e/f": 1, "g~h": 2}}),
        ([{"op": "copy", "from": "/a", "path": "/b/c"}], {"b": {"c": [1, 2, 3], "e/f": 1, "g~h": 2}}),
        ([{"op": "test", "path": "/a/1", "value": 2}], {}),
        ([{"op": "test", "path": "/n", "value": None}], {}),
        ([{"op": "test", "path": "/absent", "value": None}], {}),
        ([{"op": "add", "path": "/x", "value": None}], {"x": None}),
    ],
)
def test_operations(operations: Any, changed: Any) -> None:
    assert json_patch.apply(DOCUMENT, operations) == DOCUMENT | changed


@pytest.mark.parametrize(
    ("operation", "cause"),
    [
        ({"op": "add", "path": "/x/y", "value": 1}, 'add operation does not apply: doc is missing path: "/x/y": missing value'),
        ({"op": "add", "path": "", "value": 1}, 'add operation does not apply: doc is missing path: "": missing value'),
        (
            {"op": "add", "path": "/a/4", "value": 1},
            "error in add for path: '/a/4': Unable to access invalid index: 4: invalid index referenced",
        ),
        (
            {"op": "add", "path": "/a/x", "value": 1},
            "error in add for path: '/a/x': value was not a proper array index: 'x': strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        ({"op": "add", "value": 1}, "add operation failed to decode path: missing value"),
        ({"op": "remove", "path": "/x"}, "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value"),
        ({"op": "remove", "path": "/a/x"}, "error in remove for path: '/a/x': strconv.Atoi: parsing \"x\": invalid syntax"),
        ({"op": "replace", "path": "/a/3", "value": 1}, "replace operation does not apply: doc is missing key: /a/3: missing value"),
        ({"op": "replace", "path": "", "value": 1}, "replace operation value must be object or array: %!w(<nil>)"),
        ({"op": "replace", "value": 1}, "replace operation failed to decode path: operation missing path field: missing value"),
        ({"op": "move", "path": "/x"}, "move operation failed to decode from: operation, missing from field: missing value"),
        ({"op": "move", "from": "/x", "path": "/y"}, "error in move for path: 'x': Unable to remove nonexistent key: x: missing value"),
        (
            {"op": "move", "from": "/n", "path": "/a/9"},
            "error in move for path: '/a/9': Unable to access invalid index: 9: invalid index referenced",
        ),
        (
            {"op": "copy", "from": "/a/9", "path": "/x"},
            "error in copy for from: '/a/9': Unable to access invalid index: 9: invalid index referenced",
        ),
        (
            {"op": "copy", "from": "/n", "path": "/a/9"},
            "error while adding value during copy: Unable to access invalid index: 9: invalid index referenced",
        ),
        (
            {"op": "test", "path": "/a/9", "value": 1},
            "error in test for path: '/a/9': Unable to access invalid index: 9: invalid index referenced",
        ),
        ({"op": "test", "path": "/a/1", "value": "2"}, "testing value /a/1 failed: test failed"),
        ({"op": "test", "path": "/a/0", "value": True}, "testing value /a/0 failed: test failed"),
        ({"op": "jump", "path": "/a"}, "Unexpected kind: jump"),
        ({"op": ["add"], "path": "/a"}, "Unexpected kind: unknown"),
    ],
)
def test_what_does_not_apply_is_unprocessable(operation: Any, cause: str) -> None:
    with pytest.raises(StatusError) as caught:
        json_patch.apply(DOCUMENT, [operation])
    status = caught.value.status()
    assert (status["code"], status["reason"]) == (422, "Invalid")
    assert status["message"] == "the server rejected our request due to an error in our request"
    assert str(caught.value.__cause__) == cause


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({}, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
        ([1], "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
    ],
)
def test_a_patch_is_a_list_of_operations(patch: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        json_patch.apply({}, patch)
    assert caught.value.message == message


def test_the_number_of_operations_is_bounded() -> None:
    with pytest.raises(
        RequestEntityTooLarge, match="Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    ):
        json_patch.apply({}, [{"op": "add", "path": "/a", "value": 1}] * 10_001)


def test_copies_of_copies_are_bounded() -> None:
    patch = [{"op": "add", "path": "/a", "value": ["x" * 100]}] + [{"op": "copy", "from": "/a", "path": "/a/-"}] * 100
    with pytest.raises(StatusError) as caught:
        json_patch.apply({}, patch)
    assert "accumulated size increase of copy" in str(caught.value.__cause__)


def test_depth_is_bounded() -> None:
    patch = [{"op": "add", "path": "/a" * depth, "value": {}} for depth in range(1, 500)]
    with pytest.raises(StatusError) as caught:
        json_patch.apply({}, patch)
    assert caught.value.code == 422


@given(OBJECTS, OBJECTS)
def test_removing_all_and_adding_all_gives_the_target(old: Any, new: Any) -> None:
    before = deep_copy(old)
    patch = [{"op": "remove", "path": f"/{key}"} for key in old] + [{"op": "add", "path": f"/{key}", "value": new[key]} for key in new]
    assert same(json_patch.apply(old, patch), new)
    assert same(old, before)
