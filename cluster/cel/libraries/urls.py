"""URLs: `url('https://example.com:80/a?b=c').getHost()`.  Upstream: apiserver `pkg/cel/library/urls.go`, `pkg/cel/url.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from cluster.cel import types
from cluster.cel.costs import of_first
from cluster.cel.functions import Function, Library
from cluster.cel.libraries.declaring import member, own_type, plain
from cluster.cel.libraries.library_costs import of_first_text_kept
from cluster.cel.libraries.url_parsing import Url, UrlError, parse, parse_request, text
from cluster.cel.types import list_of, map_of
from cluster.cel.values import CelError, Opaque

URL_TYPE: Final = own_type("kubernetes.URL")


class URL(Opaque, frozen=True, eq=False):
    """Equal by how it is written."""

    type_name: ClassVar[str] = "kubernetes.URL"
    url: Url

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, URL):
            raise CelError("no such overload")
        return self.url.written() == other.url.written()

    def __hash__(self) -> int:
        return hash(self.url.written())

    def __str__(self) -> str:
        return text(self.url.written())


def parse_url(source: str) -> URL:
    """What is no absolute URL or path is refused first; then it is read again, with its fragment."""
    try:
        parse_request(source)
        return URL(parse(source))
    except UrlError as failure:
        raise CelError(f"URL parse error during conversion from string: {failure}") from None


def is_url(source: str) -> bool:
    try:
        parse_request(source)
    except UrlError:
        return False
    return True


def _part(name: str, id_: str, part: Callable[[Url], bytes]) -> Function:
    return member(name, f"url_get_{id_}", (URL_TYPE,), types.STRING, lambda url: text(part(url.url)))


URLS: Final = Library(
    "kubernetes.urls",
    functions=(
        plain("url", "string_to_url", (types.STRING,), URL_TYPE, parse_url, of_first, of_first_text_kept),
        _part("getScheme", "scheme", lambda url: url.scheme),
        _part("getHost", "host", lambda url: url.host),
        _part("getHostname", "hostname", Url.hostname),
        _part("getPort", "port", Url.port),
        _part("getEscapedPath", "escaped_path", Url.escaped_path),
        member(
            "getQuery",
            "url_get_query",
            (URL_TYPE,),
            map_of(types.STRING, list_of(types.STRING)),
            lambda url: url.url.parameters(),
        ),
        plain("isURL", "is_url_string", (types.STRING,), types.BOOL, is_url),
    ),
)
