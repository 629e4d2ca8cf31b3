"""Strategic merge patch."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.errors import StatusError
from cluster.api.meta import deep_copy
from cluster.api.names import GroupVersionKind
from cluster.patch import strategic
from cluster.patch.merge_patch import same
from cluster.schema.model import SchemaSet
from cluster.schema.patch_meta import patch_meta

POD = patch_meta(SchemaSet.for_version("1.36"), GroupVersionKind("", "v1", "Pod"))
DEPLOYMENT = patch_meta(SchemaSet.for_version("1.36"), GroupVersionKind("apps", "v1", "Deployment"))


def containers(*names: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name} for name in names]}}


@pytest.mark.parametrize(
    ("obj", "patch", "result"),
    [
        pytest.param(
            {"spec": {"containers": [{"name": "a", "image": "1", "args": ["x"]}]}},
            {"spec": {"containers": [{"name": "a", "image": "2", "args": ["y"]}]}},
            {"spec": {"containers": [{"name": "a", "image": "2", "args": ["y"]}]}},
            id="members are merged by key, lists without a strategy are replaced",
        ),
        pytest.param(
            containers("a", "b", "c"),
            {"spec": {"containers": [{"name": "b", "image": "1"}, {"name": "d"}]}},
            {"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "1"}, {"name": "d"}, {"name": "c"}]}},
            id="new members come after those that the patch names before them",
        ),
        pytest.param(
            containers("a", "b"),
            {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}},
            containers("b"),
            id="a member is deleted by its key",
        ),
        pytest.param(
            containers("a", "b"),
            {"spec": {"containers": [{"name": "c"}, {"$patch": "replace"}]}},
            containers("c"),
            id="a list is replaced",
        ),
        pytest.param(
            containers("a", "b", "c"),
            {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}},
            containers("b", "c", "a"),
            id="an order alone; the unnamed keeps its place",
        ),
        pytest.param(
            containers("a", "b"),
            {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}], "containers": [{"name": "c"}]}},
            containers("c", "a", "b"),
            id="an order with a new member",
        ),
        pytest.param(
            {"spec": {"volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}]}},
            {"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}},
            {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}},
            id="retainKeys clears what it does not name",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"finalizers": ["c", "a"]}},
            {"metadata": {"finalizers": ["c", "a", "b"]}},
            id="lists of scalars with a strategy are united",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "z"]}},
            {"metadata": {"finalizers": ["b"]}},
            id="scalars are deleted by value",
        ),
        pytest.param(
            {"metadata": {"labels": {"a": "1", "b": "2"}}},
            {"metadata": {"labels": {"a": None, "c": "3", "d": None}}},
            {"metadata": {"labels": {"b": "2", "c": "3"}}},
            id="nulls delete, and are dropped where there is nothing to delete",
        ),
        pytest.param(
            {"spec": {"securityContext": {"runAsUser": 1}}},
            {"spec": {"securityContext": {"$patch": "replace", "runAsGroup": 2}}},
            {"spec": {"securityContext": {"runAsGroup": 2}}},
            id="a map is replaced",
        ),
        pytest.param(
            {"spec": {"securityContext": {"runAsUser": 1}}},
            {"spec": {"securityContext": {"$patch": "delete"}}},
            {"spec": {"securityContext": {}}},
            id="a map is emptied",
        ),
        pytest.param(
            {},
            {"spec": {"containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "image": None}]}},
            {"spec": {"containers": [{"name": "b"}]}},
            id="directives and nulls do not survive where nothing was",
        ),
        pytest.param(
            {"spec": {"tolerations": [{"key": "a"}]}},
            {"spec": {"tolerations": [{"key": "b"}]}},
            {"spec": {"tolerations": [{"key": "b"}]}},
            id="lists of maps without a merge key are replaced",
        ),
    ],
)
def test_merged(obj: Any, patch: Any, result: Any) -> None:
    assert strategic.apply(obj, patch, POD) == result


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        ([], 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ({"spec": {"containers": [{"image": "1"}]}}, 422, "map: map[image:1] does not contain declared merge key: name"),
        ({"spec": {"$patch": "mix"}}, 422, "unknown patch type: mix in map: map[$patch:mix]"),
        ({"spec": {"containers": [{"$patch": "merge"}]}}, 422, "merging lists cannot yet be specified in the patch"),
        ({"spec": {"$retainKeys": "containers"}}, 400, "invalid patch format of retainKeys"),
        ({"spec": {"$retainKeys": ["volumes"], "hostNetwork": True}}, 400, "invalid patch format of retainKeys"),
        ({"spec": {"$setElementOrder": [1]}}, 400, "invalid patch format of setElementOrder list"),
        ({"spec": {"$deleteFromPrimitiveList": [1]}}, 400, "invalid patch format of primitive list"),
        ({"spec": {"$setElementOrder/containers": 1}}, 422, "expected a []interface {}, but received a int64"),
        ({"spec": {"$setElementOrder/nothing": [1]}}, 422, 'unable to find api field in struct PodSpec for the json field "nothing"'),
        ({"spec": {"containers": ["a"]}}, 422, "list element types are not identical: [[map[name:a]] [a]]"),
        (
            {"spec": {"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "b"}]}},
            422,
            "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
        ),
    ],
)
def test_refused(patch: Any, code: int, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        strategic.apply(containers("a"), patch, POD)
    assert (caught.value.code, caught.value.message) == (code, message)


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)
CONTAINERS = NAMES.map(
    lambda names: {"spec": {"containers": [{"name": name, "image": name * 2} for name in names]}} if names else {"spec": {}}
)


@given(CONTAINERS, CONTAINERS)
def test_applied_twice_is_applied_once_and_nothing_is_lost(obj: Any, patch: Any) -> None:
    before = deep_copy(obj), deep_copy(patch)
    once = strategic.apply(obj, patch, POD)
    assert same(strategic.apply(once, patch, POD), once)
    assert [obj, patch] == list(before)
    names = {each["name"] for part in (obj, patch) for each in part["spec"].get("containers", [])}
    assert {each["name"] for each in once["spec"].get("containers", [])} == names


@given(NAMES, st.permutations("abcdef"))
def test_an_order_of_all_members_is_obeyed(names: list[str], order: list[str]) -> None:
    patch = {"spec": {"$setElementOrder/containers": [{"name": name} for name in order]}}
    result = strategic.apply(containers(*names), patch, POD)
    assert [each["name"] for each in result["spec"]["containers"]] == [name for name in order if name in names]


def test_templates_are_merged_in_depth() -> None:
    obj = {"spec": {"template": containers("a") | {"metadata": {"labels": {"app": "web"}}}}}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}]}}}}
    result = strategic.apply(obj, patch, DEPLOYMENT)
    assert result["spec"]["template"]["spec"]["containers"] == [{"name": "a", "env": [{"name": "X", "value": "1"}]}]
    assert result["spec"]["template"]["metadata"] == {"labels": {"app": "web"}}


def test_long_lists_take_no_longer_than_their_length() -> None:
    obj = {"metadata": {"finalizers": [f"a/{number}" for number in range(20_000)]}}
    patch = {"metadata": {"finalizers": [f"b/{number}" for number in range(20_000)]}}
    assert len(strategic.apply(obj, patch, POD)["metadata"]["finalizers"]) == 40_000
