"""Expressions about writes: the variables that policies and match conditions may use, their types, and how one expression builds on others.

Upstream: apiserver `pkg/admission/plugin/cel` (compile.go, composition.go).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from weakref import WeakValueDictionary

from cluster.cel import types
from cluster.cel.environment import STORED, CompileError, Environment, Program
from cluster.cel.libraries.authz import AUTHORIZER_TYPE, RESOURCE_CHECK_TYPE
from cluster.cel.libraries.jsonpatch import JSON_PATCHES, MADE_TYPES
from cluster.cel.types import Field, Type, TypeKind, list_of, map_of, object_type
from cluster.schema.admission_variables import (
    AUTHORIZER,
    NAMESPACE,
    OBJECT,
    OLD_OBJECT,
    PARAMS,
    REQUEST,
    REQUEST_RESOURCE,
    VARIABLES,
    Uses,
)

_TEXTS: Final = list_of(types.STRING)
_LABELS: Final = map_of(types.STRING, types.STRING)
_KEPT: Final = frozenset(
    {
        *(TypeKind.BOOL, TypeKind.BYTES, TypeKind.DOUBLE, TypeKind.DURATION, TypeKind.INT, TypeKind.NULL),
        *(TypeKind.STRING, TypeKind.TIMESTAMP, TypeKind.UINT),
    }
)
"""Types that a variable has of its expression; of others than these, and lists and maps of them, it is dyn."""


def _struct(name: str, fields: Mapping[str, Type]) -> Type:
    made = {each: Field(each, each, kind) for each, kind in fields.items()}
    return object_type(f"kubernetes.{name}", lambda: made)


def _texts(*names: str) -> dict[str, Type]:
    return dict.fromkeys(names, types.STRING)


def _request_type() -> Type:
    kind = _struct("GroupVersionKind", _texts("group", "version", "kind"))
    resource = _struct("GroupVersionResource", _texts("group", "version", "resource"))
    user = _struct("UserInfo", {**_texts("username", "uid"), "groups": _TEXTS, "extra": map_of(types.STRING, _TEXTS)})
    return _struct(
        "AdmissionRequest",
        {
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            **_texts("subResource", "requestSubResource", "name", "namespace", "operation"),
            "userInfo": user,
            "dryRun": types.BOOL,
            "options": types.DYN,
        },
    )


def _namespace_type() -> Type:
    """Times are declared as such, and are texts where an expression looks at them: upstream has it so, as it has `UID`."""
    condition = _struct("NamespaceCondition", {**_texts("status", "type", "message", "reason"), "lastTransitionTime": types.TIMESTAMP})
    metadata = {
        **_texts("name", "generateName", "namespace", "UID", "resourceVersion"),
        "labels": _LABELS,
        "annotations": _LABELS,
        "finalizers": _TEXTS,
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), types.TIMESTAMP),
        **dict.fromkeys(("deletionGracePeriodSeconds", "generation"), types.INT),
    }
    parts = {
        "metadata": _struct("NamespaceMetadata", metadata),
        "spec": _struct("NamespaceSpec", {"finalizers": _TEXTS}),
        "status": _struct("NamespaceStatus", {"conditions": list_of(condition), "phase": types.STRING}),
    }
    return _struct("Namespace", parts)


REQUEST_TYPE: Final = _request_type()
NAMESPACE_TYPE: Final = _namespace_type()


class ExpressionError(Exception):
    """An expression that is none, or whose result is of the wrong type; worded as upstream words it.

    `internal`: it is well typed, and still can not be run.
    """

    def __init__(self, message: str, internal: bool = False) -> None:
        super().__init__(message)
        self.internal = internal


def minor_of(version: str, *, stored: bool) -> int:
    """The minor of the environment for an expression that a Kubernetes of that version (`1.36`) is given, or has already.

    What is given to it must be known to the version before it, too, so that it can be rolled back.
    Upstream: component-base `compatibility/version.go` (MinCompatibilityVersion).
    """
    return STORED if stored else int(version.split(".")[1]) - 1


@functools.lru_cache(maxsize=32)
def environment(minor: int, uses: Uses) -> Environment:
    """`minor`: of `minor_of`."""
    variables = {OBJECT: types.DYN, OLD_OBJECT: types.DYN, NAMESPACE: NAMESPACE_TYPE, REQUEST: REQUEST_TYPE}
    if uses.params:
        variables[PARAMS] = types.DYN
    if uses.authorizer:
        variables |= {AUTHORIZER: AUTHORIZER_TYPE, REQUEST_RESOURCE: RESOURCE_CHECK_TYPE}
    return Environment(minor, variables, libraries=(JSON_PATCHES,), types=MADE_TYPES) if uses.patches else Environment(minor, variables)


def compiled(env: Environment, text: str, expected: Sequence[Type]) -> Program:
    """`expected`: the types of which the result must be one, none for any; ExpressionError."""
    try:
        return env.compile(text, expected)
    except CompileError as error:
        raise ExpressionError(f"{_WRONG[error.kind]}{error.message}", error.kind == "program") from None


_WRONG: Final[Mapping[str, str]] = {
    "syntax": "compilation failed: ",
    "check": "compilation failed: ",
    "result": "",
    "program": "program instantiation failed: ",
}


Declared = tuple[tuple[str, Type], ...]
"""The variables of a policy that an expression may use, and what is known of their types."""

_SHARED: Final[WeakValueDictionary[tuple[int, Uses, str, tuple[Type, ...], Declared | None], Program]] = WeakValueDictionary()
"""As long as a policy or webhook has them."""
_MOST_LENGTH: Final = 1024
"""Of an expression whose type is kept."""


def shared(minor: int, uses: Uses, text: str, expected: tuple[Type, ...], declared: Declared | None = None) -> Program:
    """Compiled once, however many policies and webhooks have it; `declared` where it may use variables.  ExpressionError."""
    key = (minor, uses, text, expected, declared)
    found = _SHARED.get(key)
    if found is None:
        env = environment(minor, uses) if declared is None else _composed(minor, uses, declared)
        found = _SHARED[key] = compiled(env, text, expected)
    return found


def checked(minor: int, uses: Uses, text: str, expected: tuple[Type, ...], declared: Declared | None = None) -> Type:
    """What an expression comes to, known where another policy has it, too: many are checked one after the other.  ExpressionError."""
    check = _checked if len(text) <= _MOST_LENGTH else _checked.__wrapped__
    return check(minor, uses, text, expected, declared)


@functools.lru_cache(maxsize=256)
def _checked(minor: int, uses: Uses, text: str, expected: tuple[Type, ...], declared: Declared | None) -> Type:
    return shared(minor, uses, text, expected, declared).type


@functools.lru_cache(maxsize=32)
def _composed(minor: int, uses: Uses, declared: Declared) -> Environment:
    fields = {name: Field(name, name, kind) for name, kind in declared}
    return environment(minor, uses).extend({VARIABLES: object_type("kubernetes.variables", lambda: fields)})


class Composition:
    """The variables of one policy: each expression may use those that were declared before it is compiled."""

    def __init__(self, base: Callable[[int, Uses], Environment] = environment) -> None:
        self._base = base
        self._fields: dict[str, Field] = {}
        self._type = object_type("kubernetes.variables", lambda: self._fields)
        self._environments: dict[tuple[int, Uses], Environment] = {}

    def environment(self, minor: int, uses: Uses) -> Environment:
        found = self._environments.get((minor, uses))
        if found is None:
            found = self._environments[minor, uses] = self._base(minor, uses).extend({VARIABLES: self._type})
        return found

    def compile(self, text: str, uses: Uses, expected: Sequence[Type] = (), minor: int = STORED) -> Program:
        if self._base is environment:
            return shared(minor, uses, text, tuple(expected), self._declared(text))
        return compiled(self.environment(minor, uses), text, expected)

    def check(self, text: str, uses: Uses, expected: Sequence[Type], minor: int) -> Type:
        """As `compile`, of what is not to be evaluated."""
        return checked(minor, uses, text, tuple(expected), self._declared(text))

    def declare(self, name: str, text: str, uses: Uses, minor: int = STORED) -> Program:
        """A variable; of one whose expression is none, those after it know nothing but that it is there."""
        kind = types.DYN
        try:
            program = self.compile(text, uses, (), minor)
            kind = _kept(program.type)
            return program
        finally:
            self._fields[name] = Field(name, name, kind)

    def check_variable(self, name: str, text: str, uses: Uses, minor: int) -> None:
        """As `declare`, of what is not to be evaluated."""
        kind = types.DYN
        try:
            kind = _kept(self.check(text, uses, (), minor))
        finally:
            self._fields[name] = Field(name, name, kind)

    def _declared(self, text: str) -> Declared | None:
        """None where it can use none."""
        return tuple((name, each.type) for name, each in self._fields.items()) if VARIABLES in text else None


def _kept(kind: Type) -> Type:
    """What is known of a variable's type."""
    if kind.kind in _KEPT:
        return kind
    if kind.kind is TypeKind.LIST:
        return list_of(_kept(kind.element))
    if kind.kind is TypeKind.MAP:
        return map_of(*(_kept(each) for each in kind.parameters))
    return types.DYN
