"""What messages show of values and types, as Go's `%v` writes them."""

from __future__ import annotations

from typing import Any

from cluster.cel import times
from cluster.cel.floats import general
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import BoolKey, Duration, Joined, LostKey, Optional_, Timestamp, UInt


def shown(value: Any) -> str:
    """A value in a message, as `%v` writes it."""
    if value is None:
        return "NULL_VALUE"
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if isinstance(value, (BoolKey, LostKey)):
        return shown(value.value)
    if type(value) in (int, UInt):
        return str(int(value))
    if type(value) is float:
        return general(value)
    if type(value) is bytes:
        return f"[{' '.join(map(str, value))}]"
    return _shown_whole(value)


def _shown_whole(value: Any) -> str:
    if isinstance(value, (list, tuple, Joined)):
        return f"[{', '.join(shown(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{shown(key)}: {shown(item)}' for key, item in value.items())}}}"
    if isinstance(value, Type):
        return declared(value)
    if isinstance(value, Optional_):
        return f"optional({shown(value.value)})" if value.present else "optional.none()"
    if isinstance(value, (Duration, Timestamp)):
        return times.text(value)
    return str(value)


def declared(kind: Type) -> str:
    """A type by its names at run time, e.g. `google.protobuf.Timestamp` where a checker's message says `timestamp`."""
    if kind.kind is TypeKind.WRAPPER:
        return f"wrapper({declared(kind.parameters[0])})"
    if not kind.parameters:
        return f"<{kind.name}>" if kind.kind is TypeKind.PARAMETER else kind.name
    return f"{kind.name}({', '.join(declared(each) for each in kind.parameters)})"
