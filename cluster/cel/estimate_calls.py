"""What calls of the standard functions may cost.

Upstream: cel-go `checker/cost.go` (functionCost), apiserver `pkg/cel/library/cost.go` (equality).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cluster.cel.functions import MOST, ONE, REGEX_LENGTH, STRING_TRAVERSAL, UNKNOWN, Bounds, Estimate, Sized, StaticCost

ArgumentCosts = Sequence[Bounds]
MAX_FORMAT_NAME: Final = 64

_CHEAPLY_EQUAL: Final = frozenset({
    "net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver", "kubernetes.authorization.Authorizer",
    "kubernetes.authorization.PathCheck", "kubernetes.authorization.GroupCheck", "kubernetes.authorization.ResourceCheck",
    "kubernetes.authorization.Decision",
})  # fmt: skip


def known_size(of: Sized) -> Bounds:
    return of.size or UNKNOWN


def equality_cost(arguments: Sequence[Sized]) -> Estimate | None:
    """Of two values of one of Kubernetes' own types."""
    left, right = arguments
    if left.type != right.type:
        return None
    name = left.type.name
    if name in _CHEAPLY_EQUAL:
        return Estimate(ONE)
    if name == "kubernetes.NamedFormat":
        return Estimate(Bounds(1, MAX_FORMAT_NAME).scaled(STRING_TRAVERSAL))
    if name == "kubernetes.URL":
        return Estimate(Bounds(1, (right.size or ONE).most).scaled(STRING_TRAVERSAL))
    return None


def _wrapped(number: int) -> int:
    """As an unsigned integer of 64 bits that overflows, as upstream's do here."""
    return number & MOST


def _format(target: Sized | None, _: Sequence[Sized]) -> Estimate | None:
    return Estimate(known_size(target).scaled(STRING_TRAVERSAL)) if target is not None else None


def _to_bytes(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    size = known_size(arguments[0])
    return Estimate(size.scaled(STRING_TRAVERSAL), Bounds(size.least, _wrapped(size.most * 4)))


def _to_string(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    size = known_size(arguments[0])
    return Estimate(size.scaled(STRING_TRAVERSAL), Bounds(size.least // 4, size.most))


def _quote(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    size = known_size(arguments[0])
    return Estimate(size.scaled(STRING_TRAVERSAL), Bounds(_wrapped(size.least + 2), _wrapped(size.most * 2 + 2)))


def _affix(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    return Estimate(known_size(arguments[0]).scaled(STRING_TRAVERSAL)) if len(arguments) == 1 else None


def _in_list(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    return Estimate(known_size(arguments[1]).scaled(1))


def _matches(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    if target is None or len(arguments) != 1:
        return None
    text = (known_size(target) + ONE).scaled(STRING_TRAVERSAL)
    return Estimate(text * known_size(arguments[0]).scaled(REGEX_LENGTH))


def _contains(target: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    if target is None or len(arguments) != 1:
        return None
    return Estimate(known_size(target).scaled(STRING_TRAVERSAL) * known_size(arguments[0]).scaled(STRING_TRAVERSAL))


def _add_text(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    size = known_size(arguments[0]) + known_size(arguments[1])
    return Estimate(size.scaled(STRING_TRAVERSAL), size)


def _add_list(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    return Estimate(ONE, known_size(arguments[0]) + known_size(arguments[1]))


def _compare(_: Sized | None, arguments: Sequence[Sized]) -> Estimate | None:
    most = min(known_size(arguments[0]).most, known_size(arguments[1]).most)
    return Estimate(Bounds(1 if most > 0 else 0, most).scaled(STRING_TRAVERSAL))


STANDARD: Final[Mapping[str, StaticCost]] = {
    "string_format": _format,
    "string_to_bytes": _to_bytes,
    "bytes_to_string": _to_string,
    "strings_quote": _quote,
    "starts_with_string": _affix,
    "ends_with_string": _affix,
    "in_list": _in_list,
    "matches_string": _matches,
    "contains_string": _contains,
    "add_string": _add_text,
    "add_bytes": _add_text,
    "add_list": _add_list,
    "equals": _compare,
    "not_equals": _compare,
    **{f"{name}_{of}": _compare for name in ("less", "greater", "less_equals", "greater_equals") for of in ("string", "bytes")},
}
"""By overloads, without their arguments' costs.  All others cost 1."""


def _shortened(_: Sequence[Sized], costs: ArgumentCosts) -> Estimate:
    left, right = costs
    return Estimate(Bounds(left.least, (left + right).most))


def _conditional(arguments: Sequence[Sized], costs: ArgumentCosts) -> Estimate:
    condition, positive, negative = costs
    return Estimate(condition + positive.union(negative), known_size(arguments[1]).union(known_size(arguments[2])))


LAZY: Final[Mapping[str, Callable[[Sequence[Sized], ArgumentCosts], Estimate]]] = {
    "logical_or": _shortened,
    "logical_and": _shortened,
    "conditional": _conditional,
}
"""By overloads that may leave arguments alone, with their arguments' costs."""
