"""Watches, logs and sessions that were opened by an issued kubeconfig end with it: when it is revoked, deleted, or has expired.

A request is authenticated once, when it begins; what it opened would otherwise outlive its credential.  So each such stream of this worker
is kept here under its requester's credential, from `hold` to the end of that block.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.server.context import Context, Filter, Handler
from rbac.credentials.check import expiry_in, fault_of
from rbac.credentials.reference import CLUSTER_KUBECONFIGS, KUBECONFIGS, Reference, credential_of

log = logging.getLogger(__name__)
HOLDER: Final = "berth.stream"
"""Where the WSGI environment has the Holder of a request whose stream ends with its credential."""
GRACE_SECONDS: Final = 0.4
"""How long a stream has to end as it would by itself, before its connection is cut."""
TICK_SECONDS: Final = 0.25


class Holder:
    """One request's credential, under which its stream is kept."""

    __slots__ = ("_streams", "credential_id", "reference")

    def __init__(self, streams: OpenStreams, reference: Reference, credential_id: str) -> None:
        self._streams = streams
        self.reference = reference
        self.credential_id = credential_id

    @contextlib.contextmanager
    def hold(self, end: Callable[[], None], connection: Any) -> Iterator[None]:
        stream = _Stream(self.reference, self.credential_id, end, connection)
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)


class _Stream:
    __slots__ = ("connection", "credential_id", "end", "ending", "expires", "open", "reference")

    def __init__(self, reference: Reference, credential_id: str, end: Callable[[], None], connection: Any) -> None:
        self.reference = reference
        self.credential_id = credential_id
        self.end = end
        self.connection = connection
        self.expires = math.inf
        self.open = True
        self.ending = False


class OpenStreams:
    """The streams of this process that end with a credential.  Safe for threads and greenlets."""

    def __init__(self, reader: Reader, *, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: dict[Reference, set[_Stream]] = {}
        self._ticking = False
        reader.subscribe(KUBECONFIGS, self._changed)
        reader.subscribe(CLUSTER_KUBECONFIGS, self._changed)

    def __len__(self) -> int:
        return sum(map(len, self._streams.values()))

    def filter(self, is_stream: Callable[[Context], bool]) -> Filter:
        """Names the holder of each stream that was asked for by an issued kubeconfig, for the one who opens it."""

        def with_holder(context: Context, following: Handler) -> Any:
            own = credential_of(context.requester)
            if own is not None and is_stream(context):
                context.environ[HOLDER] = Holder(self, *own)
            return following(context)

        return with_holder

    def add(self, stream: _Stream) -> None:
        """Keeps it; a stream whose credential has ended since its request was authenticated ends at once."""
        reference = stream.reference
        with self._lock:
            self._streams.setdefault(reference, set()).add(stream)
        record = self._reader.get(reference.resource, reference.namespace, reference.name)
        stream.expires = expiry_in(record, stream.credential_id) or 0.0
        if fault_of(record, reference, stream.credential_id, self._clock()):
            self._end([stream])
        else:
            self._tick()

    def discard(self, stream: _Stream) -> None:
        stream.open = False
        with self._lock:
            members = self._streams.get(stream.reference, set())
            members.discard(stream)
            if not members:
                self._streams.pop(stream.reference, None)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        """A record was written or deleted.  Called by the store's reader, which must not wait."""
        if old is None or not self._streams:
            return
        reference = Reference.of(old)
        with self._lock:
            streams = list(self._streams.get(reference, ()))
        now = self._clock()
        ended = [each for each in streams if fault_of(new, reference, each.credential_id, now)]
        if ended:
            threading.Thread(target=self._end, args=(ended,), name="stream-end", daemon=True).start()

    def _tick(self) -> None:
        """Sees to it that somebody looks for streams whose credential expires."""
        with self._lock:
            if self._ticking:
                return
            self._ticking = True
        threading.Thread(target=self._watch_the_clock, name="stream-expiry", daemon=True).start()

    def _watch_the_clock(self) -> None:
        """Ends what has expired, for as long as there are streams."""
        while True:
            time.sleep(TICK_SECONDS)
            now = self._clock()
            with self._lock:
                if not self._streams:
                    self._ticking = False
                    return
                ended = [each for members in self._streams.values() for each in members if each.expires <= now and not each.ending]
            if ended:
                self._end(ended)

    @staticmethod
    def _end(streams: Iterable[_Stream]) -> None:
        """Each as it would end by itself; what is still open after a moment, because its client does not read, is cut."""
        streams = [each for each in streams if not each.ending]
        for stream in streams:
            stream.ending = True
            try:
                stream.end()
            except OSError as error:  # its client has gone meanwhile
                log.debug("a stream had ended already: %s", error)
        if not streams:
            return
        deadline = time.monotonic() + GRACE_SECONDS
        while any(each.open for each in streams) and time.monotonic() < deadline:
            time.sleep(0.02)
        for stream in streams:
            if stream.open:
                cut(stream.connection)


@contextlib.contextmanager
def held(environ: dict[str, Any], end: Callable[[], None], connection: Any) -> Iterator[None]:
    """Keeps a stream while the block runs, if its request's credential can end; `end` and `connection` are how it is ended."""
    holder: Holder | None = environ.get(HOLDER)
    if holder is None:
        yield
        return
    with holder.hold(end, connection):
        yield


def cut(connection: Any) -> None:
    """Ends a TCP connection under whoever reads or writes it: they see its end, as if the peer had left."""
    with contextlib.suppress(OSError, ValueError), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)  # suppressed: one that is closed already
