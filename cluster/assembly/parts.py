"""What the pipeline is made of, as whoever assembles it hands it in: a server's, or that of a run of policy tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:  # what a part is made of is loaded by who makes it
    from cluster.api.authorization import Authorizer
    from cluster.server.audit import Auditor
    from cluster.server.authentication import Identification
    from cluster.server.context import Context, Handler
    from cluster.server.deadline import StartTimer
    from cluster.server.open_streams import OpenStreams
    from cluster.server.response import Response


class Counting(Protocol):
    """The filter that counts requests."""

    def __call__(self, context: Context, following: Handler) -> Response: ...

    def impersonation_checked(self, mode: str, allowed: bool) -> None:
        """An authorizer was asked about a part of an impersonation; `mode` is empty for the one without constraints."""
        ...


class Parts(Struct, frozen=True):
    """What a started API server consists of, as the pipeline needs it; None of what there is no use for, which nobody leaves out unsaid."""

    authentication: Identification
    authorizer: Authorizer
    dispatcher: Handler
    counted: Counting | None
    auditor: Auditor | None
    streams: OpenStreams | None
    start_timer: StartTimer | None
    """Of a request."""
    settle: Callable[[], None] | None
    """Waits until this worker knows all that was acknowledged anywhere."""
    sent: bool
    """Whether answers go to somebody who reads their headers."""
