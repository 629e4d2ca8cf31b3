"""What fits a schema is what cerberus has nothing against."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from cerberus import Validator
from cerberus.schema import UnvalidatedSchema
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.lab.fitting import fits
from policies.lab.format import SCHEMAS

WHOLE: dict[str, dict[str, Any]] = {
    "suite": {
        "name": "s",
        "kubernetesVersions": ["1.36"],
        "policies": ["p.yaml"],
        "world": {"namespaces": {"a": {"b": "c"}, "d": None}, "files": ["w.yaml"], "objects": [{"kind": "Pod"}]},
        "options": {"admissionConfiguration": "a.yaml", "featureGates": {"A": True}, "serviceAccountKeys": ["k"]},
        "webhooks": {"w": {"allowed": False, "status": {"message": "", "code": 400}, "auditAnnotations": {"a": ""}, "patch": [{}]}},
        "defaults": {"verb": "create", "as": {"user": "jane", "groups": ["g"], "extra": {"a": ["b"]}, "impersonate": {"user": "j"}}},
        "cases": [{}],
    },
    "case": {
        "name": "c",
        "as": "admin",
        "path": "/healthz",
        "object": {"kind": "Pod"},
        "patch": {"type": "json", "body": []},
        "query": {"a": ["b"], "c": "d"},
        "dryRun": None,
        "expect": {"allowed": False, "stage": "admission", "validation": 0, "code": 422, "warnings": [""], "message": ""},
        "each": [{}],
    },
    "row": {"verb": "update", "subresource": "status", "expect": {"validation": "a"}},
}
OTHERS: tuple[Any, ...] = (
    None,
    True,
    0,
    99,
    600,
    1.5,
    "",
    "a",
    "/a\n",
    "create",
    "1.36\n",
    [],
    ["a"],
    [None],
    {},
    {"a": "b"},
    {"": "b"},
    {"user": ""},
)


def judged(sort: str, value: Any) -> bool:
    return bool(Validator(UnvalidatedSchema(SCHEMAS[sort])).validate(value, normalize=False))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(each, (*path, key))


@pytest.mark.parametrize("sort", WHOLE)
def test_what_is_right_fits(sort: str) -> None:
    assert judged(sort, WHOLE[sort])
    assert fits(WHOLE[sort], SCHEMAS[sort])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_fits_is_what_cerberus_takes(data: st.DataObject) -> None:
    sort = data.draw(st.sampled_from(sorted(WHOLE)))
    changed = copy.deepcopy(WHOLE[sort])
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from(list(places(changed))))
        inside: Any = changed
        for step in path:
            inside = inside[step]
        if data.draw(st.booleans()):
            inside[last] = copy.deepcopy(data.draw(st.sampled_from(OTHERS)))
        elif isinstance(inside, dict):
            inside[data.draw(st.sampled_from(("name", "user", "allowed", "strange")))] = inside.pop(last)
    assert fits(changed, SCHEMAS[sort]) == judged(sort, changed)
