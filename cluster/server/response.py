"""An answer as handlers make it: a status, headers, a body that is there as a whole or comes as a stream.

It is its own WSGI application, and all that this server needs of one: whoever asks the pipeline without HTTP loads no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_TEXT: Final = "text/plain; charset=utf-8"
_BODILESS: Final = (204, 304)
_OF_A_BODY: Final = frozenset({"content-encoding", "content-language", "content-length", "content-range", "content-type", "last-modified"})
"""Headers that a 304 does not repeat."""


class Headers:
    """Names and values in order; a name may be there several times, in any case."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs: list[tuple[str, str]] = []
        for name, value in pairs:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Beside others of its name; ValueError for a value that would end its line."""
        if "\n" in value or "\r" in value:
            raise ValueError("a header's value is one line")
        self._pairs.append((name, value))

    def __setitem__(self, name: str, value: str) -> None:
        """In place of all others of its name."""
        self.remove(name)
        self.add(name, value)

    def __getitem__(self, name: str) -> str:
        values = self.getlist(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __contains__(self, name: str) -> bool:
        return bool(self.getlist(name))

    def get(self, name: str, default: str | None = None) -> str | None:
        values = self.getlist(name)
        return values[0] if values else default

    def getlist(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for each, value in self._pairs if each.lower() == wanted]

    def remove(self, name: str) -> None:
        wanted = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != wanted]

    def to_wsgi_list(self) -> list[tuple[str, str]]:
        return list(self._pairs)


class Response:
    """`response` is the body: a list of what is there, or an iterable that is read as it is sent, and closed at the end if it can be."""

    def __init__(
        self,
        response: bytes | str | Iterable[bytes] = b"",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        content_type: str = _TEXT,
    ) -> None:
        self.status_code = status
        self.headers = Headers(headers.items()) if headers else Headers()
        self.headers.add("Content-Type", content_type)
        self._closing: list[Callable[[], object]] = []
        self.response: list[bytes] | Iterable[bytes]
        if isinstance(response, str):
            response = response.encode()
        if isinstance(response, bytes):
            self.response = [response] if response else []
            self.headers.add("Content-Length", str(len(response)))
        else:
            self.response = response

    @property
    def status(self) -> str:
        """As the first line of an answer has it: `200 OK`."""
        return f"{self.status_code} {_reason(self.status_code)}"

    def get_data(self, as_text: bool = False) -> Any:
        """The whole body, which is then read."""
        data = b"".join(self.response)
        return data.decode() if as_text else data

    def call_on_close(self, done: Callable[[], object]) -> None:
        """Once it was sent, or nobody wants it any more."""
        self._closing.append(done)

    def close(self) -> None:
        """The WSGI server calls it at the end."""
        try:
            close = getattr(self.response, "close", None)
            if close is not None:
                close()
        finally:
            closing, self._closing = self._closing, []
            for done in closing:
                done()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """As a WSGI application: what has no body, and the answer to a HEAD, is sent without one."""
        headers = self.headers.to_wsgi_list()
        code = self.status_code
        if code == 304:
            headers = [pair for pair in headers if pair[0].lower() not in _OF_A_BODY]
        elif code == 204 or code < 200:
            headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        start_response(self.status, headers)
        bodiless = environ["REQUEST_METHOD"] == "HEAD" or code in _BODILESS or code < 200
        return _Sent((), self.close) if bodiless else _Sent(self.response, self.close)


class _Sent:
    """A body on its way, and what is done at its end."""

    def __init__(self, body: Iterable[bytes], close: Callable[[], None]) -> None:
        self._body = body
        self.close = close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)


@lru_cache
def _reason(code: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Unknown"
