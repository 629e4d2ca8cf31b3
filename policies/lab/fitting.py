"""Whether a value is as a schema of cerberus wants it, found out without cerberus, which takes longer to load than a suite to run.

What does not fit, or has rules that are not known here, is cerberus' to judge, which says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_TYPES: Final[Mapping[str, Any]] = {"dict": dict, "list": list, "string": str, "boolean": bool, "integer": int}


def fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a mapping has what a schema wants, and nothing else."""
    for name, each in value.items():
        rules = schema.get(name)
        if rules is None or not _follows(each, rules):
            return False
    return all(name in value for name, rules in schema.items() if rules.get("required"))


def _follows(value: Any, rules: Mapping[str, Any]) -> bool:
    if value is None:
        return bool(rules.get("nullable"))
    for name, wanted in rules.items():
        follows = _RULES.get(name)
        if follows is None or not follows(value, wanted):
            return False
    return True


def _is_of(value: Any, types: str | list[str]) -> bool:
    return any(isinstance(value, _TYPES.get(name, ())) for name in ([types] if isinstance(types, str) else types))


def _inside(value: Any, rules: Mapping[str, Any]) -> bool:
    """The rules of a list are for each of its elements, those of a mapping are by its fields; anything else has nothing inside."""
    if type(value) is list:
        return all(_follows(each, rules) for each in value)
    return type(value) is not dict or fits(value, rules)


def _always(value: Any, wanted: Any) -> bool:  # noqa: ARG001 - a rule's signature
    """Of what is looked at elsewhere."""
    return True


_RULES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "type": _is_of,
    "nullable": _always,
    "required": _always,
    "empty": lambda value, allowed: allowed or not hasattr(value, "__len__") or len(value) > 0,
    "minlength": lambda value, least: len(value) >= least,
    "min": lambda value, least: value >= least,
    "max": lambda value, most: value <= most,
    "allowed": lambda value, known: value in known,
    "regex": lambda value, pattern: re.match(f"{pattern}$", value) is not None,
    "schema": _inside,
    "keysrules": lambda value, rules: all(_follows(each, rules) for each in value),
    "valuesrules": lambda value, rules: all(_follows(each, rules) for each in value.values()),
}
"""Each in the words of cerberus, for values of the type that goes with it."""
