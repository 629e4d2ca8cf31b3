"""Kubernetes' timestamps: Time in seconds, MicroTime in microseconds, both RFC 3339 in UTC."""

from __future__ import annotations

import datetime
from typing import Final

_UTC: Final = datetime.UTC


def now() -> datetime.datetime:
    return datetime.datetime.now(_UTC)


def time(at: datetime.datetime | None = None) -> str:
    """`2026-11-22T10:00:00Z`, of now where `at` is None."""
    return (at or now()).astimezone(_UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(at: datetime.datetime | None = None) -> str:
    """`2026-11-22T10:00:00.000000Z`."""
    return (at or now()).astimezone(_UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str | None) -> datetime.datetime | None:
    """Either form, with or without a fraction; None for None, "" or what is no timestamp."""
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
