"""Whatever a body holds, once it is decoded, ends in an object or in a Status; never in another exception."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.api.errors import StatusError
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.schema.decode import decoder
from cluster.schema.model import SchemaSet
from tests.unit.kinds.workloads.world import DATA, created, strategy

SCHEMAS = SchemaSet.for_version("1.36")
SOURCES: list[Object] = [yaml.safe_load(path.read_text()) for path in sorted((DATA / "golden").glob("*.input.yaml"))]
STRANGE = (None, "", 0, -1, False, True, [], {}, [None], [{}], "x", "1Gi", "a b", 5, 1 << 40, [{"name": "x"}], "25%", "..", "UPPER")
Place = tuple[Any, ...]


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*place, name)
        yield from _places(member, (*place, name))


@st.composite
def _spoilt(draw: st.DrawFn) -> Object:
    """A good object, one or two of whose values are exchanged for strange ones."""
    obj = copy.deepcopy(draw(st.sampled_from(SOURCES)))
    for _ in range(draw(st.integers(1, 2))):
        places = [place for place in _places(obj) if place[0] not in ("kind", "apiVersion", "metadata")]
        if places:
            *outer, last = draw(st.sampled_from(places))
            holder = obj
            for name in outer:
                holder = holder[name]
            holder[last] = copy.deepcopy(draw(st.sampled_from(STRANGE)))
    return obj


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_spoilt(), st.sampled_from(SOURCES))
def test_a_strange_object_is_judged(source: Object, other: Object) -> None:
    group_version, name = parse_api_version(source["apiVersion"]), source["kind"]
    with contextlib.suppress(StatusError):
        decoded = decoder(SCHEMAS, GroupVersionKind(*group_version, name)).decode(source).object
        obj, kind = created(decoded), strategy(name)
        kind.validate(obj)
        kind.warnings(obj, None)
        assert kind.cells is not None
        kind.cells(obj)
        again = copy.deepcopy(obj)
        kind.default(again)
        assert again == obj
        if other["kind"] == name:
            old = created(other)
            kind.prepare_for_update(obj, old)
            kind.validate_update(obj, old)
            for part in kind.subresources.values():
                changed = copy.deepcopy(obj)
                part.prepare_for_update(changed, old)
                part.validate_update(changed, old)
