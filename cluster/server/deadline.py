"""How long a request may take.  Upstream: apiserver `pkg/endpoints/filters/request_deadline.go`, `pkg/endpoints/handlers/rest.go`."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable
from typing import Final

from cluster.api.errors import BadRequest
from cluster.api.field import quoted
from cluster.server.context import Context


class Timer(BaseException):
    """Raised in what serves a request once its time is over, unless it is closed before."""

    def close(self) -> None:
        """It is served."""


StartTimer = Callable[[float], Timer]
"""Starts one that is raised after so many seconds."""

REQUEST_TIMEOUT: Final = 60.0
WRITE_TIMEOUT: Final = 34.0
"""What a write may take; its client's own time for a request is a little less than that of a read."""

CLOSE: Final = "berth.close"
"""Set in a request's environment: its connection ends with the answer, which says so."""
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)", re.ASCII)
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_timeout(text: str) -> float:
    """A duration as Go writes it, in seconds; 0 for none or for one that is not positive; BadRequest."""
    if text in ("", "0"):
        return 0.0
    rest = text[1:] if text[0] in "+-" else text
    if rest == "0":
        return 0.0
    position, seconds = 0, 0.0
    while position < len(rest) or not rest:
        part = _PART.match(rest, position)
        if part is None:
            raise _refused(f"invalid duration {quoted(text)}")
        number, unit = part.groups()
        if not unit:
            raise _refused(f"missing unit in duration {quoted(text)}")
        if unit not in _SECONDS:
            raise _refused(f"unknown unit {quoted(unit)} in duration {quoted(text)}")
        seconds += float(number) * _SECONDS[unit]
        position = part.end()
    return 0.0 if text[0] == "-" else seconds


def stop_reading(context: Context) -> None:
    """Makes what the client still sends end here: the answer says that it is the connection's last."""
    context.environ[CLOSE] = True
    connection = context.environ.get("gunicorn.socket")
    if connection is not None and connection.fileno() >= 0:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
            same.shutdown(socket.SHUT_RD)


def _refused(why: str) -> BadRequest:
    return BadRequest(f"invalid timeout specified in the request URL - time: {why}")
