"""Tolerations of several origins as one list.  Upstream: `pkg/util/tolerations/tolerations.go`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.api.names import Object


def merged(first: Sequence[Object], second: Sequence[Object]) -> list[Object]:
    """Both, in order, without those that another one covers; of equal ones the first stays."""
    every = [*first, *second]
    kept: list[Object] = []
    for position, each in enumerate(every):
        if any(covers(other, each) for other in kept):
            continue
        if any(covers(other, each) and not _equal(other, each) for other in every[position + 1 :]):
            continue
        kept.append(each)
    return kept


def covers(wide: Object, narrow: Object) -> bool:
    """Whether `wide` tolerates whatever `narrow` does, at least as long."""
    if _equal(wide, narrow):
        return True
    key, operator, value, effect, seconds = _parts(wide)
    other_key, other_operator, other_value, other_effect, other_seconds = _parts(narrow)
    if key != other_key and (key or operator != "Exists"):
        return False
    if effect not in ("", other_effect):
        return False
    if effect == "NoExecute" and seconds is not None and (other_seconds is None or other_seconds > seconds):
        return False
    if operator in ("", "Equal"):
        return bool(other_operator == "Equal" and value == other_value)
    return bool(operator == "Exists")


def _equal(one: Object, other: Object) -> bool:
    return _parts(one) == _parts(other)


def _parts(toleration: Object) -> tuple[str, str, str, str, Any]:
    key, operator, value, effect = (str(toleration.get(name) or "") for name in ("key", "operator", "value", "effect"))
    return key, operator, value, effect, toleration.get("tolerationSeconds")
