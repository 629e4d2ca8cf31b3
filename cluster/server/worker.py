"""gunicorn's gevent worker, without what this server does not use and with one system call a response in place of two.

`wsgi.create` and the parser stay gunicorn's own: what a request is, and what of it is refused, is decided there.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any, Final

import gevent
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

from cluster.server.deadline import CLOSE

HANDSHAKE_SECONDS: Final = 10.0
"""How long a peer may take for the TLS handshake before it is dropped."""
_JOINED: Final = 256 * 1024
"""Bytes of a body from which on copying it costs more than a second call to send it."""


class JoinedResponse(wsgi.Response):  # type: ignore[misc] # gunicorn has no types
    """A response whose head travels with the first bytes of its body: one TLS record, one wake-up of the client."""

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Holds the head back, for the write or the close that asks for it."""
        if not self.headers_sent:
            lines = self.default_headers()
            lines += [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = f"{''.join(lines)}\r\n".encode("latin-1")
            self.headers_sent = True

    def write(self, arg: bytes) -> None:
        """An empty write sends the head: that is how a watch begins."""
        super().write(arg)
        self._flush()

    def _emit_body(self, data: bytes) -> None:
        if len(data) >= _JOINED:
            self._flush()
        head, self._head = self._head, b""
        if self.chunked:
            self.sock.sendall(b"%b%X\r\n%b\r\n" % (head, len(data), data))
        else:
            self.sock.sendall(head + data if head else data)

    def close(self) -> None:
        self.send_headers()
        if self.chunked:
            self._head += b"0\r\n\r\n"
        self._flush()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self.sock.sendall(head)


class Worker(GeventWorker):  # type: ignore[misc] # gunicorn has no types
    """Serves requests without access log and hooks, and gives every connection its turn after each of them."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """One connection, from its handshake on, which is bounded in time."""
        if self._shake_hands(client, addr):
            super().handle(listener, client, addr)
        else:
            client.close()

    def _shake_hands(self, client: Any, addr: Any) -> bool:
        with gevent.Timeout(HANDSHAKE_SECONDS, False):
            try:
                client.do_handshake()
                return True
            except OSError as error:
                self.log.debug("no TLS handshake with %s: %s", addr, error)
        return False

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> bool:
        response: JoinedResponse | None = None
        try:
            headers = req.headers
            req.headers = _unambiguous(headers)
            response, environ = wsgi.create(req, sock, addr, listener_name, self.cfg, response_class=JoinedResponse)
            environ["wsgi.multithread"] = True
            environ["berth.headers"] = headers
            if not self.alive:
                response.force_close()
            body = self.wsgi(environ, response.start_response)
            if self.is_already_handled(body):
                return False
            if CLOSE in environ:
                response.force_close()
            try:
                for part in body:
                    response.write(part)
                response.close()
            finally:
                if hasattr(body, "close"):
                    body.close()
            if response.should_close():
                raise StopIteration
        except (StopIteration, OSError):
            raise  # the end of the connection, which the caller sees to
        except (gevent.GreenletExit, SystemExit):
            return False
        except Exception:
            if response is None or not response.headers_sent:
                raise
            self.log.exception("Error handling request")
            _end(sock)
            raise StopIteration from None
        finally:
            # A client that always has its next request ready would otherwise be served alone.
            gevent.sleep(0)
        return True


def _unambiguous(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that a WSGI environment can hold: there, X_Remote_User would be X-Remote-User.  Who reads others reads them all."""
    return [pair for pair in headers if "_" not in pair[0]]


def _end(sock: Any) -> None:
    """Ends the connection, so that the client sees its response is not whole."""
    with contextlib.suppress(OSError):  # it may have ended already
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()
