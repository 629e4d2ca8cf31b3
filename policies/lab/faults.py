"""What is wrong with a suite that does not fit its schema, as cerberus finds it, in our words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cerberus import Validator
from cerberus.errors import REQUIRED_FIELD, UNKNOWN_FIELD, ValidationError
from cerberus.schema import UnvalidatedSchema

from policies.lab.documents import Steps
from policies.lab.format import SCHEMAS, Fault


def faults(sort: str, value: Mapping[str, Any]) -> list[Fault]:
    """Of what one of the SCHEMAS is for."""
    validator = _validator(sort)
    if validator.validate(value, normalize=False):
        return []
    return [fault for error in validator._errors for fault in _told(error, sort)]


@cache
def _validator(sort: str) -> Validator:
    return Validator(UnvalidatedSchema(SCHEMAS[sort]))  # tests check them, which here would take longer than all else


def _told(error: ValidationError, sort: str) -> Iterable[Fault]:
    """An error of cerberus in our words; those of what is inside are told in place of the whole's."""
    if error.child_errors:
        for child in error.child_errors:
            yield from _told(child, sort)
        return
    steps, value, rule = tuple(error.document_path), error.value, error.rule
    if error.code == UNKNOWN_FIELD.code:
        yield steps, f"unknown field{_near(str(steps[-1]), _fields(SCHEMAS[sort], steps[:-1]))}", True
    elif error.code == REQUIRED_FIELD.code:
        yield steps[:-1], f'field "{steps[-1]}" is missing', False
    elif rule == "type":
        quoted = ": put it into quotes" if "string" in error.constraint and not isinstance(value, dict | list) else ""
        yield steps, f"it must be {_a(error.constraint)}, not {_a(_type(value))}{quoted}", False
    elif rule == "allowed":
        near = _near(str(value), error.constraint)
        yield steps, f'"{value}" is none of {", ".join(error.constraint)}{near}', False
    elif rule in ("empty", "minlength"):
        yield steps, "it is empty", False
    elif rule == "nullable":
        yield steps, "it has no value", False
    elif rule == "regex":
        yield steps, f'"{value}" does not look like {error.constraint}', False
    else:
        yield steps, f"{value!r} is not allowed: {rule} is {error.constraint}", False


def _fields(fields: Mapping[str, Any], steps: Steps) -> Iterable[str]:
    """What the mapping at a place may have."""
    rule: Any = {"schema": fields}
    for step in steps:
        if "valuesrules" in rule:
            rule = rule["valuesrules"]
        elif isinstance(step, int):
            rule = rule.get("schema") or {}
        else:
            rule = (rule.get("schema") or {}).get(step) or {}
    return list(rule.get("schema") or ())


def _near(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f', did you mean "{found[0]}"?' if found else ""


def _type(value: Any) -> str:
    return {dict: "dict", list: "list", str: "string", bool: "boolean", int: "integer", float: "number"}.get(type(value), "nothing")


def _a(types: str | list[str]) -> str:
    shown = {"dict": "a mapping", "list": "a list", "string": "a text", "boolean": "true or false", "integer": "a whole number"}
    shown |= {"number": "a number"}
    names = [types] if isinstance(types, str) else types
    return " or ".join(shown.get(each, each) for each in names)
