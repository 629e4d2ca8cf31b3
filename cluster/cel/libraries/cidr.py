"""Networks: `cidr('10.0.0.0/8').containsIP('10.1.2.3')`.  Upstream: apiserver `pkg/cel/library/cidr.go`, `pkg/cel/cidr.go`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from cluster.api.field import quoted
from cluster.cel import types
from cluster.cel.costs import of_first, traversal
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import (
    NOTHING,
    ONE,
    STRING_TRAVERSAL,
    Bounds,
    Estimate,
    Function,
    Library,
    Overload,
    RuntimeCost,
    Sized,
    StaticCost,
)
from cluster.cel.libraries.addresses import Address, AddressError, parse_network
from cluster.cel.libraries.declaring import member, plain
from cluster.cel.libraries.ip import IP, IP_TYPE, parse_ip
from cluster.cel.libraries.library_costs import of_first_text
from cluster.cel.runtime_types import size_of
from cluster.cel.types import Type, opaque
from cluster.cel.values import CelError, Opaque

CIDR_TYPE: Final = opaque("net.CIDR")
_BYTES: Final = Bounds(4, 16)
"""Of an address."""


class CIDR(Opaque, frozen=True, eq=False):
    """An address and how many of its bits are the network's."""

    type_name: ClassVar[str] = "net.CIDR"
    address: Address
    prefix: int

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CIDR):
            raise CelError("no such overload")
        return self.address == other.address and self.prefix == other.prefix

    def __hash__(self) -> int:
        return hash((self.address, self.prefix))

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"

    def size(self) -> int:
        """Of the prefix, in bytes."""
        return (self.prefix + 7) // 8

    def network(self, prefix: int) -> int:
        """The first bits of the address."""
        return self.address.number >> (self.address.bits - prefix)


def parse_cidr(text: str) -> CIDR:
    try:
        return _parsed(text)
    except CelError as failure:
        raise CelError(f"network address parse error during conversion from string: {failure}") from None


def _parsed(text: str) -> CIDR:
    try:
        address, prefix = parse_network(text)
    except AddressError as failure:
        raise CelError(f"network address parse error during conversion from string: {failure}") from None
    if address.is_mapped:
        raise CelError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return CIDR(address, prefix)


def is_cidr(text: str) -> bool:
    try:
        _parsed(text)
    except CelError:
        return False
    return True


def contains_ip(cidr: CIDR, ip: IP) -> bool:
    if cidr.address.bits != ip.address.bits:
        return False
    return cidr.network(cidr.prefix) == ip.address.number >> (ip.address.bits - cidr.prefix)


def contains_ip_text(cidr: CIDR, text: str) -> bool:
    """What is no address is told of as upstream does it, which is not what is wrong with it."""
    try:
        ip = parse_ip(text)
    except CelError:
        raise CelError("no such overload") from None
    return contains_ip(cidr, ip)


def contains_cidr(cidr: CIDR, other: CIDR) -> bool:
    if cidr.address.bits != other.address.bits or cidr.prefix > other.prefix:
        return False
    return cidr.network(cidr.prefix) == other.network(cidr.prefix)


def contains_cidr_text(cidr: CIDR, text: str) -> bool:
    return contains_cidr(cidr, parse_cidr(text))


def masked(cidr: CIDR) -> CIDR:
    """With all bits behind the prefix zero."""
    rest = cidr.address.bits - cidr.prefix
    return CIDR(Address(cidr.network(cidr.prefix) << rest, cidr.address.bits), cidr.prefix)


def _containing(masking: bool, parsing: bool) -> RuntimeCost:
    """Comparing bytes up to the prefix; masking them first; reading the other from text."""

    def cost(arguments: Sequence[Any], _: Any) -> int:
        size = size_of(arguments[0])
        total = traversal(2 * size)
        if masking:
            total += traversal(size) + 1
        return total + (traversal(size_of(arguments[1])) if parsing else 0)

    return cost


def _containing_estimate(masking: bool, parsing: bool) -> StaticCost:
    def estimated(_: Sized | None, arguments: Sequence[Sized]) -> Estimate:
        total = (_BYTES + _BYTES).scaled(STRING_TRAVERSAL)
        if masking:
            total += _BYTES.scaled(STRING_TRAVERSAL) + ONE
        return Estimate(total + (known_size(arguments[0]).scaled(STRING_TRAVERSAL) if parsing else NOTHING))

    return estimated


def _containment(name: str, masking: bool, overloads: Sequence[tuple[str, Type, Callable[..., bool]]]) -> Function:
    made = [
        Overload(
            id_,
            (CIDR_TYPE, other),
            types.BOOL,
            call,
            member=True,
            cost=_containing(masking, other is types.STRING),
            estimate=_containing_estimate(masking, other is types.STRING),
        )
        for id_, other, call in overloads
    ]
    return Function(name, tuple(made), _containing(masking, False))


CIDRS: Final = Library(
    "kubernetes.net.cidr",
    functions=(
        plain("cidr", "string_to_cidr", (types.STRING,), CIDR_TYPE, parse_cidr, of_first, of_first_text),
        _containment(
            "containsIP",
            False,
            (("cidr_contains_ip_string", types.STRING, contains_ip_text), ("cidr_contains_ip_ip", IP_TYPE, contains_ip)),
        ),
        _containment(
            "containsCIDR",
            True,
            (("cidr_contains_cidr_string", types.STRING, contains_cidr_text), ("cidr_contains_cidr", CIDR_TYPE, contains_cidr)),
        ),
        Function(
            "ip", (Overload("cidr_ip", (CIDR_TYPE,), IP_TYPE, lambda cidr: IP(cidr.address), member=True, cost=lambda _arguments, _: 1),)
        ),
        member("prefixLength", "cidr_prefix_length", (CIDR_TYPE,), types.INT, lambda cidr: cidr.prefix),
        member("masked", "cidr_masked", (CIDR_TYPE,), CIDR_TYPE, masked),
        plain("isCIDR", "is_cidr", (types.STRING,), types.BOOL, is_cidr, of_first, of_first_text),
        plain("string", "cidr_to_string", (CIDR_TYPE,), types.STRING, str),
    ),
    types={"net.CIDR": CIDR_TYPE},
    since=30,
)
