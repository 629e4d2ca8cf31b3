"""What authentication has to say of a request beside who sends it: annotations for its audit event, warnings for its sender.

Upstream hands both down in Go's context; here they belong to the request's own thread or greenlet for as long as it is
authenticated.  What nobody listens for is dropped: a TokenReview says nothing of the token that it asks about.
"""

from __future__ import annotations

from collections.abc import MutableMapping, MutableSequence
from contextvars import ContextVar
from typing import Final

_LISTENER: Final[ContextVar[tuple[MutableMapping[str, str], MutableSequence[str]] | None]] = ContextVar("remarks", default=None)


def annotate(key: str, value: str) -> None:
    """Adds to the audit event."""
    listener = _LISTENER.get()
    if listener is not None:
        listener[0].setdefault(key, value)


def warn(text: str) -> None:
    """Adds a Warning header to the response."""
    listener = _LISTENER.get()
    if listener is not None:
        listener[1].append(text)


class listening:  # noqa: N801 - used as a function is
    """Collects what is said within."""

    __slots__ = ("_listener", "_token")

    def __init__(self, annotations: MutableMapping[str, str], warnings: MutableSequence[str]) -> None:
        self._listener = annotations, warnings

    def __enter__(self) -> None:
        self._token = _LISTENER.set(self._listener)

    def __exit__(self, *_: object) -> None:
        _LISTENER.reset(self._token)
