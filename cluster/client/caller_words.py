"""Why a call came to nothing, in the words of Go's HTTP client: those are what users of Kubernetes search for.

Upstream: Go's `net/http`, `net`, `crypto/tls` and `crypto/x509`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import IncompleteRead, RemoteDisconnected
from typing import Final

import urllib3

TIMED_OUT: Final = "context deadline exceeded"
_EXPIRED: Final = frozenset({9, 10})
_HOST: Final = 62
_ADDRESS: Final = 64
_IN_THE_CLEAR: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})
"""What OpenSSL calls an answer that is no TLS."""


def in_words(error: BaseException, host: str, address: str) -> str:
    """`host` is whom the certificate must name, `address` where the connection goes; empty for an error that Go has no words for."""
    for each in _causes(error):
        words = _words(each, host, address)
        if words:
            return words
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the innermost first: that is what says most."""
    found: list[BaseException] = []
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop(0)
        if any(each is known for known in found):
            continue
        found.append(each)
        inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
        waiting += [other for other in inner if isinstance(other, BaseException)]
    return reversed(found)


def _words(error: BaseException, host: str, address: str) -> str:
    if isinstance(error, ssl.SSLError):
        return _of_tls(error, host)
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, (TimeoutError, urllib3.exceptions.TimeoutError, urllib3.exceptions.EmptyPoolError)):
        return TIMED_OUT
    if isinstance(error, RemoteDisconnected):
        return "EOF"
    if isinstance(error, (IncompleteRead, urllib3.exceptions.IncompleteRead)):
        return "unexpected EOF"
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {address}: connect: connection refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return f"read tcp {address}: {(error.strerror or 'connection reset by peer').lower()}"
    if isinstance(error, OSError) and error.strerror:
        return f"dial tcp {address}: connect: {error.strerror.lower()}"
    return ""


def _of_tls(error: ssl.SSLError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: failed to verify certificate: x509: {_of_certificate(error, host)}"
    if isinstance(error, ssl.SSLEOFError):
        return "EOF"
    reason = error.reason or ""
    if reason in _IN_THE_CLEAR:
        return "http: server gave HTTP response to HTTPS client"
    return f"tls: {reason.replace('_', ' ').lower()}" if reason else ""


def _of_certificate(error: ssl.SSLCertVerificationError, host: str) -> str:
    code = error.verify_code
    if code in _EXPIRED:
        return "certificate has expired or is not yet valid"
    if code == _HOST:
        return f"certificate is not valid for any names, but wanted to match {host}"
    if code == _ADDRESS:
        return f"cannot validate certificate for {host} because it doesn't contain any IP SANs"
    return "certificate signed by unknown authority"
