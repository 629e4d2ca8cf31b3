"""Golden pairs: what a new object is stored as.  `BERTH_UPDATE=1` (make update) rewrites the outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

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
