"""Tables of what is refused, and in which words; the words are those of Kubernetes 1.36."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.names import Object

from .conftest import created, kind_of

HERE = Path(__file__).parent
REJECTED: list[Object] = yaml.safe_load((HERE / "rejected.yaml").read_text())
REFUSED: list[Object] = yaml.safe_load((HERE / "refused-updates.yaml").read_text())


def _name(row: Any) -> str:
    return str(row.get("object", row.get("old"))["kind"])


@pytest.mark.parametrize("row", REJECTED, ids=_name)
def test_creation_is_refused_with_all_faults(row: Object) -> None:
    obj = created(row["object"])
    assert sorted({str(error) for error in kind_of(obj).strategy.validate(obj)}) == sorted(set(row["errors"]))


@pytest.mark.parametrize("row", REFUSED, ids=_name)
def test_update_is_refused_with_all_faults(row: Object) -> None:
    old = created(row["old"])
    strategy = kind_of(old).strategy
    new = copy.deepcopy(old if row.get("subresource") else row["old"]) | copy.deepcopy(row["new"])
    strategy.default(new)
    where = strategy.subresources[row["subresource"]] if row.get("subresource") else strategy
    where.prepare_for_update(new, old)
    assert sorted({str(error) for error in where.validate_update(new, old)}) == sorted(set(row["errors"]))
