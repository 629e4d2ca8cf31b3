"""Label and field selectors: parsed from a query or an object, matched against labels or fields.

Upstream: apimachinery `pkg/labels/selector.go`, `pkg/fields/selector.go`; ValueError carries upstream's messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.validation import is_qualified_name, is_valid_label_value

IN: Final = "in"
NOT_IN: Final = "notin"
EQUALS: Final = "="
DOUBLE_EQUALS: Final = "=="
NOT_EQUALS: Final = "!="
GREATER_THAN: Final = "gt"
LESS_THAN: Final = "lt"
EXISTS: Final = "exists"
DOES_NOT_EXIST: Final = "!"

_BINARY: Final = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN)
_SPELLED: Final = {"in": IN, "notin": NOT_IN, "=": EQUALS, "==": DOUBLE_EQUALS, "!=": NOT_EQUALS, ">": GREATER_THAN, "<": LESS_THAN}
_OF_OBJECT: Final = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}
_TOKEN: Final = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>\0]+)")
_SPECIAL: Final = frozenset(("==", "!=", "=", "!", "(", ")", ",", "<", ">"))
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")


class Requirement(NamedTuple):
    """One condition on labels; `values` are sorted."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        operator = self.operator
        if operator in (EQUALS, DOUBLE_EQUALS, IN):
            return value is not None and value in self.values
        if operator in (NOT_EQUALS, NOT_IN):
            return value is None or value not in self.values
        if operator == EXISTS:
            return value is not None
        if operator == DOES_NOT_EXIST:
            return value is None
        number = _int64(value) if value is not None else None
        bound = _int64(self.values[0])
        if number is None or bound is None:
            return False
        return number > bound if operator == GREATER_THAN else number < bound

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == DOES_NOT_EXIST:
            return "!" + self.key
        shown = ",".join(self.values)
        if self.operator in (IN, NOT_IN):
            return f"{self.key} {self.operator} ({shown})"
        sign = {GREATER_THAN: ">", LESS_THAN: "<"}.get(self.operator, self.operator)
        return f"{self.key}{sign}{shown}"


def _int64(text: str) -> int | None:
    if not _INTEGER.fullmatch(text) or len(text) > 20:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


class LabelSelector(Struct, frozen=True):
    """All requirements must hold; none of them selects everything.  `nothing` selects no object at all."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        present = labels or {}
        return all(requirement.matches(present) for requirement in self.requirements)

    @property
    def empty(self) -> bool:
        """Whether it restricts nothing."""
        return not self.nothing and not self.requirements

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING: Final = LabelSelector()
NOTHING: Final = LabelSelector(nothing=True)


def new_requirement(key: str, operator: str, values: Sequence[str]) -> Requirement:
    """A requirement that has been checked; ValueError with all that is wrong with it."""
    errors = _key_errors(key, "key")
    shown = list(values)
    if operator in (IN, NOT_IN):
        if not shown:
            errors.append(field.invalid("values", shown, "for 'in', 'notin' operators, values set can't be empty"))
    elif operator in (EQUALS, DOUBLE_EQUALS, NOT_EQUALS):
        if len(shown) != 1:
            errors.append(field.invalid("values", shown, "exact-match compatibility requires one single value"))
    elif operator in (EXISTS, DOES_NOT_EXIST):
        if shown:
            errors.append(field.invalid("values", shown, "values set must be empty for exists and does not exist"))
    elif operator in (GREATER_THAN, LESS_THAN):
        errors += _comparison_errors(shown)
    else:
        errors.append(field.not_supported("operator", operator, (*_BINARY, EXISTS, DOES_NOT_EXIST)))
    for position, value in enumerate(shown):
        messages = is_valid_label_value(value)
        if messages:
            errors.append(field.invalid(f"values[{position}][{key}]", value, "; ".join(messages)))
    if errors:
        raise ValueError(_aggregate(errors))
    return Requirement(key, operator, tuple(sorted(shown)))


def _comparison_errors(values: Sequence[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(values) != 1:
        errors.append(field.invalid("values", list(values), "for 'Gt', 'Lt' operators, exactly one value is required"))
    for position, value in enumerate(values):
        if _int64(value) is None:
            errors.append(field.invalid(f"values[{position}]", value, "for 'Gt', 'Lt' operators, the value must be an integer"))
    return errors


def _key_errors(key: str, path: str) -> list[FieldError]:
    messages = is_qualified_name(key)
    return [field.invalid(path, key, "; ".join(messages))] if messages else []


def _aggregate(errors: Sequence[FieldError]) -> str:
    shown = list(dict.fromkeys(str(error) for error in errors))
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def _tokens(text: str) -> list[str]:
    """The words and signs of a selector, up to a NUL; the end is an empty string."""
    found: list[str] = []
    position = 0
    while match := _TOKEN.match(text, position):
        found.append(match[1])
        position = match.end()
    return [*found, ""]


class _Parser:
    """Upstream's recursive descent, so that what is refused is refused in its words."""

    def __init__(self, text: str) -> None:
        self._items = _tokens(text)
        self._position = 0

    def _look(self) -> str:
        return self._items[self._position]

    def _take(self) -> str:
        item = self._items[self._position]
        self._position = min(self._position + 1, len(self._items) - 1)
        return item

    @staticmethod
    def _is_identifier(item: str) -> bool:
        return bool(item) and item not in _SPECIAL

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            item = self._look()
            if not item:
                return found
            if item != "!" and not self._is_identifier(item):
                raise ValueError(f"found '{item}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except ValueError as error:
                raise ValueError(f"unable to parse requirement: {error}") from None
            item = self._take()
            if not item:
                return found
            if item != ",":
                raise ValueError(f"found '{item}', expected: ',' or 'end of string'")
            following = self._look()
            if following != "!" and not self._is_identifier(following):
                raise ValueError(f"found '{following}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        key = self._take()
        absent = key == "!"
        if absent:
            key = self._take()
        if not self._is_identifier(key):
            raise ValueError(f"found '{key}', expected: identifier")
        errors = _key_errors(key, "<nil>")
        if errors:
            raise ValueError(str(errors[0]))
        if absent:
            return new_requirement(key, DOES_NOT_EXIST, ())
        if self._look() in ("", ","):
            return new_requirement(key, EXISTS, ())
        sign = self._take()
        operator = _SPELLED.get(sign)
        if operator is None:
            raise ValueError(f"found '{sign}', expected: {', '.join(_BINARY)}")
        values = self._values() if operator in (IN, NOT_IN) else self._exact_value()
        return new_requirement(key, operator, sorted(values))

    def _exact_value(self) -> set[str]:
        if self._look() in ("", ","):
            return {""}
        item = self._take()
        if not self._is_identifier(item):
            raise ValueError(f"found '{item}', expected: identifier")
        return {item}

    def _values(self) -> set[str]:
        item = self._take()
        if item != "(":
            raise ValueError(f"found '{item}' expected: '('")
        item = self._look()
        if item == ")":
            self._take()
            return {""}
        if item != "," and not self._is_identifier(item):
            raise ValueError(f"found '{item}', expected: ',', ')' or identifier")
        values = self._identifiers()
        self._take()
        return values

    def _identifiers(self) -> set[str]:
        """Up to the closing parenthesis, which stays; commas without a word between them stand for an empty value."""
        values: set[str] = set()
        while True:
            item = self._take()
            if self._is_identifier(item):
                values.add(item)
                following = self._look()
                if following == ")":
                    return values
                if following != ",":
                    raise ValueError(f"found '{following}', expected: ',' or ')'")
            elif item == ",":
                following = self._look()
                if not values or following in (")", ","):
                    values.add("")
                if following == ")":
                    return values
            else:
                raise ValueError(f"found '{item}', expected: ',', or identifier")


def parse_label_selector(text: str) -> LabelSelector:
    """A selector as a query gives it, e.g. `app=web,tier in (a, b),!old`; requirements are sorted by key."""
    if not text:
        return EVERYTHING
    return LabelSelector(tuple(sorted(_Parser(text).parse(), key=lambda each: each.key)))


def from_label_selector(selector: Mapping[str, Any] | None) -> LabelSelector:
    """From a `metav1.LabelSelector`: None selects nothing, an empty one everything."""
    if selector is None:
        return NOTHING
    found = [new_requirement(key, EQUALS, (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        operator = _OF_OBJECT.get(expression.get("operator", ""))
        if operator is None:
            raise ValueError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        found.append(new_requirement(expression.get("key", ""), operator, expression.get("values") or ()))
    return LabelSelector(tuple(sorted(found, key=lambda each: each.key)))


def from_set(labels: Mapping[str, str] | None) -> LabelSelector:
    """Exactly these labels, unchecked, as `spec.selector` of a Service has them; none of them selects everything."""
    return LabelSelector(tuple(Requirement(key, EQUALS, (value,)) for key, value in sorted((labels or {}).items())))


class FieldRequirement(NamedTuple):
    """One condition on a field; the operator is `=` or `!=`."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{escape_field_value(self.value)}"


class FieldSelector(Struct, frozen=True):
    """All requirements must hold; a field that an object lacks counts as the empty string."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Callable[[str], str] | Mapping[str, str]) -> bool:
        get = fields if callable(fields) else lambda name: fields.get(name, "")
        return all((get(name) == value) == (operator == EQUALS) for name, operator, value in self.requirements)

    @property
    def empty(self) -> bool:
        return not self.requirements

    def exact(self, name: str) -> str | None:
        """The one value that the field must have, or None where it may have several."""
        for requirement in self.requirements:
            if requirement.field == name and requirement.operator == EQUALS:
                return requirement.value
        return None

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def escape_field_value(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def unescape_field_value(text: str) -> str:
    """The literal value; ValueError for an unknown escape or for a bare comma or equals sign."""
    found: list[str] = []
    escaped = False
    for char in text:
        if escaped:
            if char not in "\\,=":
                raise ValueError(f"invalid field selector: invalid escape sequence: \\{char}")
            found.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in ",=":
            raise ValueError(f"invalid field selector: unescaped character in value: {ord(char)}")
        else:
            found.append(char)
    if escaped:
        raise ValueError("invalid field selector: invalid escape sequence: \\")
    return "".join(found)


_TERM: Final = re.compile(r"(?:[^\\,]|\\.|\\$)*", re.DOTALL)
_FIELD_OPERATOR: Final = re.compile("!=|==|=")


def parse_field_selector(text: str) -> FieldSelector:
    """A selector as a query gives it, e.g. `metadata.name=web,spec.nodeName!=n1`; terms are sorted as text."""
    terms: list[str] = []
    position = 0
    while position <= len(text):
        match = _TERM.match(text, position)
        assert match is not None
        terms.append(match[0])
        position = match.end() + 1
    found: list[FieldRequirement] = []
    for term in sorted(filter(None, terms)):
        sign = _FIELD_OPERATOR.search(term)
        if sign is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{term}'")
        value = unescape_field_value(term[sign.end() :])
        operator = NOT_EQUALS if sign[0] == NOT_EQUALS else EQUALS
        if term[: sign.start()] or value:
            found.append(FieldRequirement(term[: sign.start()], operator, value))
    return FieldSelector(tuple(found))


FieldRequirements = tuple[tuple[str, str, str], ...]
LabelRequirements = tuple[tuple[str, str, tuple[str, ...]], ...]
_ASKED: Final = {
    IN: "In",
    EQUALS: "In",
    DOUBLE_EQUALS: "In",
    NOT_IN: "NotIn",
    NOT_EQUALS: "NotIn",
    EXISTS: "Exists",
    DOES_NOT_EXIST: "DoesNotExist",
}


def asked_fields(selector: FieldSelector) -> FieldRequirements:
    """A selector as authorizers are asked about it."""
    return tuple((each.field, each.operator, each.value) for each in selector.requirements)


def asked_labels(selector: LabelSelector) -> LabelRequirements:
    """Likewise, without comparisons of numbers."""
    return tuple((each.key, _ASKED[each.operator], each.values) for each in selector.requirements if each.operator in _ASKED)
