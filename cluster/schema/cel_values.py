"""Values of a schema as values of expressions: times and bytes that are texts in JSON, doubles that are whole, sets, and lists by key.

Fields are converted as they are selected; objects stay as they are, for their own fields are.
Upstream: apiserver `pkg/cel/common/valuesunstructured.go`, kube-openapi `pkg/validation/strfmt` (what is read as a time).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Final

from cluster.cel import times
from cluster.cel.equality import equal
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import MAX_INT, CelError, Duration, OwnList, Timestamp

Conversion = Callable[[Any], Any]

_WORDS: Final = r"([0-9]+)[\t\n\f\r ]*([A-Za-z\u00b5]+)"
_UNITS: Final[Sequence[tuple[int, tuple[str, ...]]]] = (
    (1, ("ns", "nano")),
    (1_000, ("us", "\u00b5s", "micro")),
    (1_000_000, ("ms", "milli")),
    (times.SECOND, ("s", "sec")),
    (60 * times.SECOND, ("m", "min")),
    (3600 * times.SECOND, ("h", "hr", "hour")),
    (86400 * times.SECOND, ("d", "day")),
    (7 * 86400 * times.SECOND, ("w", "wk", "week")),
)
"""Nanoseconds, and names; of the last one also what begins with it."""
_BASE64: Final = rb"[A-Za-z0-9_-]*={0,2}"


def converter(kind: Type) -> Conversion | None:
    """What makes a value of expressions of one of JSON; None where it is one already.  The type is of `cel_types`."""
    if kind.kind is TypeKind.LIST:
        return _list_converter(kind)
    if kind.kind is TypeKind.MAP:
        convert = converter(kind.parameters[1])
        return None if convert is None else lambda values: {key: convert(each) for key, each in values.items()}
    if kind.kind is TypeKind.TIMESTAMP:
        return _date if kind.facts.schema.get("format") == "date" else _moment
    return _CONVERTERS.get(kind.kind)


def _list_converter(kind: Type) -> Conversion | None:
    convert = converter(kind.element)
    schema: Mapping[str, Any] = kind.facts.schema
    sort = schema.get("x-kubernetes-list-type")
    if sort == "set":
        return lambda values: SetList(values if convert is None else map(convert, values), map(_identity, values))
    if sort == "map":
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
        return lambda values: MapList(values, keys)
    return None if convert is None else lambda values: [convert(each) for each in values]


def _text(value: Any) -> str:
    if type(value) is not str:
        raise CelError(f"invalid data, expected string, got {_GO_TYPES.get(type(value), 'map[string]interface {}')}")
    return value


_GO_TYPES: Final = {bool: "bool", int: "int64", float: "float64", list: "[]interface {}"}


def _span(value: Any) -> Duration:
    text = _text(value)
    found = times.parse_span(text)
    if found is None:
        found = _words(text)
    if found is None or abs(found) > MAX_INT:
        raise CelError(f"Invalid duration {text}: unable to parse {text} as duration")
    return Duration(found)


def _words(text: str) -> int | None:
    """Of e.g. `2 days 3 hours`: the sum of what is found in it."""
    spans = [
        times.whole(number) * nanoseconds
        for number, unit in re.findall(_WORDS, text)
        for nanoseconds, names in _UNITS
        if unit.lower() in names or unit.lower().startswith(names[-1])
    ]
    return sum(spans) if spans else None


def _moment(value: Any) -> Timestamp:
    """A text without a zone is of UTC, an empty one the epoch."""
    text = _text(value)
    found = (times.parse_moment(text) or times.parse_moment(f"{text}Z")) if text else Timestamp(0)
    if found is None:
        raise CelError(f"Invalid date-time formatted string {text}: it is no moment as of RFC 3339")
    return found


def _date(value: Any) -> Timestamp:
    text = _text(value)
    found = times.parse_moment(f"{text}T00:00:00Z")
    if found is None:
        raise CelError(f"Invalid date formatted string {text}: it is no date as of RFC 3339")
    return found


def _bytes(value: Any) -> bytes:
    """In the alphabet for URLs alone."""
    text = _text(value)
    given = text.replace("\r", "").replace("\n", "").encode()
    try:
        if re.fullmatch(_BASE64, given):
            return base64.urlsafe_b64decode(given)
    except binascii.Error:
        pass
    found = re.match(_BASE64, given)
    at = found.end() if found is not None else 0
    raise CelError(f"Invalid byte formatted string {text}: illegal base64 data at input byte {at}")


def _double(value: Any) -> Any:
    return float(value) if type(value) is int else value


_CONVERTERS: Final[Mapping[TypeKind, Conversion]] = {TypeKind.DURATION: _span, TypeKind.BYTES: _bytes, TypeKind.DOUBLE: _double}


def _identity(value: Any) -> tuple[type, Any]:
    """What is the same for two values that Go has as equal keys of a map; numbers of different types are not."""
    return type(value), value


class SetList(OwnList):
    """A list whose order is of no account, and that is joined as a set is.

    Upstream looks for values of expressions among those of JSON: of times it finds none.  What it joins of them it cannot read any more;
    here it can.
    """

    __slots__ = ("_known",)

    def __init__(self, values: Iterable[Any], known: Iterable[tuple[type, Any]]) -> None:
        super().__init__(values)
        self._known = frozenset(known)

    def equals(self, other: Sequence[Any]) -> bool:
        return len(self) == len(other) and all(_is_known(each, self._known) for each in other)

    def joined(self, other: Sequence[Any]) -> Sequence[Any]:
        made, known = list(self), set(self._known)
        for each in other:
            if not _is_known(each, known):
                known.add(_identity(each))
                made.append(each)
        return SetList(made, known)

    def replaced(self, elements: Iterable[Any]) -> SetList:
        return SetList(elements, self._known)


def _is_known(value: Any, known: Set[tuple[type, Any]]) -> bool:
    try:
        return _identity(value) in known
    except TypeError:
        return False


class MapList(OwnList):
    """A list of objects that are told apart by some of their fields; those of the same ones are put in place of others."""

    __slots__ = ("_keys",)

    def __init__(self, given: Iterable[Any], keys: tuple[str, ...]) -> None:
        super().__init__(given)
        self._keys = keys

    def _key(self, element: Any) -> object:
        """What is no object is like nothing else."""
        return tuple(_identity(element.get(each)) for each in self._keys) if isinstance(element, dict) else object()

    def equals(self, other: Sequence[Any]) -> bool:
        if len(self) != len(other):
            return False
        own = {self._key(each): each for each in self}
        for each in other:
            key = self._key(each)
            if key not in own or not equal(own[key], each):
                return False
        return True

    def joined(self, other: Sequence[Any]) -> Sequence[Any]:
        made = {self._key(each): each for each in self}
        for each in other:
            made[self._key(each)] = each
        return self.replaced(made.values())

    def replaced(self, elements: Iterable[Any]) -> MapList:
        return MapList(elements, self._keys)
