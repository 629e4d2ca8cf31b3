"""Merging by types: what Kubernetes' own library made of the same values (recorded/*.jsonl), and laws."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.meta import deep_copy
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.patch import apply_configuration
from cluster.patch.structured.merging import merge
from cluster.patch.structured.validation import NotOfType, check
from cluster.schema.merge_types import MergeType, merge_type, schema_merge_type
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version("1.36")
RECORDED = Path(__file__).parent / "recorded"


def kind_of(version: str, kind: str) -> MergeType:
    found = merge_type(SCHEMAS, GroupVersionKind(*parse_api_version(version), kind))
    assert found is not None
    return found


POD = kind_of("v1", "Pod")
SET = kind_of("v1", "ConfigMap")


def recorded(name: str) -> list[Object]:
    return [orjson.loads(line) for line in (RECORDED / f"{name}.jsonl").read_bytes().splitlines()]


def outcome(case: Object) -> Object:
    kind, live, said = kind_of(case["version"], case["kind"]), case["live"], case["said"]
    try:
        if not case["plain"]:
            return {"result": apply_configuration.apply(kind, live, said)}
        for what, value, duplicates in (("live", live, True), ("patch", said, False)):
            try:
                check(kind, value, duplicates=duplicates)
            except NotOfType as error:
                return {"error": f"{what}: {error}"}
        return {"result": merge(kind, live, said)}
    except apply_configuration.NotApplied as error:
        return {"error": str(error)}


@pytest.mark.parametrize("case", recorded("merging"), ids=lambda case: f"{case['kind']}{'' if case['plain'] else ' applied'}")
def test_values_are_merged_as_upstream_merges_them(case: Object) -> None:
    before = deep_copy(case)
    expected = {key: case[key] for key in ("result", "error") if key in case}
    assert outcome(case) == expected
    assert case == before, "both values are left as they are"


@pytest.mark.parametrize("case", recorded("order"), ids=lambda case: f"{case['live']} and {case['said']}")
def test_elements_come_in_upstreams_order(case: Object) -> None:
    made = merge(SET, {"metadata": {"finalizers": list(case["live"])}}, {"metadata": {"finalizers": list(case["said"])}})
    assert "".join(made["metadata"]["finalizers"]) == case["merged"]


NAMES = st.sampled_from("abc")
CONTAINER = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "image": NAMES,
        "args": st.lists(NAMES, max_size=2),
        "ports": st.lists(
            st.fixed_dictionaries(
                {"containerPort": st.integers(1, 3)}, optional={"protocol": st.sampled_from(("TCP", "UDP")), "name": NAMES}
            ),
            max_size=3,
            unique_by=lambda port: (port["containerPort"], port.get("protocol", "TCP")),
        ),
    },
)
PODS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {},
            optional={"labels": st.dictionaries(NAMES, NAMES, max_size=3), "finalizers": st.lists(NAMES, max_size=3, unique=True)},
        ),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "containers": st.lists(CONTAINER, max_size=3, unique_by=lambda each: each["name"]),
                "nodeName": NAMES,
                "securityContext": st.fixed_dictionaries({}, optional={"runAsUser": st.integers(1, 3)}),
                "nodeSelector": st.dictionaries(NAMES, NAMES, max_size=2),
            },
        ),
    },
)


@settings(max_examples=60)
@given(PODS, PODS)
def test_merging_again_changes_nothing(live: Object, said: Object) -> None:
    once = merge(POD, live, said)
    assert merge(POD, once, said) == once
    assert merge(POD, live, live) == live


@settings(max_examples=60)
@given(PODS, PODS)
def test_what_is_said_is_there_afterwards_and_the_rest_stays(live: Object, said: Object) -> None:
    made = merge(POD, live, said)
    check(POD, made)
    for path, value in leaves(live).items():
        assert path in leaves(said) or leaves(made)[path] == value, path
    for path, value in leaves(said).items():
        assert leaves(made)[path] == value, path
    assert set(leaves(made)) <= set(leaves(live)) | set(leaves(said))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Paths of what is merged as a whole; elements by what tells them apart, and what is empty is nowhere."""
    found: dict[tuple[Any, ...], Any] = {}
    if isinstance(value, dict) and path[-1:] != ("nodeSelector",):
        for key, each in value.items():
            found |= leaves(each, (*path, key))
    elif isinstance(value, list) and path[-1] in ("containers", "ports"):
        for each in value:
            name = each["name"] if path[-1] == "containers" else (each["containerPort"], each.get("protocol", "TCP"))
            found |= leaves({key: member for key, member in each.items() if key != "protocol"}, (*path, name))
    elif isinstance(value, list) and path[-1] == "finalizers":
        found |= {(*path, each): True for each in value}
    else:
        found[path] = value
    return found


FREE_FORM = schema_merge_type(
    SCHEMAS,
    {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"known": {"type": "integer"}}}
        },
    },
)


@pytest.mark.parametrize(
    ("kind", "live", "said", "made"),
    [
        pytest.param(FREE_FORM, {"spec": {"a": {"b": 1}}}, {"spec": {"a": {"c": 2}}}, {"spec": {"a": {"b": 1, "c": 2}}}, id="unknown maps"),
        pytest.param(FREE_FORM, {"spec": {"a": [1, 2]}}, {"spec": {"a": [3]}}, {"spec": {"a": [3]}}, id="unknown lists are wholes"),
        pytest.param(FREE_FORM, {"spec": {"a": [1]}}, {"spec": {"a": {"b": 1}}}, {"spec": {"a": {"b": 1}}}, id="another type"),
        pytest.param(
            POD, {"spec": {"nodeName": "a"}}, {"spec": {"nodeName": None}}, {"spec": {"nodeName": None}}, id="a scalar may be null"
        ),
        pytest.param(POD, {"spec": {"nodeName": "a"}}, {"spec": None}, {"spec": {"nodeName": "a"}}, id="null says nothing of members"),
        pytest.param(
            POD, {"metadata": {"labels": {}}}, {"metadata": {"labels": None}}, {"metadata": {"labels": None}}, id="null for empty"
        ),
        pytest.param(
            kind_of("v1", "PersistentVolume"),
            {"spec": {"claimRef": {"name": "a", "namespace": "b"}}},
            {"spec": {"claimRef": {"name": "c"}}},
            {"spec": {"claimRef": {"name": "c", "namespace": "b"}}},
            id="a field says how its struct is merged",
        ),
    ],
)
def test_types_decide_what_is_merged(kind: MergeType, live: Object, said: Object, made: Object) -> None:
    check(kind, said)
    assert merge(kind, live, said) == made
