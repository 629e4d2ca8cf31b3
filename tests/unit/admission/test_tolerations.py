"""Merging tolerations."""

from __future__ import annotations

import pytest

from admission.tolerations import merged
from cluster.api.names import Object

ALL: Object = {"operator": "Exists"}
ALL_NO_SCHEDULE: Object = {"operator": "Exists", "effect": "NoSchedule"}
FOO: Object = {"key": "foo", "operator": "Exists", "effect": "NoSchedule"}
FOO_ANY: Object = {"key": "foo", "operator": "Exists"}
FOO_BAR: Object = {"key": "foo", "operator": "Equal", "value": "bar", "effect": "NoSchedule"}
FOO_BAZ: Object = FOO_BAR | {"value": "baz"}


def evicting(seconds: int | None) -> Object:
    return {"key": "foo", "operator": "Exists", "effect": "NoExecute"} | ({} if seconds is None else {"tolerationSeconds": seconds})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], []),
        ([FOO], [], [FOO]),
        ([], [FOO], [FOO]),
        ([FOO_BAR], [FOO_BAZ], [FOO_BAR, FOO_BAZ]),
        ([FOO], [dict(FOO)], [FOO]),
        ([FOO], [FOO | {"value": ""}], [FOO]),
        ([FOO_BAR], [FOO], [FOO]),
        ([FOO], [FOO_BAR], [FOO]),
        ([FOO], [FOO_ANY], [FOO_ANY]),
        ([FOO_BAR, evicting(5)], [ALL], [ALL]),
        ([FOO, evicting(5)], [ALL_NO_SCHEDULE], [evicting(5), ALL_NO_SCHEDULE]),
        ([evicting(5)], [evicting(9)], [evicting(9)]),
        ([evicting(9)], [evicting(5)], [evicting(9)]),
        ([evicting(None)], [evicting(5)], [evicting(None)]),
        ([evicting(5)], [evicting(None)], [evicting(None)]),
        ([{"key": "foo"}], [{"key": "foo", "operator": "Equal"}], [{"key": "foo"}]),
        ([{"key": "n", "operator": "Gt", "value": "5"}], [{"key": "n", "operator": "Gt", "value": "9"}], None),
    ],
)
def test_what_another_one_covers_is_left_out(first: list[Object], second: list[Object], expected: list[Object] | None) -> None:
    assert merged(first, second) == ([*first, *second] if expected is None else expected)
