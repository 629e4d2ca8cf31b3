"""Namespaces that are made for what is created in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from admission.attributes import Attributes, Operation
from admission.plugins.namespace_auto_provision import NamespaceAutoProvision
from admission.plugins.namespace_lifecycle import NAMESPACES, NamespaceLifecycle
from cluster.api.errors import AlreadyExists, Forbidden, Invalid, ServiceUnavailable, StatusError
from cluster.api.names import GroupKind, GroupVersionKind, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

POD: Object = {"metadata": {"name": "web"}}


class Maker:
    """A Create that puts what it is given into the world, or fails."""

    def __init__(self, error: StatusError | None = None) -> None:
        self.world = World()
        self.world.put(NAMESPACES, {"metadata": metadata("there")})
        self.made: list[Object] = []
        self._error = error

    def __call__(self, gvk: GroupVersionKind, obj: Object) -> None:
        assert str(gvk) == "v1, Kind=Namespace"
        if self._error is not None:
            raise self._error
        self.made.append(obj)
        self.world.put(NAMESPACES, obj)

    def plugin(self) -> NamespaceAutoProvision:
        return NamespaceAutoProvision(self.world, self)


def test_a_missing_namespace_is_made() -> None:
    maker = Maker()
    maker.plugin().admit(write("CREATE", "pods", POD, namespace="new"))
    assert maker.made == [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}]


def test_the_plugins_after_it_find_the_namespace() -> None:
    maker = Maker()
    attributes = write("CREATE", "pods", POD, namespace="new")
    maker.plugin().admit(attributes)
    NamespaceLifecycle(maker.world).admit(attributes)
    assert maker.world.get(NAMESPACES, "", "new") is not None


def _dry(attributes: Attributes) -> Attributes:
    attributes.dry_run = True
    return attributes


@pytest.mark.parametrize(
    "attributes",
    [
        write("CREATE", "pods", POD, namespace="there"),
        write("CREATE", "nodes", POD),
        write("CREATE", "namespaces", {"metadata": {"name": "new"}}, namespace="new"),
        _dry(write("CREATE", "pods", POD, namespace="new")),
    ],
    ids=["there already", "cluster scope", "a namespace itself", "a dry run"],
)
def test_what_needs_no_namespace_gets_none(attributes: Attributes) -> None:
    maker = Maker()
    maker.plugin().admit(attributes)
    assert maker.made == []


def test_who_comes_second_is_content() -> None:
    maker = Maker(AlreadyExists.of(NAMESPACES, "new"))
    maker.plugin().admit(write("CREATE", "pods", POD, namespace="new"))
    assert maker.made == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (lambda: Forbidden.of(NAMESPACES, "new", "no"), 'namespaces "new" is forbidden: no'),
        (lambda: ServiceUnavailable("the store is gone"), 'pods "web" is forbidden: the store is gone'),
        (
            lambda: Invalid.of(GroupKind("", "Namespace"), "new", []),
            'pods "web" is forbidden: Namespace "new" is invalid',
        ),
    ],
)
def test_a_namespace_that_can_not_be_made_is_told_of(error: Callable[[], StatusError], message: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        Maker(error()).plugin().admit(write("CREATE", "pods", POD, namespace="new"))
    assert refusal.value.message == message


def test_only_creates_make_namespaces() -> None:
    assert [each for each in Operation if Maker().plugin().handles(each)] == [Operation.CREATE]
