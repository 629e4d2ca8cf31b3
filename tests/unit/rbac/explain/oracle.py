"""What a kube-apiserver answered to thousands of access reviews: its world, its questions, its answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.api.user import UserInfo
from tests.support import ROOT
from tests.unit.rbac.world import World

FILE = ROOT / "tests" / "data" / "authorization-oracle.json"


@dataclass(frozen=True)
class Case:
    user: str
    groups: tuple[str, ...]
    spec: Object
    """The spec of the SubjectAccessReview."""
    allowed: bool
    reason: str

    @property
    def question(self) -> Attributes:
        who, path = UserInfo(self.user, groups=self.groups), self.spec.get("nonResourceAttributes")
        if path:
            return Attributes(who, path["verb"], is_resource=False, path=path["path"])
        asked = self.spec["resourceAttributes"]
        name = {"group": "api_group"}
        return Attributes(who, api_version="*", **{name.get(key, key): value for key, value in asked.items()})


@cache
def _data() -> Object:
    data: Object = json.loads(FILE.read_bytes())
    return data


def objects() -> list[Object]:
    """The roles and bindings."""
    return [*_data()["roles"], *_data()["bindings"]]


def world() -> World:
    made = World()
    made.add(*objects())
    return made


_FIELDS = ("verb", "group", "resource", "subresource", "namespace", "name")


@cache
def cases() -> tuple[Case, ...]:
    found = []
    for who, *asked, allowed, reason in _data()["questions"]:
        user, groups = _data()["users"][who]
        spec: Object = {"user": user, "groups": groups}
        if len(asked) == 2:
            spec["nonResourceAttributes"] = {"verb": asked[0], "path": asked[1]}
        else:
            spec["resourceAttributes"] = {name: value for name, value in zip(_FIELDS, asked, strict=True) if value}
        found.append(Case(user, tuple(groups), spec, allowed, _data()["reasons"][reason]))
    return tuple(found)
