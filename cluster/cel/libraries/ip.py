"""IP addresses: `ip('10.0.0.1').isLoopback()`.  Upstream: apiserver `pkg/cel/library/ip.go`, `pkg/cel/ip.go`; Go's `net/netip`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from cluster.api.field import quoted
from cluster.cel import types
from cluster.cel.costs import of_first
from cluster.cel.functions import Function, Library
from cluster.cel.libraries.addresses import IPV4_BITS, Address, AddressError, parse_address
from cluster.cel.libraries.declaring import member, plain
from cluster.cel.libraries.library_costs import of_first_and_result, of_first_text, of_first_text_twice
from cluster.cel.types import opaque
from cluster.cel.values import CelError, Opaque

IP_TYPE: Final = opaque("net.IP")
_BROADCAST: Final = 0xFFFFFFFF


class IP(Opaque, frozen=True, eq=False):
    """An address; neither with a zone nor of IPv4 inside IPv6."""

    type_name: ClassVar[str] = "net.IP"
    address: Address

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IP):
            raise CelError("no such overload")
        return self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)

    def size(self) -> int:
        """In bytes."""
        return self.address.bits // 8

    def begins(self, bits: int, prefix: int) -> bool:
        """Whether its first bits are those of a number."""
        return self.address.number >> (self.address.bits - bits) == prefix


def parse_ip(text: str) -> IP:
    try:
        address = parse_address(text)
    except AddressError as failure:
        raise CelError(f"IP Address {quoted(text)} parse error during conversion from string: {failure}") from None
    if address.zone:
        raise CelError(f"IP address {quoted(text)} with zone value is not allowed")
    if address.is_mapped:
        raise CelError(f"IPv4-mapped IPv6 address {quoted(text)} is not allowed")
    return IP(address)


def is_ip(text: str) -> bool:
    try:
        parse_ip(text)
    except CelError:
        return False
    return True


def is_canonical(text: str) -> bool:
    return str(parse_ip(text)) == text


def family(ip: IP) -> int:
    return 4 if ip.address.bits == IPV4_BITS else 6


def is_unspecified(ip: IP) -> bool:
    return ip.address.number == 0


def is_loopback(ip: IP) -> bool:
    return ip.begins(8, 127) if family(ip) == 4 else ip.address.number == 1


def is_multicast(ip: IP) -> bool:
    return ip.begins(4, 0xE) if family(ip) == 4 else ip.begins(8, 0xFF)


def is_link_local_multicast(ip: IP) -> bool:
    if family(ip) == 4:
        return ip.begins(24, 0xE00000)
    return ip.begins(8, 0xFF) and ip.address.number >> 112 & 0xF == 2


def is_link_local_unicast(ip: IP) -> bool:
    return ip.begins(16, 0xA9FE) if family(ip) == 4 else ip.begins(10, 0xFE80 >> 6)


def is_global_unicast(ip: IP) -> bool:
    """What is of no special use; private addresses are of none."""
    if family(ip) == 4 and ip.address.number == _BROADCAST:
        return False
    return not (is_unspecified(ip) or is_loopback(ip) or is_multicast(ip) or is_link_local_unicast(ip))


def _whether(name: str, id_: str, call: Callable[[IP], bool]) -> Function:
    return member(name, f"ip_is_{id_}", (IP_TYPE,), types.BOOL, call)


IPS: Final = Library(
    "kubernetes.net.ip",
    functions=(
        plain("ip", "string_to_ip", (types.STRING,), IP_TYPE, parse_ip, of_first, of_first_text),
        member("family", "ip_family", (IP_TYPE,), types.INT, family),
        plain("ip.isCanonical", "ip_is_canonical", (types.STRING,), types.BOOL, is_canonical, of_first_and_result, of_first_text_twice),
        _whether("isUnspecified", "unspecified", is_unspecified),
        _whether("isLoopback", "loopback", is_loopback),
        _whether("isLinkLocalMulticast", "link_local_multicast", is_link_local_multicast),
        _whether("isLinkLocalUnicast", "link_local_unicast", is_link_local_unicast),
        _whether("isGlobalUnicast", "global_unicast", is_global_unicast),
        plain("isIP", "is_ip", (types.STRING,), types.BOOL, is_ip, of_first, of_first_text),
        plain("string", "ip_to_string", (IP_TYPE,), types.STRING, str),
    ),
    types={"net.IP": IP_TYPE},
    since=30,
)
