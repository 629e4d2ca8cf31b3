"""Callers of admission webhooks: over TLS alone, each as the user whom a kubeconfig has for the host that is called.

Upstream: apiserver `pkg/util/webhook/client.go` (hookClientConfig), `pkg/util/webhook/authentication.go`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import urllib3
from urllib3.exceptions import LocationParseError

from cluster.api.protocols import Resolve
from cluster.client.caller import Caller, authorization, show, unsupported, verifying
from cluster.client.kubeconfig import decode, material

CONNECTIONS: Final = 256
"""So many calls of one webhook run at a time, in each worker."""
_SECONDS: Final = 30.0
"""What connecting may take; the call's own limit is mostly shorter."""
_PEM: Final = re.compile(rb"-----BEGIN [A-Z ]+-----")


class WebhookCallers:
    """Implements cluster.api.protocols.WebhookCallers."""

    def __init__(self, kubeconfig: str = "") -> None:
        """ValueError, OSError for a kubeconfig that is none; what its users show is read when they are first needed."""
        self._folder = Path(kubeconfig).parent
        document = decode(Path(kubeconfig).read_bytes()) if kubeconfig else {}
        try:
            self._users: Mapping[str, Any] = {each["name"]: each.get("user") or {} for each in document.get("users") or ()}
            self._current = _current_user(document)
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f'"{kubeconfig}" is no kubeconfig: {error}') from error

    def of(self, url: str, ca_pem: bytes, resolve: Resolve | None = None) -> Caller:
        try:
            parsed = urllib3.util.parse_url(url)
        except LocationParseError as error:
            raise ValueError(f"Unparsable URL: {error}") from error
        context = _trusting(ca_pem)
        user = self._user(f"{parsed.host}:{parsed.port or 443}")
        unsupported(user)
        certificate, key = material(user, "client-certificate", self._folder), material(user, "client-key", self._folder)
        if certificate is not None and key is not None:
            show(context, certificate, key)
        header, token_file = authorization(user, self._folder)
        return Caller(
            url,
            context,
            headers={"Authorization": header} if header else {},
            token_file=token_file,
            connect_seconds=_SECONDS,
            connections=CONNECTIONS,
            resolve=resolve,
        )

    def _user(self, target: str) -> dict[str, Any]:
        """The user for `host:port`: by that name, by one whose beginning is a star, or else the current context's; nobody shows nothing."""
        for name in _names(target):
            if name in self._users:
                found: dict[str, Any] = self._users[name]
                return found
        return self._users.get(self._current) or {}


def _names(target: str) -> Iterator[str]:
    """What the user for a target may be called, the best first; port 443 need not be named."""
    host, _, port = target.rpartition(":")
    for each in (target, host) if port == "443" else (target,):
        yield each
        steps = each.split(".")
        for position in range(1, len(steps)):
            yield "*." + ".".join(steps[position:])
    yield "*"


def _current_user(document: Mapping[str, Any]) -> str:
    current = document.get("current-context") or ""
    for each in document.get("contexts") or ():
        if current and each["name"] == current:
            return str((each.get("context") or {}).get("user") or "")
    return ""


def _trusting(ca_pem: bytes) -> ssl.SSLContext:
    """Trusts the bundle given, be it a service's own certificate, or the system's CAs where there is none."""
    if ca_pem and not _PEM.search(ca_pem):
        raise ValueError("unable to load root certificates: unable to parse bytes as PEM block")
    try:
        context = verifying(ca_pem or None)
    except ValueError as error:
        raise ValueError(f"unable to load root certificates: {error}") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    return context
