"""The strategy of a kind that is no more than its schema."""

from __future__ import annotations

from typing import Any

from cluster.api.names import Object
from cluster.kinds.model import Cells, Column, Strategy
from cluster.kinds.printing import age


def generic_strategy(columns: tuple[Column, ...] = (), *, has_generation: bool = True) -> Strategy:
    """Status is kept from writes of the main resource by the registry; the row is the name, the age, and nothing else."""
    return Strategy(cells=generic_cells(columns), has_generation=has_generation)


def generic_cells(columns: tuple[Column, ...]) -> Cells | None:
    """One cell for each column, filled by the column's name; None where the kind has no columns of its own."""
    if not columns:
        return None

    def cells(obj: Object) -> list[Any]:
        return [_cell(obj, column) for column in columns]

    return cells


def _cell(obj: Object, column: Column) -> Any:
    metadata = obj.get("metadata", {})
    if column.name == "Name":
        return metadata.get("name", "")
    if column.name == "Age":
        return age(metadata.get("creationTimestamp"))
    if column.name == "Created At":
        return metadata.get("creationTimestamp")
    return "<unknown>"
