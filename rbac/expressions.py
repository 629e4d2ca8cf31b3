"""Expressions (CEL) of the configuration files of authentication and authorization.

They are compiled as a file is judged, each text once, and evaluated as requests come, each within a limit of its own.
Upstream: apiserver `pkg/authentication/cel`, `pkg/authorization/cel`, `pkg/apis/apiserver/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cluster.api.equality import OwnEquality
from cluster.api.field import FieldError, internal, invalid
from cluster.cel import types
from cluster.cel.types import Field, Type
from cluster.cel.values import CelError, CostExceeded

if TYPE_CHECKING:  # what compiles takes a while to load, and most files have no expressions
    from cluster.cel.environment import Environment, Program

TEXTS: Final = types.list_of(types.STRING)
LISTS_OF_TEXTS: Final = types.map_of(types.STRING, TEXTS)


class BadExpression(Exception):
    """A text that is no expression, or one of another type than is wanted; `internal`: it is sound, and cannot be run."""

    def __init__(self, text: str, detail: str, internal: bool) -> None:
        super().__init__(detail)
        self.text = text
        self.detail = detail
        self.internal = internal

    def fault(self, path: str) -> FieldError:
        return internal(path, self.detail) if self.internal else invalid(path, self.text, self.detail)


class EvaluationFailed(Exception):
    """An expression that has no value for what it was evaluated with; the message names it."""


class Expression(OwnEquality, frozen=True, eq=False):
    """A text that is compiled; equal by the text, so that files which say the same are the same."""

    text: str
    program: Program

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def evaluate(self, values: Mapping[str, Any]) -> Any:
        """EvaluationFailed; also where it costs more than one evaluation may."""
        try:
            return self.program.evaluate(values).value
        except (CelError, CostExceeded) as error:
            raise EvaluationFailed(f"expression '{self.text}' resulted in error: {error}") from None


class Compiler:
    """Compiles the expressions of one file, each once, however often it is asked for it."""

    def __init__(self, environment: Callable[[], Environment], mistyped: str = "") -> None:
        """`mistyped` is said of what must be true or false and is of another type, in place of the compiler's own words."""
        self._environment = environment
        self._mistyped = mistyped
        self._known: dict[tuple[str, bool], Expression | BadExpression] = {}

    def compile(self, text: str, *, boolean: bool = False) -> Expression:
        """`boolean`: whether it must be true or false; BadExpression."""
        known = self._known.get((text, boolean))
        if known is None:
            known = self._known[text, boolean] = self._compiled(text, boolean)
        if isinstance(known, BadExpression):
            raise known
        return known

    def _compiled(self, text: str, boolean: bool) -> Expression | BadExpression:
        from cluster.cel.environment import CompileError

        try:
            return Expression(text, self._environment().compile(text, (types.BOOL,) if boolean else ()))
        except CompileError as error:
            said = self._mistyped if error.kind == "result" and self._mistyped else error.message
            return BadExpression(text, _WHAT[error.kind] + said, error.kind == "program")

    def sound(self, text: str, *, boolean: bool = False) -> Expression | None:
        """The expression, unless the text is none."""
        try:
            return self.compile(text, boolean=boolean)
        except BadExpression:
            return None

    def faults(self, text: str, path: str, *, boolean: bool = False) -> Iterator[FieldError]:
        """What is wrong with the text at the path of a file."""
        try:
            self.compile(text, boolean=boolean)
        except BadExpression as bad:
            yield bad.fault(path)


_WHAT: Final = {
    "syntax": "compilation failed: ",
    "check": "compilation failed: ",
    "result": "",
    "program": "program instantiation failed: ",
}


def struct(name: str, fields: Mapping[str, Type]) -> Type:
    """The type of objects with these fields."""
    made = {each: Field(each, each, kind) for each, kind in fields.items()}
    return types.object_type(f"kubernetes.{name}", lambda: made)
