"""Golden pairs: what a new object is stored as.  `BERTH_UPDATE=1` (make update) rewrites the outputs."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.names import Object
from cluster.kinds.model import Strategy, SubresourceStrategy

from .conftest import created, kind_of

GOLDEN = Path(__file__).parent / "golden"
INPUTS = sorted(GOLDEN.glob("*.input.yaml"))


@pytest.mark.parametrize("source", INPUTS, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_new_object_is_defaulted_and_prepared(source: Path) -> None:
    target = source.with_name(source.name.replace(".input.", ".output."))
    obj = created(yaml.safe_load(source.read_text()))
    if os.environ.get("BERTH_UPDATE"):
        target.write_text(yaml.safe_dump(obj, sort_keys=True, width=140))
    assert obj == yaml.safe_load(target.read_text())


@pytest.mark.parametrize("source", INPUTS, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_what_is_stored_is_valid(source: Path) -> None:
    obj = created(yaml.safe_load(source.read_text()))
    assert kind_of(obj).strategy.validate(obj) == []


@pytest.mark.parametrize("source", INPUTS, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_defaulting_twice_changes_nothing(source: Path) -> None:
    once = created(yaml.safe_load(source.read_text()))
    kind = kind_of(once)
    twice = yaml.safe_load(yaml.safe_dump(once))
    kind.strategy.default(twice)
    assert twice == once


@pytest.mark.parametrize("source", INPUTS, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_writing_back_what_was_read_is_allowed(source: Path) -> None:
    old = created(yaml.safe_load(source.read_text()))
    new = yaml.safe_load(yaml.safe_dump(old))
    strategy = kind_of(old).strategy
    strategy.default(new)
    strategy.prepare_for_update(new, old)
    assert (strategy.validate_update(new, old), new) == ([], old)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything within, outermost first; an object's type and metadata are left out."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        if path or name not in ("apiVersion", "kind", "metadata"):
            yield (*path, name)
            yield from _places(member, (*path, name))


def _without(obj: Object, path: tuple[Any, ...]) -> Object:
    obj = copy.deepcopy(obj)
    holder: Any = obj
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return obj


@pytest.mark.parametrize("source", INPUTS, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_no_field_is_taken_for_granted(source: Path) -> None:
    old = created(yaml.safe_load(source.read_text()))
    strategy = kind_of(old).strategy
    endpoints: list[Strategy | SubresourceStrategy] = [strategy, *strategy.subresources.values()]
    for path in list(_places(old)):
        obj = created(_without(old, path))
        assert isinstance(strategy.validate(obj), list)
        assert strategy.cells is not None
        assert strategy.cells(obj)
        for where in endpoints:
            obj = _without(old, path)
            strategy.default(obj)
            where.prepare_for_update(obj, old)
            assert isinstance(where.validate_update(obj, old), list)
