"""Named formats: `format.dns1123Label().validate('a-b')`.

Upstream: apiserver `pkg/cel/library/format.go`; kube-openapi `pkg/validation/strfmt`, Go's `time` (dates).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, ClassVar, Final

from cluster.api import validation
from cluster.cel import types
from cluster.cel.costs import matching
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import REGEX_LENGTH, STRING_TRAVERSAL, Estimate, Function, Library, Sized
from cluster.cel.libraries.declaring import member, own_type, plain
from cluster.cel.libraries.url_parsing import UrlError, parse_request
from cluster.cel.runtime_types import size_of
from cluster.cel.types import list_of, optional_of
from cluster.cel.values import NONE, CelError, Opaque, Optional_

FORMAT_TYPE: Final = own_type("kubernetes.NamedFormat")
MAX_PATTERN: Final = 128
"""What the pattern of any format is taken to be at most (apiserver `pkg/cel/limits.go`)."""
_UUID: Final = "(?ai)[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
_BASE64: Final = "(?a)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"
_DATE: Final = "(?a)([0-9]{4})-([0-9]{2})-([0-9]{2})"
_TIME: Final = "(?a)([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[^\n][0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})"
_LEAP_YEAR: Final = 2000


class Format(Opaque, frozen=True, eq=False):
    """A rule for strings; `check` tells what is wrong with one, `pattern` is how long a pattern it is taken for."""

    type_name: ClassVar[str] = "kubernetes.NamedFormat"
    name: str
    check: Callable[[str], list[str]]
    pattern: int

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Format):
            raise CelError("no such overload")
        return self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


def _is_date(text: str) -> bool:
    parts = re.fullmatch(_DATE, text)
    if parts is None:
        return False
    year, month, day = map(int, parts.groups())
    try:
        date(year or _LEAP_YEAR, month, day)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    """What is behind a second `t` is not looked at."""
    parts = text.lower().split("t")
    if len(parts) < 2 or not _is_date(parts[0]):
        return False
    time = re.fullmatch(_TIME, parts[1])
    return time is not None and time[1] <= "23" and time[2] <= "59" and time[3] <= "59"


def _uri(text: str) -> list[str]:
    try:
        parse_request(text)
    except UrlError as failure:
        return [str(failure)]
    return []


def _if_not(rule: Callable[[str], object], message: str) -> Callable[[str], list[str]]:
    return lambda text: [] if rule(text) else [message]


def _name(rule: Callable[[str, bool], list[str]], prefix: bool) -> Callable[[str], list[str]]:
    return lambda text: rule(text, prefix)


FORMATS: Final[Mapping[str, Format]] = {
    "dns1123Label": Format("DNS1123Label", _name(validation.name_is_dns_label, False), 30),
    "dns1123Subdomain": Format("DNS1123Subdomain", _name(validation.name_is_dns_subdomain, False), 60),
    "dns1035Label": Format("DNS1035Label", _name(validation.name_is_dns1035_label, False), 30),
    "qualifiedName": Format("QualifiedName", validation.is_qualified_name, 60),
    "dns1123LabelPrefix": Format("DNS1123LabelPrefix", _name(validation.name_is_dns_label, True), 30),
    "dns1123SubdomainPrefix": Format("DNS1123SubdomainPrefix", _name(validation.name_is_dns_subdomain, True), 60),
    "dns1035LabelPrefix": Format("DNS1035LabelPrefix", _name(validation.name_is_dns1035_label, True), 30),
    "labelValue": Format("LabelValue", validation.is_valid_label_value, 40),
    "uri": Format("URI", _uri, 1103),
    "uuid": Format("uuid", _if_not(partial(re.fullmatch, _UUID), "does not match the UUID format"), 70),
    "byte": Format("byte", _if_not(partial(re.fullmatch, _BASE64), "invalid base64"), 84),
    "date": Format("date", _if_not(_is_date, "invalid date"), 71),
    "datetime": Format("datetime", _if_not(_is_date_time, "invalid datetime"), 71),
}


def named(name: str) -> Optional_:
    found = FORMATS.get(name)
    return NONE if found is None else Optional_(found)


def validate(rule: Format, text: str) -> Optional_:
    """What is wrong with a text, if anything is."""
    messages = rule.check(text)
    return Optional_(messages) if messages else NONE


def _cost(arguments: Sequence[Any], _: Any) -> int:
    rule, text = arguments
    return matching(size_of(text), rule.pattern) if isinstance(rule, Format) else 1


def _estimate(_: Sized | None, arguments: Sequence[Sized]) -> Estimate:
    return Estimate(known_size(arguments[0]).scaled(STRING_TRAVERSAL).scaled(MAX_PATTERN * REGEX_LENGTH))


def _constant(name: str, rule: Format) -> Function:
    return plain(f"format.{name}", f"format.{name}", (), FORMAT_TYPE, lambda: rule)


NAMED_FORMATS: Final = Library(
    "kubernetes.format",
    functions=(
        member(
            "validate",
            "format-validate",
            (FORMAT_TYPE, types.STRING),
            optional_of(list_of(types.STRING)),
            validate,
            _cost,
            _estimate,
        ),
        plain("format.named", "format-named", (types.STRING,), optional_of(FORMAT_TYPE), named),
        *(_constant(name, rule) for name, rule in FORMATS.items()),
    ),
    since=31,
)
