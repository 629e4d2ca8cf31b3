"""The kinds of 1.36, the way that the registry runs a strategy, and a clock that stands still."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from cluster.api import meta
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.api.user import UserInfo
from cluster.kinds import printing
from cluster.kinds.catalog import Catalog, catalog
from cluster.kinds.model import Kind

NOW = datetime(2026, 11, 22, 23, 54, 46, tzinfo=UTC)
ADMIN = UserInfo("admin", "1", ("system:masters", "system:authenticated"))
KINDS: Catalog = catalog("1.36", ())


def kind_of(obj: Object) -> Kind:
    version = parse_api_version(obj["apiVersion"])
    kind = KINDS.by_kind(GroupVersionKind(version.group, version.version, obj["kind"]))
    assert kind is not None
    return kind


def created(obj: Object) -> Object:
    """The object as it is before validation: defaulted, relieved of its status, and prepared, in the registry's order."""
    obj, kind = copy.deepcopy(obj), kind_of(obj)
    strategy = kind.strategy
    strategy.default(obj)
    if "status" in kind.subresources and kind.gvk.kind != "Node":
        obj.pop("status", None)
    strategy.prepare_for_create(obj)
    if strategy.prepare_with_user is not None:
        strategy.prepare_with_user(obj, ADMIN)
    return obj


@pytest.fixture(autouse=True)
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "now", NOW.timestamp)
    monkeypatch.setattr(meta, "now", lambda: "2026-11-22T23:54:46Z")
