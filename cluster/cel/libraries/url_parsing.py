"""URLs as Go reads and writes them.  Upstream: Go's `net/url` (ParseRequestURI, Parse, EscapedPath, Query, String).

A URL is bytes: escapes may stand for any of them, and what is wrong may be cut between two.  Bytes that are no UTF-8 become replacement
characters where they become text.
"""

from __future__ import annotations

import re
import string
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from cluster.api.field import quoted
from cluster.cel.libraries.addresses import IPV4_BITS, AddressError, parse_address

_UNRESERVED: Final = frozenset((string.ascii_letters + string.digits + "-_.~").encode())
_HOST: Final = _UNRESERVED | frozenset(b"!$&'()*+,;=:[]<>\"")
_PATH: Final = _UNRESERVED | frozenset(b"$&+,/:;=@")
_USER: Final = _UNRESERVED | frozenset(b"$&+,;=")
_FRAGMENT: Final = _UNRESERVED | frozenset(b"$&+,/:;=?@!()*")
"""Which bytes stay as they are, by the part of a URL."""
_VALID: Final = frozenset(b"!$&'()*+,;=:@[]%")
_USER_INFO: Final = rb"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*"
_SCHEME: Final = rb"([A-Za-z][A-Za-z0-9+.\-]*):"
_PORT: Final = rb"(?::[0-9]*)?"
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_PERCENT: Final = rb"%(?:[0-9A-Fa-f]{2})?"
_NO_TEXT: Final = "[\udc80-\udcff]"
_CONTROL: Final = rb"[\x00-\x1f\x7f]"
_MOST_PARAMETERS: Final = 10_000


class UrlError(Exception):
    """A text that is no URL; the message is Go's."""


class Url(Struct, frozen=True):
    """The parts of a URL, decoded but for those that say otherwise; `user` has escapes of its own."""

    scheme: bytes = b""
    opaque: bytes = b""
    user: bytes | None = None
    host: bytes = b""
    path: bytes = b""
    raw_path: bytes = b""
    """As it was written, where that is as good and not how it would be written."""
    query: bytes = b""
    """As it was written."""
    asks: bool = False
    """Whether there is a question mark with nothing behind it."""
    hostless: bool = False
    """Whether a scheme is followed by a path at once."""
    fragment: bytes = b""
    raw_fragment: bytes = b""

    def hostname(self) -> bytes:
        return _split_host(self.host)[0]

    def port(self) -> bytes:
        return _split_host(self.host)[1]

    def escaped_path(self) -> bytes:
        if self.raw_path:
            return self.raw_path
        return b"*" if self.path == b"*" else _escaped(self.path, _PATH)

    def parameters(self) -> dict[str, list[str]]:
        """Of the query; what is none is left out."""
        found: dict[str, list[str]] = {}
        if self.query.count(b"&") >= _MOST_PARAMETERS:
            return found
        for setting in self.query.split(b"&"):
            if not setting or b";" in setting:
                continue
            name, _, value = setting.partition(b"=")
            try:
                decoded = [text(_unescaped(each.replace(b"+", b" "))) for each in (name, value)]
            except UrlError:
                continue
            found.setdefault(decoded[0], []).append(decoded[1])
        return found

    def written(self) -> bytes:
        """The URL as a whole."""
        made = self.scheme + b":" if self.scheme else b""
        made += self.opaque or self._authority() + self.escaped_path()
        if self.asks or self.query:
            made += b"?" + self.query
        if self.fragment:
            made += b"#" + (self.raw_fragment or _escaped(self.fragment, _FRAGMENT))
        return made

    def _authority(self) -> bytes:
        if self.hostless or not (self.scheme or self.host or self.user is not None):
            return b""
        if not (self.host or self.path or self.user is not None):
            return b""
        user = b"" if self.user is None else self.user + b"@"
        return b"//" + user + _escaped(self.host, _HOST)


def text(source: bytes) -> str:
    """Bytes as text; each that is no UTF-8 is a replacement character."""
    decoded = source.decode("utf-8", "surrogateescape")
    return decoded if decoded.isascii() else re.sub(_NO_TEXT, "\ufffd", decoded)


def parse_request(source: str) -> Url:
    """An absolute URL, or an absolute path; a `#` is nothing special.  Raises UrlError."""
    whole = source.encode()
    try:
        return _parsed(whole, True)
    except UrlError as failure:
        raise _located(whole, failure) from None


def parse(source: str) -> Url:
    """Any URL, with its fragment.  Raises UrlError."""
    whole = source.encode()
    before, _, fragment = whole.partition(b"#")
    try:
        url = _parsed(before, False)
    except UrlError as failure:
        raise _located(before, failure) from None
    if not fragment:
        return url
    try:
        decoded = _unescaped(fragment)
    except UrlError as failure:
        raise _located(whole, failure) from None
    return replace(url, fragment=decoded, raw_fragment=_raw(fragment, decoded, _FRAGMENT))


def _located(source: bytes, failure: UrlError) -> UrlError:
    return UrlError(f"parse {_quoted(source)}: {failure}")


def _quoted(source: bytes) -> str:
    """As Go quotes bytes, of which some may be no UTF-8."""
    characters = source.decode("utf-8", "surrogateescape")
    shown = [f"\\x{ord(each) - 0xDC00:02x}" if re.match(_NO_TEXT, each) else quoted(each)[1:-1] for each in characters]
    return f'"{"".join(shown)}"'


def _parsed(source: bytes, by_request: bool) -> Url:
    if re.search(_CONTROL, source):
        raise UrlError("net/url: invalid control character in URL")
    if not source and by_request:
        raise UrlError("empty url")
    if source == b"*":
        return Url(path=b"*")
    scheme, rest = _scheme(source)
    asks = rest.endswith(b"?") and rest.count(b"?") == 1
    rest, _, query = rest.partition(b"?")
    if not rest.startswith(b"/"):
        if scheme:
            return Url(scheme, rest, query=query, asks=asks)
        if by_request:
            raise UrlError("invalid URI for request")
        if b":" in rest.partition(b"/")[0]:
            raise UrlError("first path segment in URL cannot contain colon")
    user, host, hostless = None, b"", False
    if rest.startswith(b"//") and (scheme or not (by_request or rest.startswith(b"///"))):
        authority, slash, path = rest[2:].partition(b"/")
        user, host = _authority(scheme, authority)
        rest = slash + path
    else:
        hostless = bool(scheme) and rest.startswith(b"/")
    path = _unescaped(rest)
    return Url(scheme, b"", user, host, path, _raw(rest, path, _PATH), query, asks, hostless)


def _scheme(source: bytes) -> tuple[bytes, bytes]:
    """(scheme in lower case or nothing, what follows)."""
    if source.startswith(b":"):
        raise UrlError("missing protocol scheme")
    found = re.match(_SCHEME, source)
    return (found[1].lower(), source[found.end() :]) if found else (b"", source)


def _authority(scheme: bytes, authority: bytes) -> tuple[bytes | None, bytes]:
    """(user with a password, if there is one, as they are written; host)."""
    info, at, host = authority.rpartition(b"@")
    decoded = _host(scheme, host)
    if not at:
        return None, decoded
    if not re.fullmatch(_USER_INFO, info):
        raise UrlError("net/url: invalid userinfo")
    name, colon, password = info.partition(b":")
    return _escaped(_unescaped(name), _USER) + colon + _escaped(_unescaped(password), _USER), decoded


def _host(scheme: bytes, host: bytes) -> bytes:
    bracket = host.rfind(b"[")
    if bracket > 0:
        raise UrlError("invalid IP-literal")
    if bracket == 0:
        return _literal_host(host)
    colon = host.find(b":")
    if colon >= 0:
        if scheme not in (b"http", b"https"):
            colon = host.rfind(b":")
        _check_port(host[colon:])
    return _unescaped_host(host)


def _check_port(port: bytes) -> None:
    if not re.fullmatch(_PORT, port):
        raise UrlError(f"invalid port {_quoted(port)} after host")


def _literal_host(host: bytes) -> bytes:
    """An IPv6 address in brackets."""
    end = host.rfind(b"]")
    if end < 0:
        raise UrlError("missing ']' in host")
    _check_port(host[end + 1 :])
    name, percent, zone = host[1:end].partition(b"%25")
    decoded = _unescaped_host(name)
    if percent:
        decoded += _unescaped_host(percent + zone, in_zone=True)
    try:
        address = parse_address(decoded.decode("utf-8", "surrogateescape"))
    except AddressError as failure:
        raise UrlError(f"invalid host: {failure}") from None
    if address.bits == IPV4_BITS:
        raise UrlError("invalid IP-literal")
    return b"[" + decoded + b"]" + host[end + 1 :]


def _split_host(host: bytes) -> tuple[bytes, bytes]:
    """(name or address, port)."""
    name, colon, port = host.rpartition(b":")
    if not colon or not re.fullmatch(_PORT, colon + port):
        name, port = host, b""
    return (name[1:-1] if name.startswith(b"[") and name.endswith(b"]") else name), port


def _unescaped(source: bytes) -> bytes:
    """Raises UrlError for an escape that is none."""
    for found in re.finditer(_PERCENT, source):
        if len(found[0]) < 3:
            raise _bad_escape(source[found.start() :])
    return _ESCAPE.sub(lambda found: bytes.fromhex(found[0][1:].decode()), source)


def _bad_escape(source: bytes) -> UrlError:
    return UrlError(f"invalid URL escape {_quoted(source[:3])}")


def _unescaped_host(source: bytes, in_zone: bool = False) -> bytes:
    """Escapes may stand for what is no ASCII and for `%`, in a zone for what could stand there itself and for a space."""
    at = 0
    while at < len(source):
        if source[at : at + 1] == b"%":
            found = _ESCAPE.match(source, at)
            byte = int(found[0][1:], 16) if found is not None else 0
            known = byte == 0x25 or (byte in _HOST or byte == 0x20 if in_zone else byte >= 0x80)
            if found is None or not known:
                raise _bad_escape(source[at:])
            at = found.end()
            continue
        if source[at] < 0x80 and source[at] not in _HOST:
            raise UrlError(f"invalid character {_quoted(source[at : at + 1])} in host name")
        at += 1
    return _unescaped(source)


def _escaped(source: bytes, kept: frozenset[int]) -> bytes:
    return b"".join(bytes((each,)) if each in kept else b"%%%02X" % each for each in source)


def _raw(source: bytes, decoded: bytes, kept: frozenset[int]) -> bytes:
    """The escaped form itself where it is a valid one and not the usual one."""
    if source == _escaped(decoded, kept):
        return b""
    return source if all(each in kept or each in _VALID for each in source) else b""
