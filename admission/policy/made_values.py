"""Values that mutations' expressions make, as JSON: what JSON does not have is refused as upstream's conversions refuse it.

In an `Object{...}` only values that the expression was given are nested freely; of lists and maps that it made itself upstream converts one
level, so that `Object.spec{containers: [Object.spec.containers{...}]}` is an object's, and `Object.spec{containers: [{"name": "a"}]}` not.
Upstream: apiserver `pkg/cel/mutation/dynamic/objects.go`, cel-go `common/types` (ConvertToNative).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from cluster.api.field import quoted
from cluster.api.names import Object
from cluster.cel import times
from cluster.cel.libraries.jsonpatch import PatchOperation
from cluster.cel.text import shown
from cluster.cel.types import Type
from cluster.cel.values import Duration, Instance, Joined, Opaque, Optional_, Timestamp, UInt, key_value
from cluster.patch.wording import Foreign
from cluster.schema.parse import MAX_DEPTH

_MAX_SAFE: Final = (1 << 53) - 1
"""Larger numbers are no numbers in JSON, which upstream writes as texts."""
MAX_BYTES: Final = 3 * 1024 * 1024
"""Of what a mutation may make, which is more than an object may have; parts that are there often count as often."""
_UNSAFE_KEYS: Final[Mapping[type, str]] = {
    int: "unsupported type conversion from 'int' to string",
    UInt: "unsupported type conversion from 'uint' to string",
    bool: "type conversion error from bool to 'string'",
}
_KEY_TYPES: Final[Mapping[type, str]] = {int: "types.Int", UInt: "types.Uint", bool: "types.Bool"}


class Unconvertible(ValueError):
    """A value is none of JSON; worded as upstream words it."""


Odd = Callable[[Foreign, Any], Any]
"""What stands for a value that JSON does not have; Unconvertible for nothing."""


class Given:
    """The lists and maps that an expression was given, found when it is first asked for one."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._values = values
        self._known: set[int] | None = None

    def __contains__(self, value: object) -> bool:
        if self._known is None:
            self._known = set(_identities(self._values))
        return id(value) in self._known


def _identities(values: Iterable[Any]) -> Iterator[int]:
    pending = [each for each in values if type(each) in (dict, list)]
    while pending:
        value = pending.pop()
        yield id(value)
        pending += [each for each in (value.values() if type(value) is dict else value) if type(each) in (dict, list)]


def configuration_of(made: Instance, given: Given) -> Object:
    """An `Object{...}`; what JSON does not have is Foreign in it.  Unconvertible."""
    fields = _Native(given, lambda foreign, _: foreign).fields(made)
    if isinstance(fields, Foreign):
        raise Unconvertible("invalid return type: *dynamic.ObjectVal")
    return fields


def check_size(value: Any) -> None:
    """Unconvertible for what is too large, or nested too deeply, to be looked at by anything else here."""
    level, size = [value], 0
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            size += 2 + len(each) if isinstance(each, (str, bytes)) else 2
            if isinstance(each, dict):
                below += each.values()
            elif isinstance(each, (list, tuple, Joined)):
                below += each
            elif isinstance(each, Optional_):
                below.append(each.value)
            if size + 2 * len(below) > MAX_BYTES:
                raise Unconvertible(f"the value is larger than {MAX_BYTES} bytes")
        if not below:
            return
        level = below
    raise Unconvertible(f"the value is nested more than {MAX_DEPTH} levels")


def json_of(value: Any, given: Given) -> Any:
    """What a JSON patch writes; Unconvertible."""
    if value is None or type(value) in (bool, str):
        return value
    if type(value) in (int, UInt):
        return int(value) if abs(value) <= _MAX_SAFE else str(int(value))
    if type(value) is float:
        return _number(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (Timestamp, Duration)):
        return times.text(value)
    if isinstance(value, Optional_):
        if not value.present:
            raise Unconvertible("optional.none() dereference")
        return json_of(value.value, given)
    if isinstance(value, PatchOperation):
        raise Unconvertible("cannot convert to native type: *structpb.Value")
    if isinstance(value, Instance):
        return _object(value, given)
    if isinstance(value, dict):
        return {_key(key): json_of(each, given) for key, each in value.items()}
    if isinstance(value, (list, tuple, Joined)):
        return [json_of(each, given) for each in value]
    if isinstance(value, Opaque):
        name = value.type_name.rpartition(".")[2].removeprefix("Named")
        raise Unconvertible(f"type conversion error from '{name}' to '*structpb.Value'")
    raise Unconvertible("type conversion not supported for 'type'")


def misnamed(made: Instance, path: str) -> list[str]:
    """What is wrong with the names of types: each is `Object` and the fields that lead to it."""
    return list(_misnamed(made, path))


def _misnamed(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, PatchOperation):
        return
    if isinstance(value, Instance):
        if value.type_name != path:
            expected = f"expected {quoted(path)}, which matches field name path from root Object type"
            yield f"unexpected type name {quoted(value.type_name)}, {expected}"
        for name, each in value.items():
            yield from _misnamed(each, f"{path}.{name}")
        return
    if isinstance(value, Optional_) and not isinstance(value.value, Instance):
        value = value.value
    if isinstance(value, (list, tuple, Joined)):
        for each in value:
            yield from _misnamed(each, path)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _misnamed(each, path)


def _number(value: float) -> float | int:
    if not math.isfinite(value):
        what = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        why = f"google.protobuf.Value cannot have {what} value"
        raise Unconvertible(f"json: error calling MarshalJSON for type *structpb.Value: proto: {why}")
    return int(value) if value.is_integer() else value


def _key(key: Any) -> str:
    value = key_value(key)
    if isinstance(value, str):
        return value
    raise Unconvertible(_UNSAFE_KEYS.get(type(value), "unsupported key"))


def _object(made: Instance, given: Given) -> Object:
    fields = _Native(given, _in_patch).fields(made)
    if isinstance(fields, Foreign):
        raise Unconvertible(fields.text)
    return fields


def _in_patch(foreign: Foreign, value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, UInt):
        return int(value)
    raise Unconvertible(f"proto: invalid type: {foreign.type}")


class _Native:
    """Values as Go has them."""

    def __init__(self, given: Given, odd: Odd) -> None:
        self._given = given
        self._odd = odd

    def fields(self, made: Instance) -> Object | Foreign:
        """Foreign for an object that has a field which is none."""
        found: Object = {}
        for name, value in made.items():
            if isinstance(value, dict) and not isinstance(value, Instance):
                bad = next((key_value(key) for key in value if not isinstance(key, str)), None)
                if bad is not None:
                    shown_key = quoted(chr(bad)).replace('"', "'") if type(bad) in (int, UInt) and 0 <= bad < 0x110000 else shown(bad)
                    why = f"map key {shown_key} is of type {_KEY_TYPES.get(type(bad), 'ref.Val')}, not string"
                    return Foreign(f"fail to convert field {quoted(name)}: {why}", "&types.Err{}", "*types.Err")
            found[name] = self.value(value)
        return found

    def value(self, value: Any) -> Any:
        """A field's: of a list or map that was made its members are converted, too."""
        if isinstance(value, Optional_):
            return self.value(value.value) if value.present else None
        if isinstance(value, Instance):
            return self.member(value)
        if isinstance(value, dict):
            return value if value in self._given else {key: self.member(each) for key, each in value.items()}
        if isinstance(value, (list, tuple, Joined)):
            return value if value in self._given else [self.member(each) for each in value]
        return self.member(value)

    def member(self, value: Any) -> Any:
        if type(value) in (bool, int, str) or value in self._given:
            return value
        if type(value) is float and math.isfinite(value):
            return int(value) if value.is_integer() else value
        if isinstance(value, Optional_):
            return self.member(value.value) if value.present else None
        if isinstance(value, Type):
            return value.name
        if isinstance(value, Instance) and not isinstance(value, PatchOperation):
            fields = self.fields(value)
            return self._odd(fields, value) if isinstance(fields, Foreign) else fields
        return self._odd(_foreign(value), value)


def _foreign(value: Any) -> Foreign:
    """What Go shows of a value that is none of JSON's."""
    text = shown(value)
    if value is None:
        return Foreign(text, "0", "structpb.NullValue")
    if isinstance(value, UInt):
        return Foreign(text, f"{int(value):#x}", "uint64")
    if isinstance(value, bytes):
        return Foreign(text, f"[]uint8{{{', '.join(f'{each:#x}' for each in value)}}}", "[]uint8")
    if isinstance(value, Duration):
        return Foreign(text, str(value.nanoseconds), "time.Duration")
    if isinstance(value, Timestamp):
        return _foreign_moment(value)
    if isinstance(value, dict) and not isinstance(value, Instance):
        entries = " ".join(f"{shown(key)}:{shown(each)}" for key, each in value.items())
        return Foreign(f"map[{entries}]", f"map[ref.Val]ref.Val{{{entries}}}", "map[ref.Val]ref.Val")
    if isinstance(value, (list, tuple, Joined)):
        elements = " ".join(map(shown, value))
        return Foreign(f"[{elements}]", f"[]ref.Val{{{elements}}}", "[]ref.Val")
    if isinstance(value, float):
        return Foreign(text, text, "float64")
    name = value.type_name if isinstance(value, (Opaque, Instance)) else type(value).__name__
    return Foreign(text, f"({name})", name)


def _foreign_moment(value: Timestamp) -> Foreign:
    at = times.calendar(value)
    nanosecond = value.nanoseconds % times.SECOND
    fraction = f".{nanosecond:09d}".rstrip("0") if nanosecond else ""
    syntax = f"time.Date({at.year}, time.{at:%B}, {at.day}, {at.hour}, {at.minute}, {at.second}, {nanosecond}, time.UTC)"
    return Foreign(f"{at:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC", syntax, "time.Time")
