"""Cells that the Tables of many kinds share.  Upstream: `pkg/printers/internalversion/printers.go`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cluster.api.names import Object
from cluster.kinds.checks import metadata_of, value_of
from cluster.kinds.printing import NONE, UNSET, age


def name_of(obj: Object) -> str:
    name: str = metadata_of(obj).get("name") or ""
    return name


def age_of(obj: Object) -> str:
    return age(metadata_of(obj).get("creationTimestamp"))


def created_at(obj: Object) -> str:
    """The creation time itself, as the default Table shows it."""
    return metadata_of(obj).get("creationTimestamp") or "0001-01-01T00:00:00Z"


def name_and(*parts: Callable[[Object], Any]) -> Callable[[Object], list[Any]]:
    """A row: the name, the given parts, the age."""
    return lambda obj: [name_of(obj), *(part(obj) for part in parts), age_of(obj)]


def text(*path: str) -> Callable[[Object], Any]:
    """The string at a path, empty where there is none."""
    return lambda obj: value_of(obj, *path) or ""


def number(*path: str) -> Callable[[Object], Any]:
    """The integer at a path, 0 where there is none."""
    return lambda obj: value_of(obj, *path) or 0


def flag(*path: str, default: bool = False) -> Callable[[Object], Any]:
    """The boolean at a path."""

    def cell(obj: Object) -> bool:
        value = value_of(obj, *path)
        return default if value is None else bool(value)

    return cell


def optional(*path: str, absent: str = UNSET) -> Callable[[Object], Any]:
    """The string at a path, `<unset>` (or `absent`) where there is none."""
    return lambda obj: absent if value_of(obj, *path) is None else value_of(obj, *path)


def count(*path: str) -> Callable[[Object], Any]:
    """How many members the list or map at a path has."""
    return lambda obj: len(value_of(obj, *path) or ())


def format_labels(labels: Mapping[str, str] | None) -> str:
    """`a=b,c=d` in order of the keys, `<none>` for none."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) if labels else NONE


def format_label_selector(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as one string: `a=b,c in (d,e),!f`; `<none>` when it selects everything."""
    from cluster.api.selectors import from_label_selector

    try:
        return str(from_label_selector(selector or {})) or NONE
    except ValueError:
        return "<error>"


def first_of(members: Sequence[str], total: int, limit: int, empty: str = "") -> str:
    """The first `limit` members, and how many more there are."""
    shown = ",".join(members[:limit])
    if total > limit:
        return f"{shown} + {total - limit} more..."
    return shown or empty


def container_names(template_spec: Object) -> tuple[str, str]:
    """Names and images of containers, each joined by commas."""
    containers: Iterable[Object] = template_spec.get("containers") or ()
    pairs = [(each.get("name", ""), each.get("image", "")) for each in containers]
    return ",".join(name for name, _ in pairs), ",".join(image for _, image in pairs)


_ACCESS_MODES = (("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP"))


def access_modes(modes: Iterable[str] | None) -> str:
    """Volume access modes, abbreviated, always in the same order."""
    given = set(modes or ())
    return ",".join(short for mode, short in _ACCESS_MODES if mode in given)
