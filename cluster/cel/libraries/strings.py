"""Strings, by characters: places, parts, replacement, case.  Upstream: cel-go `ext/strings.go`, versions 0 and 2.

Version 2, which adds `format` and `strings.quote`, is Kubernetes' since 1.29.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.cel import types
from cluster.cel.costs import of_first
from cluster.cel.functions import Function, Library, Overload, RuntimeCost, StaticCost
from cluster.cel.libraries.declaring import member, plain
from cluster.cel.libraries.library_costs import of_all_values, of_first_and_result, of_result, of_target_kept, of_target_values
from cluster.cel.libraries.string_estimates import joining, replacing, splitting
from cluster.cel.libraries.string_format import format_text
from cluster.cel.runtime_types import type_name
from cluster.cel.text import shown
from cluster.cel.types import Type, list_of
from cluster.cel.values import MAX_TEXT, CelError, Opaque, Optional_

_LIST: Final = list_of(types.STRING)
_DYNAMIC: Final = list_of(types.DYN)
_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_LOWER: Final = str.maketrans({code: code + 32 for code in range(ord("A"), ord("Z") + 1)})
_UPPER: Final = str.maketrans({code: code - 32 for code in range(ord("a"), ord("z") + 1)})
_ESCAPES: Final = str.maketrans(
    {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v", "\\": "\\\\", '"': '\\"'}
)
_CONVERTED_FROM: Final = {
    "double": "Double",
    "bytes": "Bytes",
    "null_type": "'null_type'",
    "google.protobuf.Timestamp": "'Timestamp'",
    "google.protobuf.Duration": "'Duration'",
}
"""How messages name types as what cannot be converted."""


def _out_of_range(index: int) -> CelError:
    return CelError(f"index out of range: {index}")


def _bounded(length: int) -> None:
    if length > MAX_TEXT:
        raise CelError(f"text of more than {MAX_TEXT} characters")


def char_at(text: str, index: int) -> str:
    """A character; an empty string right behind the last one."""
    if not 0 <= index <= len(text):
        raise _out_of_range(index)
    return text[index : index + 1]


def index_of(text: str, part: str, offset: int = 0) -> int:
    if not part:
        return offset
    if offset < 0:
        raise _out_of_range(offset)
    return text.find(part, offset) if offset < len(text) else -1


def last_index_of(text: str, part: str) -> int:
    return text.rfind(part)


def last_index_from(text: str, part: str, offset: int) -> int:
    """The last place of a part that does not begin behind the offset."""
    if not part:
        return offset
    if offset < 0:
        raise _out_of_range(offset)
    return text.rfind(part, 0, offset + len(part)) if offset < len(text) else -1


def replace(text: str, old: str, new: str, limit: int = -1) -> str:
    """With as many replacements as the limit says, all where it is negative; what is empty is before each character and at the end."""
    if len(new) > len(old):
        count = text.count(old)
        count = count if limit < 0 else min(count, limit)
        _bounded(len(text) + count * (len(new) - len(old)))
    return text.replace(old, new, limit)


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """At most as many parts as the limit says, any number where it is negative; by an empty separator into characters."""
    if limit == 0:
        return []
    if not separator:
        if limit < 0 or limit > len(text):
            return list(text)
        return [*text[: limit - 1], text[limit - 1 :]]
    return text.split(separator, max(limit - 1, -1))


def substring(text: str, start: int) -> str:
    if not 0 <= start <= len(text):
        raise _out_of_range(start)
    return text[start:]


def substring_until(text: str, start: int, end: int) -> str:
    if start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    for each in (start, end):
        if not 0 <= each <= len(text):
            raise _out_of_range(each)
    return text[start:end]


def trim(text: str) -> str:
    return text.strip(_SPACE)


def lower_ascii(text: str) -> str:
    return text.translate(_LOWER)


def upper_ascii(text: str) -> str:
    return text.translate(_UPPER)


def join(values: Sequence[Any], separator: str = "") -> str:
    for each in values:
        if type(each) is not str:
            raise CelError(f"join: invalid input: {'0' if each is None else shown(each)}")
    return _joined(values, separator)


def join_converted(values: Sequence[Any], separator: str = "") -> str:
    """As version 0 joins, which makes strings of what can be one."""
    return _joined([_converted(each) for each in values], separator)


def _converted(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Opaque):
        return str(value)
    if isinstance(value, Optional_) and value.present:
        return _converted(value.value)
    name = type_name(value)
    if name in ("int", "uint"):
        raise CelError(f"unsupported type conversion from '{name}' to string")
    if name == "type":
        raise CelError("type conversion not supported for 'type'")
    raise CelError(f"type conversion error from {_CONVERTED_FROM.get(name, name)} to 'string'")


def _joined(values: Sequence[str], separator: str) -> str:
    _bounded(sum(map(len, values)) + len(values) * len(separator))
    return separator.join(values)


def quote(text: str) -> str:
    """In double quotes, with escapes as an expression has them."""
    return f'"{text.translate(_ESCAPES)}"'


def _function(name: str, cost: RuntimeCost | None, *overloads: Overload) -> Function:
    return Function(name, overloads, cost)


def _of(id_: str, parameters: tuple[Type, ...], result: Type, call: Callable[..., Any], estimate: StaticCost | None = None) -> Overload:
    return Overload(id_, parameters, result, call, member=True, estimate=estimate)


def _place(name: str, id_: str, call: Callable[..., int], call_from: Callable[..., int]) -> Function:
    return _function(
        name,
        of_all_values,
        _of(f"string_{id_}_of_string", (types.STRING, types.STRING), types.INT, call, of_target_values),
        _of(f"string_{id_}_of_string_int", (types.STRING, types.STRING, types.INT), types.INT, call_from, of_target_values),
    )


def _joining(call: Callable[..., str]) -> Function:
    return _function(
        "join",
        of_result,
        _of("list_join", (_LIST,), types.STRING, call, joining),
        _of("list_join_string", (_LIST, types.STRING), types.STRING, call, joining),
    )


_COMMON: Final = (
    member("charAt", "string_char_at_int", (types.STRING, types.INT), types.STRING, char_at),
    _place("indexOf", "index", index_of, index_of),
    _place("lastIndexOf", "last_index", last_index_of, last_index_from),
    member("lowerAscii", "string_lower_ascii", (types.STRING,), types.STRING, lower_ascii, of_first, of_target_kept),
    _function(
        "replace",
        of_first_and_result,
        _of("string_replace_string_string", (types.STRING,) * 3, types.STRING, replace, replacing),
        _of("string_replace_string_string_int", (*(types.STRING,) * 3, types.INT), types.STRING, replace, replacing),
    ),
    _function(
        "split",
        of_first_and_result,
        _of("string_split_string", (types.STRING, types.STRING), _LIST, split, splitting),
        _of("string_split_string_int", (types.STRING, types.STRING, types.INT), _LIST, split, splitting),
    ),
    _function(
        "substring",
        of_first,
        _of("string_substring_int", (types.STRING, types.INT), types.STRING, substring, of_target_kept),
        _of("string_substring_int_int", (types.STRING, types.INT, types.INT), types.STRING, substring_until, of_target_kept),
    ),
    member("trim", "string_trim", (types.STRING,), types.STRING, trim, of_first, of_target_kept),
    member("upperAscii", "string_upper_ascii", (types.STRING,), types.STRING, upper_ascii, of_first, of_target_kept),
)

_NAME: Final = "cel.lib.ext.strings"

STRINGS_0: Final = Library(_NAME, functions=(*_COMMON, _joining(join_converted)), until=29)
STRINGS_2: Final = Library(
    _NAME,
    functions=(
        *_COMMON,
        Function(
            "format",
            (Overload("string_format", (types.STRING, _DYNAMIC), types.STRING, format_text, member=True, cost=of_first, in_turn=True),),
        ),
        plain("strings.quote", "strings_quote", (types.STRING,), types.STRING, quote, of_first),
        _joining(join),
    ),
    since=29,
)
