"""Explanations of small worlds, in short."""

from __future__ import annotations

from typing import Final

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.kinds.catalog import catalog
from rbac.authz.build import build_authorization
from rbac.explain.view import Sources
from rbac.explain.why import why
from tests.unit.rbac.world import World

CATALOG: Final = catalog("1.36", ())


def sources_of(*objects: Object) -> Sources:
    world = World()
    world.add(*objects)
    made = build_authorization(world)
    return Sources(made.authorizer, made.index, world, CATALOG)


def explained(question: Attributes, *objects: Object, only: str = "", limit: int = 5) -> Object:
    return why(question, sources_of(*objects), only=only, limit=limit)
