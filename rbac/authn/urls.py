"""URLs as upstream takes them apart, and what it says of those that are none.  Upstream: Go's `net/url`."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from cluster.api.field import quoted

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PORT: Final = re.compile(r"(:\d*)?", re.ASCII)


class Url(Struct, frozen=True):
    """The parts that rules are about."""

    scheme: str
    has_user: bool
    host: str
    query: str
    fragment: str


def parse_url(text: str) -> Url:
    """ValueError, with upstream's words, for what is no URL."""
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError(f"parse {quoted(text)}: net/url: invalid control character in URL")
    before, _, fragment = text.partition("#")
    try:
        return _parse(before, fragment)
    except ValueError as error:
        raise ValueError(f"parse {quoted(before if fragment == '' else text)}: {error}") from None


def _parse(text: str, fragment: str) -> Url:
    scheme, rest = _scheme(text)
    rest, _, query = rest.partition("?")
    authority, user = "", False
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        info, at, authority = authority.rpartition("@")
        user = bool(at)
        _check_host(authority)
        _check_escapes(info)
    elif not scheme and ":" in rest.split("/")[0]:
        raise ValueError("first path segment in URL cannot contain colon")
    _check_escapes(rest)
    _check_escapes(fragment)
    return Url(scheme.lower(), user, authority, query, fragment)


def _scheme(text: str) -> tuple[str, str]:
    if text.startswith(":"):
        raise ValueError("missing protocol scheme")
    found = _SCHEME.match(text)
    if found and text[found.end() : found.end() + 1] == ":":
        return found.group(), text[found.end() + 1 :]
    return "", text


def _check_host(host: str) -> None:
    name, port = host, ""
    if host.startswith("["):
        inside, bracket, port = host.rpartition("]")
        if not bracket:
            raise ValueError("missing ']' in host")
        name = inside + bracket
    elif ":" in host:
        name, _, port = host.rpartition(":")
        port = ":" + port
    if not _PORT.fullmatch(port):
        raise ValueError(f"invalid port {quoted(port)} after host")
    _check_escapes(name)
    for char in name:
        if char in ' "<>\\^`{|}' and not name.startswith("["):
            raise ValueError(f"invalid character {quoted(char)} in host name")


def _check_escapes(text: str) -> None:
    found = _ESCAPE.search(text)
    if found:
        raise ValueError(f"invalid URL escape {quoted(text[found.start() : found.start() + 3])}")
