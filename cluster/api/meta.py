"""What every object's metadata needs: times, identities, generated names, owners and finalizers.

Upstream: apimachinery `pkg/apis/meta/v1/{controller_ref,time,micro_time}.go`, `pkg/util/rand`; apiserver `pkg/storage/names`.
"""

from __future__ import annotations

import os
import random
import re
from datetime import UTC, datetime
from functools import lru_cache
from time import gmtime, strftime, time
from typing import Any, Final

from cluster.api.names import Object

_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5
_MAX_BASE_LENGTH: Final = 63 - _SUFFIX_LENGTH
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch


def now() -> str:
    """The time as `metav1.Time` is written: `2026-11-22T10:00:00Z`."""
    return _shown(int(time()))


@lru_cache(maxsize=2)
def _shown(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(second))


def now_micro() -> str:
    """The time as `metav1.MicroTime` is written: `2026-11-22T10:00:00.000000Z`."""
    return format_micro_time(datetime.now(UTC))


def format_time(moment: datetime) -> str:
    """An aware datetime in UTC, whole seconds (the fraction is dropped)."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04}-{utc.month:02}-{utc.day:02}T{utc.hour:02}:{utc.minute:02}:{utc.second:02}Z"


def format_epoch(seconds: float) -> str:
    """Seconds since 1970 as `format_time` writes them."""
    return format_time(datetime.fromtimestamp(seconds, UTC))


def format_micro_time(moment: datetime) -> str:
    """An aware datetime in UTC with six digits of fraction."""
    return f"{format_time(moment)[:-1]}.{moment.microsecond:06}Z"


def parse_time(text: str) -> datetime:
    """An aware datetime from RFC 3339, in seconds or with a fraction; ValueError where it is none."""
    if not _RFC3339(text):
        raise ValueError(f'"{text}" is no RFC 3339 time')
    return datetime.fromisoformat(text)


def new_uid() -> str:
    """A random UUID: version 4, of RFC 9562's variant."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


def random_suffix(length: int = _SUFFIX_LENGTH) -> str:
    """Random characters without vowels, so that no word can appear."""
    return "".join(random.choices(_ALPHABET, k=length))  # noqa: S311 - a name is no secret


def generate_name(base: str) -> str:
    """A name from `generateName`: the base, cut so that the whole has at most 63 characters, and five random ones."""
    return base[:_MAX_BASE_LENGTH] + random_suffix()


def controller_of(obj: Object) -> Object | None:
    """The owner reference whose `controller` is true, or None."""
    for reference in obj.get("metadata", {}).get("ownerReferences") or ():
        if reference.get("controller"):
            found: Object = reference
            return found
    return None


def owner_reference(owner: Object) -> Object:
    """A controller's reference to an object that carries apiVersion, kind and a UID."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def has_finalizer(obj: Object, finalizer: str) -> bool:
    return finalizer in (obj.get("metadata", {}).get("finalizers") or ())


def deep_copy(value: Any) -> Any:
    """A copy of a JSON value that shares nothing mutable with it; cheaper than `copy.deepcopy`."""
    if type(value) is dict:
        return {key: deep_copy(each) if type(each) in (dict, list) else each for key, each in value.items()}
    if type(value) is list:
        return [deep_copy(each) if type(each) in (dict, list) else each for each in value]
    return value
