"""Which namespaces a change of rights concerns."""

from __future__ import annotations

import pytest

from cluster.api.names import Object
from cluster.server.tenant_watch import EVERYWHERE, AccessChanges


def _binding(namespace: str) -> Object:
    return {"metadata": {"name": "b", **({"namespace": namespace} if namespace else {})}}


class _Reader:
    """Tells of one role binding that exists, and of nothing else."""

    def get(self, *_: object) -> None:
        return None

    def list(self, *_: object) -> list[Object]:
        return []

    def subscribe(self, resource: object, callback: object) -> None:
        assert callable(callback)
        if str(resource).startswith("rolebindings"):
            callback(None, _binding("there"))


@pytest.mark.parametrize(
    ("changed", "seen", "concerned"),
    [([], 0, set()), (["a", "b", "a"], 0, {"a", "b"}), (["a", "b"], 1, {"b"}), (["a", "b"], 2, set()), (["a", ""], 1, {EVERYWHERE})],
)
def test_changes_concern_their_namespaces(changed: list[str], seen: int, concerned: set[str]) -> None:
    changes = AccessChanges()
    for namespace in changed:
        changes.changed(None, _binding(namespace))
    assert changes.since(seen) == concerned


def test_a_deletion_concerns_the_namespace_too() -> None:
    changes = AccessChanges()
    changes.changed(_binding("a"), None)
    assert changes.since(0) == {"a"}


def test_whoever_missed_more_than_is_remembered_looks_everywhere() -> None:
    changes = AccessChanges()
    for _ in range(5000):
        changes.changed(None, _binding("a"))
    assert changes.since(0) == {EVERYWHERE}
    assert changes.since(4999) == {"a"}


def test_roles_and_bindings_are_followed() -> None:
    assert AccessChanges.following(_Reader()).since(0) == {"there"}
