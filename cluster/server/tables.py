"""Objects as a client asked to see them: as rows of a Table, or their metadata alone.

Upstream: apiserver `pkg/endpoints/handlers/response.go`, `pkg/registry/rest/table.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from cluster.api.errors import BadRequest
from cluster.api.names import Object
from cluster.kinds.model import Column, Kind
from cluster.kinds.printing import age
from cluster.server.negotiation import PARTIAL, PARTIAL_LIST

_DEFAULT_COLUMNS: Final = (Column("Name", "string", "name", 0), Column("Created At", "date", "", 0))
INCLUDE: Final = ("None", "Metadata", "Object", "")


def columns(kind: Kind) -> list[Object]:
    """The column definitions of a kind."""
    return [
        {"name": each.name, "type": each.type, "format": each.format, "description": each.description, "priority": each.priority}
        for each in kind.columns or _DEFAULT_COLUMNS
    ]


def cells(kind: Kind, obj: Object) -> list[Any]:
    """The cells of one object."""
    own = kind.strategy.cells
    if own is not None:
        return own(obj)
    metadata = obj["metadata"]
    if not kind.columns:
        return [metadata.get("name", ""), metadata.get("creationTimestamp")]
    values = {"Name": metadata.get("name", ""), "Age": age(metadata.get("creationTimestamp"))}
    return [values.get(column.name, "<unknown>") for column in kind.columns]


def table(kind: Kind, version: str, objects: Iterable[Object], metadata: Object, include: str, *, headers: bool = True) -> bytes:
    """A Table of the objects; BadRequest for an unknown `includeObject`."""
    if include not in INCLUDE:
        raise BadRequest(f'unrecognized includeObject value: "{include}"')
    rows = []
    for obj in objects:
        row: Object = {"cells": cells(kind, obj)}
        conditions = kind.strategy.row_conditions(obj) if kind.strategy.row_conditions is not None else ()
        if conditions:
            row["conditions"] = conditions
        if include == "Object":
            row["object"] = obj
        elif include != "None":
            row["object"] = partial(obj, version)
        rows.append(row)
    return orjson.dumps(
        {
            "kind": "Table",
            "apiVersion": f"meta.k8s.io/{version}",
            "metadata": metadata,
            "columnDefinitions": columns(kind) if headers else None,
            "rows": rows,
        }
    )


def partial(obj: Object, version: str) -> Object:
    """The object's metadata alone."""
    return {"kind": PARTIAL, "apiVersion": f"meta.k8s.io/{version}", "metadata": obj["metadata"]}


def partial_list(objects: Iterable[Object], version: str, metadata: Object) -> bytes:
    items = [partial(obj, version) for obj in objects]
    return orjson.dumps({"kind": PARTIAL_LIST, "apiVersion": f"meta.k8s.io/{version}", "metadata": metadata, "items": items})
