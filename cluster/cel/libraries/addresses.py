"""IP addresses and networks, from text as Go reads it.  Upstream: Go's `net/netip` (ParseAddr, ParsePrefix).

The standard library decides what is an address; what is wrong with one that is none is found in upstream's order, for its words.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from msgspec import Struct

from cluster.api.field import quoted
from cluster.cel.values import MAX_INT

IPV4_BITS: Final = 32
IPV6_BITS: Final = 128
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_FIELDS: Final = 8
_BITS: Final = "(?a)0|[1-9][0-9]{0,18}"


class AddressError(Exception):
    """A text that is no address or network; the message is Go's."""


class Address(Struct, frozen=True):
    """An address by its number; `bits` is 32 or 128."""

    number: int
    bits: int
    zone: str = ""

    @property
    def is_mapped(self) -> bool:
        """Whether it is an IPv4 address inside IPv6."""
        return self.bits == IPV6_BITS and self.number >> 32 == 0xFFFF

    def __str__(self) -> str:
        return str(ipaddress.IPv4Address(self.number) if self.bits == IPV4_BITS else ipaddress.IPv6Address(self.number))


def parse_address(text: str) -> Address:
    """Raises AddressError."""
    for character in text:
        if character == ".":
            return Address(_ipv4(text, text), IPV4_BITS)
        if character == ":":
            return _ipv6(text)
        if character == "%":
            raise _wrong(text, "missing IPv6 address")
    raise _wrong(text, "unable to parse IP")


def parse_network(text: str) -> tuple[Address, int]:
    """An address and how many of its bits are the network's; raises AddressError."""
    shown, slash, bits = text.rpartition("/")
    if not slash:
        raise _wrong_network(text, "no '/'")
    try:
        address = parse_address(shown)
    except AddressError as failure:
        raise _wrong_network(text, str(failure)) from None
    if address.zone:
        raise _wrong_network(text, "IPv6 zones cannot be present in a prefix")
    if not re.fullmatch(_BITS, bits) or int(bits) > MAX_INT:
        raise _wrong_network(text, f"bad bits after slash: {quoted(bits)}")
    if int(bits) > address.bits:
        raise _wrong_network(text, "prefix length out of range")
    return address, int(bits)


def _wrong(text: str, what: str, rest: str = "") -> AddressError:
    return AddressError(f"ParseAddr({quoted(text)}): {what}{f' (at {quoted(rest)})' if rest else ''}")


def _wrong_network(text: str, what: str) -> AddressError:
    return AddressError(f"netip.ParsePrefix({quoted(text)}): {what}")


def _ipv4(text: str, part: str) -> int:
    """The number of the four octets that a text, or its last part, has."""
    octets = [0]
    digits = 0
    for at, character in enumerate(part):
        if character.isascii() and character.isdigit():
            if digits == 1 and octets[-1] == 0:
                raise _wrong(text, "IPv4 field has octet with leading zero")
            octets[-1] = octets[-1] * 10 + int(character)
            digits += 1
            if octets[-1] > 255:
                raise _wrong(text, "IPv4 field has value >255")
        elif character == ".":
            if at in (0, len(part) - 1) or part[at - 1] == ".":
                raise _wrong(text, "IPv4 field must have at least one digit", part[at:])
            if len(octets) == 4:
                raise _wrong(text, "IPv4 address too long")
            octets.append(0)
            digits = 0
        else:
            raise _wrong(text, "unexpected character", part[at:])
    if len(octets) < 4:
        raise _wrong(text, "IPv4 address too short")
    return int.from_bytes(octets, "big")


def _ipv6(text: str) -> Address:
    rest, percent, zone = text.partition("%")
    if percent and not zone:
        raise _wrong(text, "zone must be a non-empty string")
    gap = -1
    if rest.startswith("::"):
        gap, rest = 0, rest[2:]
        if not rest:
            return Address(0, IPV6_BITS, zone)
    fields: list[int] = []
    while len(fields) < _FIELDS:
        digits = _hex_digits(text, rest)
        if rest[digits : digits + 1] == ".":
            fields += _embedded(text, rest, len(fields), gap)
            rest = ""
            break
        fields.append(int(rest[:digits], 16))
        rest = rest[digits:]
        if not rest:
            break
        rest = _behind_colon(text, rest)
        if rest[0] == ":":
            if gap >= 0:
                raise _wrong(text, "multiple :: in address", rest)
            gap, rest = len(fields), rest[1:]
            if not rest:
                break
    if rest:
        raise _wrong(text, "trailing garbage after address", rest)
    return Address(_number(text, fields, gap), IPV6_BITS, zone)


def _hex_digits(text: str, rest: str) -> int:
    """How many hexadecimal digits come next, one to four."""
    digits = 0
    while digits < len(rest) and rest[digits] in _HEX:
        if digits > 3:
            raise _wrong(text, "each group must have 4 or less digits", rest)
        digits += 1
    if not digits:
        raise _wrong(text, "each colon-separated field must have at least one digit", rest)
    return digits


def _embedded(text: str, rest: str, before: int, gap: int) -> tuple[int, int]:
    """The two fields that an IPv4 address at the end makes."""
    if gap < 0 and before != 6:
        raise _wrong(text, "embedded IPv4 address must replace the final 2 fields of the address", rest)
    if before + 2 > _FIELDS:
        raise _wrong(text, "too many hex fields to fit an embedded IPv4 at the end of the address", rest)
    return divmod(_ipv4(text, rest), 1 << 16)


def _behind_colon(text: str, rest: str) -> str:
    if rest[0] != ":":
        raise _wrong(text, "unexpected character, want colon", rest)
    if len(rest) == 1:
        raise _wrong(text, "colon must be followed by more characters", rest)
    return rest[1:]


def _number(text: str, fields: list[int], gap: int) -> int:
    missing = _FIELDS - len(fields)
    if missing and gap < 0:
        raise _wrong(text, "address string too short")
    if not missing and gap >= 0:
        raise _wrong(text, "the :: must expand to at least one field of zeros")
    if missing:
        fields[gap:gap] = [0] * missing
    number = 0
    for each in fields:
        number = number << 16 | each
    return number
