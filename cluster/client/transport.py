"""Connections to one API server: TLS, pools and time limits; knows nothing of Kubernetes."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.util import Timeout

from cluster.client.status import Unreachable

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 60.0
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_TRIES: Final = 3


class Transport:
    """Bounded pools of connections; shared by all identities that show the same certificate (or none)."""

    def __init__(
        self,
        server: str,
        *,
        ca: bytes | None = None,
        certificate: bytes | None = None,
        key: bytes | None = None,
        connections: int = 8,
    ) -> None:
        self.server = server.rstrip("/")
        self._ca = ca
        url = urllib3.util.parse_url(self.server)
        pool: type[urllib3.HTTPConnectionPool] = urllib3.HTTPConnectionPool
        options: dict[str, object] = {}
        if url.scheme == "https":
            pool = urllib3.HTTPSConnectionPool
            options["ssl_context"] = tls_context(ca, certificate, key)
        host, port = url.host or "", url.port or (443 if url.scheme == "https" else 80)
        self.prefix = url.path.rstrip("/") if url.path else ""
        # A watch holds its connection for minutes, so watches must not draw from the pool that answers wait for.
        self._calls = pool(host, port, maxsize=connections, block=True, **options)  # type: ignore[arg-type]
        self._streams = pool(host, port, maxsize=32, block=False, **options)  # type: ignore[arg-type]

    def without_certificate(self) -> Transport:
        """The same server, authenticating nobody: for callers that show a token."""
        return Transport(self.server, ca=self._ca)

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        read_seconds: float = READ_SECONDS,
        once: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """The whole response.  Unreachable where no answer came; what is safe to repeat is repeated, unless it is to be sent `once`."""
        for remaining in reversed(range(1 if once else _TRIES)):
            try:
                return self._calls.urlopen(
                    method,
                    self.prefix + path,
                    body=body,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    timeout=Timeout(connect=CONNECT_SECONDS, read=read_seconds),
                    pool_timeout=int(READ_SECONDS),
                )
            except (HTTPError, OSError) as error:
                refused = isinstance(error, NewConnectionError)  # nothing listens: asking again at once is vain
                if refused or not remaining or method not in _REPEATABLE or isinstance(error, urllib3.exceptions.TimeoutError):
                    raise Unreachable(f"no answer from {self.server}: {error}") from error
        raise AssertionError("unreachable: the last try returns or raises")

    def stream(self, path: str, *, headers: Mapping[str, str], read_seconds: float, method: str = "GET") -> urllib3.BaseHTTPResponse:
        """A response whose body is read as it comes; the caller closes it."""
        try:
            return self._streams.urlopen(
                method,
                self.prefix + path,
                headers=headers,
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=Timeout(connect=CONNECT_SECONDS, read=read_seconds),
            )
        except (HTTPError, OSError) as error:
            raise Unreachable(f"no answer from {self.server}: {error}") from error

    def close(self) -> None:
        self._calls.close()
        self._streams.close()


def tls_context(ca: bytes | None, certificate: bytes | None, key: bytes | None) -> ssl.SSLContext:
    """Verifies servers by the CAs given (PEM) or the system's, and shows the certificate given; ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        context.load_verify_locations(cadata=ca.decode())
    else:
        context.load_default_certs()
    if certificate is not None:
        load_pair(context, certificate, key or b"")
    return context


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL takes a key pair from a file only; this one is private and gone once read."""
    descriptor, name = tempfile.mkstemp(prefix="pair-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate + b"\n" + key)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
