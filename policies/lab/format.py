"""What a suite may say, as cerberus checks it, and how its complaints read.

Cases of one shape are checked once: of ten thousand generated ones, it is shapes that can be wrong, and each costs cerberus a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from cerberus import Validator
from cerberus.errors import REQUIRED_FIELD, UNKNOWN_FIELD, ValidationError
from cerberus.schema import UnvalidatedSchema

from policies.lab.documents import Broken, Document, Steps

VERBS: Final = ("create", "update", "patch", "delete", "deletecollection", "get", "list", "watch")
STAGES: Final = ("authentication", "rbac", "decoding", "admission", "validation", "storage")
PATCHES: Final = ("json", "merge", "strategic", "apply")
NAMED: Final = ("admin", "anonymous")

Schema = dict[str, Any]


def _optional(fields: Schema) -> Schema:
    """The same fields, which may be null, too: that takes away what defaults say."""
    return {name: rule | {"nullable": True} for name, rule in fields.items()}


TEXT: Final[Schema] = {"type": "string", "empty": False}
_ANY_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_TEXTS: Final[Schema] = {"type": "list", "schema": TEXT}
_LABELS: Final[Schema] = {"type": "dict", "keysrules": _ANY_TEXT, "valuesrules": _ANY_TEXT}
_OBJECT: Final[Schema] = {"type": "dict"}
_OBJECTS: Final[Schema] = {"type": "list", "schema": _OBJECT}
_EXTRA: Final[Schema] = {"type": "dict", "keysrules": TEXT, "valuesrules": {"type": "list", "schema": _ANY_TEXT}}
_USER: Final[Schema] = {"user": TEXT, "groups": _TEXTS, "uid": TEXT, "extra": _EXTRA}
_AS: Final[Schema] = {
    "type": ["string", "dict"],
    "schema": _optional(_USER | {"serviceAccount": TEXT, "kubeconfig": TEXT, "impersonate": {"type": "dict", "schema": _USER}}),
}
_WORLD: Final[Schema] = {
    "namespaces": {"type": "dict", "keysrules": TEXT, "valuesrules": {**_LABELS, "nullable": True}},
    "files": _TEXTS,
    "objects": _OBJECTS,
}
_ANSWER: Final[Schema] = {
    "allowed": _FLAG,
    "status": {"type": "dict", "schema": {"message": _ANY_TEXT, "reason": TEXT, "code": {"type": "integer", "min": 100, "max": 599}}},
    "patch": {"type": "list", "schema": _OBJECT},
    "warnings": {"type": "list", "schema": _ANY_TEXT},
    "auditAnnotations": _LABELS,
    "fails": TEXT,
    "live": _FLAG,
}
_WEBHOOKS: Final[Schema] = {"type": "dict", "keysrules": TEXT, "valuesrules": {"type": "dict", "schema": _ANSWER}}
_EXPECT: Final[Schema] = _optional(
    {
        "allowed": _FLAG,
        "stage": {"type": "string", "allowed": list(STAGES)},
        "plugin": TEXT,
        "policy": TEXT,
        "binding": TEXT,
        "validation": {"type": ["integer", "string"]},
        "webhook": TEXT,
        "code": {"type": "integer", "min": 100, "max": 599},
        "reason": TEXT,
        "message": _ANY_TEXT,
        "messageContains": TEXT,
        "messageMatches": TEXT,
        "warnings": {"type": "list", "schema": _ANY_TEXT},
        "auditAnnotations": _LABELS,
        "object": _OBJECT,
        "golden": TEXT,
        "matched": _FLAG,
    }
)
_CASE: Final[Schema] = _optional(
    {
        "name": TEXT,
        "as": _AS,
        "verb": {"type": "string", "allowed": list(VERBS)},
        "resource": TEXT,
        "path": {"type": "string", "regex": "/.*"},
        "namespace": _ANY_TEXT,
        "resourceName": TEXT,
        "subresource": TEXT,
        "object": _OBJECT,
        "old": _OBJECT,
        "patch": {"type": "dict", "schema": {"type": {"type": "string", "allowed": list(PATCHES)}, "body": {"type": ["dict", "list"]}}},
        "query": {"type": "dict", "keysrules": TEXT, "valuesrules": {"type": ["string", "list"], "schema": _ANY_TEXT}},
        "dryRun": _FLAG,
        "world": {"type": "dict", "schema": _WORLD},
        "webhooks": _WEBHOOKS,
        "expect": {"type": "dict", "schema": _EXPECT},
    }
)
_OPTIONS: Final[Schema] = {
    "enableAdmissionPlugins": _TEXTS,
    "disableAdmissionPlugins": _TEXTS,
    "admissionConfiguration": {"type": ["string", "dict"]},
    "featureGates": {"type": "dict", "keysrules": TEXT, "valuesrules": _FLAG},
    "clientCA": TEXT,
    "serviceAccountKeys": _TEXTS,
}
_SUITE: Final[Schema] = {
    "name": TEXT | {"required": True},
    "description": _ANY_TEXT,
    "kubernetesVersions": {"type": "list", "minlength": 1, "schema": {"type": "string", "regex": r"1\.\d{2}"}},
    "policies": _TEXTS,
    "world": {"type": "dict", "schema": _WORLD},
    "options": {"type": "dict", "schema": _OPTIONS},
    "webhooks": _WEBHOOKS,
    "defaults": {"type": "dict", "schema": {name: rule for name, rule in _CASE.items() if name != "name"}},
    "cases": {"type": "list", "required": True, "minlength": 1},
}
_ROW: Final = "each"
SCHEMAS: Final[dict[str, Schema]] = {
    "suite": _SUITE,
    "case": _CASE | {"name": TEXT | {"required": True}, _ROW: {"type": "list", "minlength": 1}},
    "row": _CASE,
}
_OPAQUE: Final = frozenset({"object", "old", "body", "objects"})
"""Fields whose content is an API object's, or a patch's, and none of a suite's business."""
_ENUMERATED: Final = frozenset({"verb", "stage", "type", "path", "code"})
"""Fields whose values, too, cerberus judges."""
_BY_VALUE: Final = _ENUMERATED | {"as"}
"""Those among texts, in which a service account is told from others."""


def check(document: Document) -> None:
    """Broken with everything that is wrong with the form of a suite."""
    suite = document.value
    if not isinstance(suite, dict):
        raise document.broken((), "a suite is a mapping with name and cases")
    faults = _faults("suite", suite)
    cases = suite.get("cases")
    if isinstance(cases, list):
        faults += _of_cases(cases)
    if faults:
        placed = [(document.place(steps, key=key), why) for steps, why, key in faults]
        raise Broken(*sorted(placed, key=lambda fault: (fault[0].line, fault[0].column)))


Fault = tuple[Steps, str, bool]
"""Where, what, and whether it is the name there that is at fault."""


def _of_cases(cases: list[Any]) -> list[Fault]:
    known: dict[Any, list[Fault]] = {}
    found: list[Fault] = []
    for position, case in enumerate(cases):
        found += _of_shape(case, "case", known, ("cases", position))
        rows = case.get(_ROW) if isinstance(case, dict) else None
        for place, row in enumerate(rows if isinstance(rows, list) else ()):
            found += _of_shape(row, "row", known, ("cases", position, _ROW, place))
    return found


def _of_shape(case: Any, sort: str, known: dict[Any, list[Fault]], where: Steps) -> list[Fault]:
    """What is wrong with a case, found out once for all cases of its shape."""
    if not isinstance(case, dict):
        return [(where, f"a {sort} is a mapping", False)]
    shape = sort, _shape(case)
    faults = known.get(shape)
    if faults is None:
        faults = known[shape] = _faults(sort, case)
    return [((*where, *steps), why, key) for steps, why, key in faults]


def _shape(value: Any, name: str = "") -> Any:
    kind = type(value)
    if kind is dict:
        if name in _OPAQUE:
            return dict
        # most are texts, of which nothing counts but whether they are empty
        return tuple(
            [(key, _shape(each, key) if type(each) is not str or key in _BY_VALUE else each and str) for key, each in value.items()]
        )
    if kind is list:
        return (list, len(value), *{_shape(each, name) for each in value}) if value else list
    if kind is str and not value:
        return ""
    return (kind, value) if name in _ENUMERATED or (name == "as" and kind is str) else kind


@cache
def _validator(sort: str) -> Validator:
    return Validator(UnvalidatedSchema(SCHEMAS[sort]))  # tests check them, which here would take longer than all else


def _faults(sort: str, value: Mapping[str, Any]) -> list[Fault]:
    validator = _validator(sort)
    if validator.validate(value, normalize=False):
        return []
    return [fault for error in validator._errors for fault in _told(error, sort)]


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
    import difflib  # where something is misspelt

    found = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f', did you mean "{found[0]}"?' if found else ""


def _type(value: Any) -> str:
    return {dict: "dict", list: "list", str: "string", bool: "boolean", int: "integer", float: "number"}.get(type(value), "nothing")


def _a(types: str | list[str]) -> str:
    shown = {"dict": "a mapping", "list": "a list", "string": "a text", "boolean": "true or false", "integer": "a whole number"}
    shown |= {"number": "a number"}
    names = [types] if isinstance(types, str) else types
    return " or ".join(shown.get(each, each) for each in names)
