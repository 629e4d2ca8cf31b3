"""Calls to services that a configuration names: webhooks and issuers.

Upstream: apiserver `pkg/util/webhook`, client-go `rest/config.go` and `tools/clientcmd`.
"""

from __future__ import annotations

import base64
import re
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Timeout

from cluster.api.protocols import HttpAnswer, HttpFailure, Resolve
from cluster.client.caller_connection import PlainConnection, TlsConnection, Watch
from cluster.client.caller_words import TIMED_OUT, in_words
from cluster.client.kubeconfig import decode, material, member
from cluster.client.transport import load_pair, tls_context

MAX_BODY_BYTES: Final = 10 << 20
CONNECT_SECONDS: Final = 5.0
CONNECTIONS: Final = 8
_CHUNK: Final = 65536
_TOKEN_SECONDS: Final = 10.0
"""How long a token is used before its file is read again."""
_USER_AGENT: Final = "berth-apiserver"
_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----")
_REFUSED: Final = {"exec": "exec plugins", "auth-provider": "auth providers", "as": "impersonation"}
"""Ways for a user of a kubeconfig to authenticate that a server has no use for."""


class Caller:
    """Implements HttpCaller: connections to one service, kept open between calls.  Safe for threads."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        token_file: Path | None = None,
        server_name: str = "",
        max_body: int = MAX_BODY_BYTES,
        connect_seconds: float = CONNECT_SECONDS,
        connections: int = CONNECTIONS,
        resolve: Resolve | None = None,
    ) -> None:
        """`context` verifies an https service; `server_name` is whom its certificate must name, if not the URL's host.

        `connections` are so many at a time, each made within `connect_seconds`; `resolve` says where the URL's host is.
        """
        try:
            parsed = urllib3.util.parse_url(url)
        except LocationParseError as error:
            raise ValueError(f'"{url}" is no URL: write it as "https://host:port/path"') from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f'"{url}" is no URL of a service: write it as "https://host:port/path"')
        self.url = url
        self._headers = {"User-Agent": _USER_AGENT, "Accept": "application/json", **(headers or {})}
        if parsed.auth:
            self._headers.setdefault("Authorization", _basic(parsed.auth))
        self._token = _TokenFile(token_file) if token_file else None
        self._path = parsed.path or ""
        self._query = f"?{parsed.query}" if parsed.query else ""
        self._max_body = max_body
        self._host = server_name or (parsed.host or "").strip("[]")
        self._address = f"{parsed.host}:{parsed.port or (443 if parsed.scheme == 'https' else 80)}"
        self._connect_seconds = connect_seconds
        self._pool = _pool(parsed, context, server_name, connections)
        if resolve is not None:
            self._pool.conn_kw["resolve"] = resolve

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        """One request; HttpFailure.  `timeout` seconds bound the whole of it: connecting, sending and reading to the end."""
        sent = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token.read()}"
        target = (self._path.rstrip("/") + path if path else self._path or "/") + self._query
        with Watch(timeout) as watch:
            try:
                response = self._pool.urlopen(
                    method,
                    target,
                    body=body,
                    headers=sent | dict(headers or {}),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=True,
                    timeout=Timeout(connect=min(self._connect_seconds, timeout), total=timeout),
                    pool_timeout=max(1, int(timeout)),
                )
                answer = self._read(response)
            except (HTTPError, OSError) as error:
                cause = TimeoutError("timed out") if watch.expired else error  # what ended the connection was the watch
                raise self._failure(f'{method} "{self._shown(path)}"', watch, cause) from cause
            if watch.expired:  # what is read to the end of its connection looks whole
                raise self._failure(f'{method} "{self._shown(path)}"', watch, TimeoutError("timed out"))
            return answer

    def _failure(self, what: str, watch: Watch, error: Exception) -> HttpFailure:
        if watch.expired:
            return HttpFailure(f"{what}: timed out", TIMED_OUT)
        return HttpFailure(f"{what}: {_cause(error)}", in_words(error, self._host, watch.dialled or self._address))

    def _read(self, response: urllib3.BaseHTTPResponse) -> HttpAnswer:
        """The whole answer; a connection whose answer is not read to its end is not used again."""
        body = bytearray()
        try:
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > self._max_body:
                    why = f"is larger than {self._max_body} bytes"
                    raise HttpFailure(f'the answer of "{self._shown("")}" {why}', f"the answer {why}")
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return HttpAnswer(response.status, {name.lower(): value for name, value in response.headers.items()}, bytes(body))

    def close(self) -> None:
        """Closes idle connections."""
        self._pool.close()

    def _shown(self, path: str) -> str:
        """The URL called, without what may be secret in it."""
        return urllib3.util.parse_url(self.url)._replace(auth=None, query=None).url + path


class _TokenFile:
    """A token that whoever writes the file may replace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._token = ""
        self._until = 0.0

    def read(self) -> str:
        """The newest token known; HttpFailure where there has never been one."""
        now = time.monotonic()
        if now >= self._until:
            try:
                self._token = self._path.read_text().strip() or self._token
            except (OSError, ValueError) as error:
                if not self._token:
                    raise HttpFailure(f'token file "{self._path}" cannot be read: {error}') from error
            self._until = now + _TOKEN_SECONDS
        if not self._token:
            raise HttpFailure(f'token file "{self._path}" is empty')
        return self._token


def url_caller(url: str, ca_pem: str = "") -> Caller:
    """ValueError for a URL that is not http or https, or a CA without certificates."""
    return Caller(url, verifying(ca_pem.encode() or None))


def kubeconfig_caller(path: str, context: str = "") -> Caller:
    """The server and user of the context named, or the current one; ValueError, OSError for a file that cannot be used."""
    file = Path(path)
    document = decode(file.read_bytes())
    try:
        chosen = member(document, "contexts", context or document.get("current-context") or "", "context", path)
        cluster = member(document, "clusters", chosen.get("cluster") or "", "cluster", path)
        user = member(document, "users", chosen["user"], "user", path) if chosen.get("user") else {}
    except (TypeError, AttributeError) as error:
        raise ValueError(f'"{path}" is no kubeconfig: {error}') from error
    try:
        return _caller(cluster, user, file.parent)
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(f'kubeconfig "{path}": {error}') from error


def _caller(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> Caller:
    """A caller of a kubeconfig's cluster as a kubeconfig's user; ValueError, OSError."""
    server = cluster.get("server")
    if not isinstance(server, str) or not server:
        raise ValueError('the cluster names no server: write it as "server: https://..."')
    if cluster.get("proxy-url"):
        raise ValueError("proxy-url is not supported: name a server that can be reached without a proxy")
    unsupported(user)
    ca = material(cluster, "certificate-authority", folder)
    insecure = cluster.get("insecure-skip-tls-verify") is True
    if insecure and ca is not None:
        raise ValueError("specifying a root certificates file with the insecure flag is not allowed")
    certificate, key = material(user, "client-certificate", folder), material(user, "client-key", folder)
    if (certificate is None) != (key is None):
        raise ValueError("client-certificate and client-key must be given together")
    context = _unverifying() if insecure else verifying(ca)
    if certificate is not None and key is not None:
        show(context, certificate, key)
    header, token_file = authorization(user, folder)
    return Caller(
        server,
        context,
        headers={"Authorization": header} if header else {},
        token_file=token_file,
        server_name=cluster.get("tls-server-name") or "",
    )


def unsupported(user: dict[str, Any]) -> None:
    """ValueError for a user that authenticates in a way that a server has no use for."""
    for field, what in _REFUSED.items():
        if user.get(field):
            raise ValueError(f'user field "{field}" is not supported: a server\'s kubeconfig may not use {what}')


def authorization(user: dict[str, Any], folder: Path) -> tuple[str, Path | None]:
    """(header, token file) of a user: the file wins over the token, as it does for client-go."""
    name, password = user.get("username"), user.get("password")
    token, token_file = user.get("token"), user.get("tokenFile")
    if (token or token_file) and name:
        raise ValueError("more than one authentication method found; found [token basicAuth], only one is allowed")
    if token_file:
        return "", folder / token_file
    if token:
        if "\n" in token or "\r" in token:
            raise ValueError("the token has a line break in it")
        return f"Bearer {token}", None
    return (_basic(f"{name}:{password or ''}"), None) if name else ("", None)


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def verifying(ca: bytes | None) -> ssl.SSLContext:
    """Trusts the CAs given, or (None) the system's; ValueError where they are none."""
    if ca is not None and not _CERTIFICATE.search(ca.decode(errors="replace")):
        raise ValueError("data does not contain any valid RSA or ECDSA certificates")
    try:
        return tls_context(ca, None, None)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError(f"the certificate authority cannot be read: {error}") from error


def _unverifying() -> ssl.SSLContext:
    """As `insecure-skip-tls-verify: true` asks for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    try:
        load_pair(context, certificate, key)
    except ssl.SSLError as error:
        raise ValueError(f"the client certificate and key cannot be used: {error}") from error


def _pool(url: urllib3.util.Url, context: ssl.SSLContext | None, server_name: str, connections: int) -> urllib3.HTTPConnectionPool:
    host = (url.host or "").strip("[]")
    if url.scheme == "http":
        plain = urllib3.HTTPConnectionPool(host, url.port or 80, maxsize=connections, block=True)
        plain.ConnectionCls = PlainConnection
        return plain
    insecure = context is not None and context.verify_mode == ssl.CERT_NONE
    if insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool = urllib3.HTTPSConnectionPool(
        host,
        url.port or 443,
        maxsize=connections,
        block=True,
        ssl_context=context,
        cert_reqs="CERT_NONE" if insecure else "CERT_REQUIRED",
        assert_hostname=False if insecure else None,
        server_hostname=server_name or None,
    )
    pool.ConnectionCls = TlsConnection
    return pool


def _cause(error: BaseException) -> str:
    """What went wrong, without the names of urllib3's objects."""
    text = str(error)
    return re.sub(r"^(<?[A-Za-z]+(Connection)?(Pool)?\([^)]*\)>?: ?)+", "", text) or type(error).__name__
