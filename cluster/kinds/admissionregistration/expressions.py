"""Expressions of webhook configurations and policies, compiled as they are written.

One that the replaced object has already is judged as what is stored, by all that any version knows; a new one by what the version before
knows, too, so that the server can be rolled back.  The engine is loaded when something is compiled: most clusters only read such objects.
Upstream: `pkg/apis/admissionregistration/validation/validation.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.cel import types
from cluster.cel.types import Type
from cluster.kinds.checks import qualified_name
from cluster.schema.admission_variables import Uses
from cluster.schema.cel_types import RESERVED

_MAX_CONDITIONS: Final = 64
_IDENTIFIER: Final = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")

Known = Collection[str]
"""Expressions that the replaced object has at the same place."""


class Compiler:
    """Of the expressions of one object; with `composed`, they may use the variables that were declared before them."""

    def __init__(self, version: str, *, composed: bool) -> None:
        from cluster.schema import admission_expressions

        self._engine = admission_expressions
        self._version = version
        self._composition = admission_expressions.Composition() if composed else None

    def check(
        self, text: str, path: str, uses: Uses, expected: Sequence[Type], known: Known, *, key: str = "", shown: str = ""
    ) -> list[FieldError]:
        """`key`: the expression as it is among what is known, `shown`: as errors show it; both where it differs from `text`."""
        minor = self._minor_of(key or text, known)
        engine, composition = self._engine, self._composition
        if composition is not None:
            return self._judged(lambda: composition.check(text, uses, expected, minor), path, shown or text)
        return self._judged(lambda: engine.checked(minor, uses, text, tuple(expected)), path, shown or text)

    def declare(self, variable: Object, path: str, uses: Uses, known: Known) -> list[FieldError]:
        """A variable, for all expressions that come after it."""
        name, text = variable.get("name") or "", variable.get("expression") or ""
        errors: list[FieldError] = []
        if not name.strip():
            errors.append(field.required(f"{path}.name", "name is not specified"))
        elif not _IDENTIFIER.fullmatch(name) or name in RESERVED:
            errors.append(field.invalid(f"{path}.name", name, "must be a valid CEL identifier"))
        if not text.strip():
            return [*errors, field.required(f"{path}.expression", "expression is not specified")]
        composition = self._composition
        assert composition is not None, "of what is not composed there are no variables"
        minor = self._minor_of(text, known)
        return errors + self._judged(lambda: composition.check_variable(name, text, uses, minor), f"{path}.expression", text)

    def _minor_of(self, text: str, known: Known) -> int:
        return self._engine.minor_of(self._version, stored=text in known)

    def _judged(self, check: Callable[[], object], path: str, text: str) -> list[FieldError]:
        try:
            check()
        except self._engine.ExpressionError as error:
            return [field.internal(path, str(error)) if error.internal else field.invalid(path, text, str(error))]
        return []


def validate_conditions(conditions: Sequence[Object], path: str, version: str, known: Known, *, params: bool = False) -> list[FieldError]:
    """Match conditions; `params`: whether they may look at parameters.  They know no variables."""
    if not conditions:
        return []
    errors: list[FieldError] = []
    if len(conditions) > _MAX_CONDITIONS:
        errors.append(field.too_many(path, len(conditions), _MAX_CONDITIONS))
    compiler = Compiler(version, composed=False)
    names: set[str] = set()
    for position, condition in enumerate(conditions):
        place = field.index(path, position)
        name, text = condition.get("name") or "", (condition.get("expression") or "").strip()
        if text:
            errors += compiler.check(text, f"{place}.expression", Uses(params, True), [types.BOOL], known)
        else:
            errors.append(field.required(f"{place}.expression"))
        errors += qualified_name(f"{place}.name", name) if name else [field.required(f"{place}.name")]
        if name and name in names:
            errors.append(field.duplicate(f"{place}.name", name))
        names.add(name)
    return errors


def expressions_of(parts: Sequence[Object] | None, name: str = "expression") -> frozenset[str]:
    """What is known of an object that is replaced."""
    return frozenset(each.get(name) or "" for each in parts or ())
