"""One request on its way through the filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct, field

from cluster.api.authorization import Attributes, Verdict
from cluster.api.requestinfo import RequestInfo
from cluster.api.user import UserInfo
from cluster.server.response import Response

if TYPE_CHECKING:
    from admission.observer import Observer
    from rbac.audit.record import Record

NOBODY: Final = UserInfo("")
NO_INFO: Final = RequestInfo("", "")


class Query(dict[str, list[str]]):
    """A URL's parameters: each with all its values; what is asked for one answers the first."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        for key, value in pairs:
            self.setdefault(key, []).append(value)

    def get(self, key: str, default: Any = None) -> Any:  # the first value, and not all
        values = dict.get(self, key)
        return values[0] if values else default

    def first(self, key: str) -> str:
        """KeyError where it is not there."""
        return self[key][0]

    def getlist(self, key: str) -> list[str]:
        return dict.get(self, key) or []

    def pairs(self) -> list[tuple[str, str]]:
        return [(key, value) for key, values in self.items() for value in values]


class Context(Struct):
    """What filters find out, each for those after it; handlers read it."""

    environ: dict[str, Any]
    method: str
    path: str
    query: Query
    info: RequestInfo = NO_INFO
    requester: UserInfo = NOBODY
    """Who authenticated."""
    user: UserInfo = NOBODY
    """Who acts: the requester, or whom they impersonate."""
    impersonates: bool = False
    """Whether the requester asked to act as another."""
    impersonation_time: int = 0
    """How long it took to find out whether they may, in nanoseconds."""
    constraint: str | None = None
    """The verb that allowed it, empty for the one without constraints; None where nothing has."""
    question: Attributes | None = None
    """What was last asked of the authorizers; see `question_of`."""
    verdict: Verdict | None = None
    """Whether they may, once that is decided."""
    audit_id: str = ""
    received: int = 0
    """When it was, in nanoseconds since the epoch."""
    audit: Record | None = None
    """What is recorded of it, once its user is known; None where nothing is."""
    warnings: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    """What authorization and admission tell the audit event."""
    deadline: float = math.inf
    """When, on the monotonic clock, it is answered that it took too long."""
    abandoned: bool = False
    """Whether the body was left half unread, so that the connection carries no other request."""
    observer: Observer | None = None
    """Told what admission does with what the request writes; an explanation's or a test's, never a server's."""

    @property
    def request_annotations(self) -> dict[str, str]:
        """Where to tell the audit event what it is told only where its level shows requests; who observes sees all."""
        wanted = self.observer is not None or (self.audit is not None and self.audit.wants_request)
        return self.annotations if wanted else {}

    def header(self, name: str) -> str:
        """A request header by its WSGI name, e.g. `HTTP_ACCEPT`; empty where it isn't there."""
        return str(self.environ.get(name, ""))

    def has_header(self, prefix: str) -> bool:
        """Whether there is a header that begins so; the prefix is in upper case, e.g. `IMPERSONATE-`."""
        sent = self.environ.get("berth.headers")
        if sent is not None:
            return bool(sent) and any(name.startswith(prefix) for name, _ in sent)
        variable = f"HTTP_{prefix.replace('-', '_')}"
        return any(key.startswith(variable) for key in self.environ)

    def headers(self) -> dict[str, list[str]]:
        """All request headers, names in lower case, values as text; a header that was sent several times keeps its values apart.

        A WSGI environment joins them by commas and cannot tell "_" from "-" in their names; the worker puts them there as they came, too.
        """
        found: dict[str, list[str]] = {}
        sent = self.environ.get("berth.headers")
        for name, value in _headers(self.environ) if sent is None else sent:
            found.setdefault(name.lower(), []).append(value if value.isascii() else _text(value))
        return found


def _headers(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """As far as a WSGI environment tells."""
    found = [(key[5:].replace("_", "-"), str(value)) for key, value in environ.items() if key.startswith("HTTP_")]
    named = (("CONTENT_TYPE", "CONTENT-TYPE"), ("CONTENT_LENGTH", "CONTENT-LENGTH"))
    return found + [(name, str(environ[key])) for key, name in named if environ.get(key)]


def _text(value: str) -> str:
    """A header's value that is no ASCII: WSGI has its bytes as Latin-1, clients mean UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        return value


Handler = Callable[[Context], Response]


class Filter(Protocol):
    """Called with the request and what follows it; answers itself, or with what follows."""

    def __call__(self, context: Context, following: Handler) -> Response: ...


def compose(filters: list[Filter], handler: Handler) -> Handler:
    """The filters around the handler, the first outermost."""
    for each in reversed(filters):
        handler = partial(each, following=handler)
    return handler
