"""Removes requests that nobody needs any more.  Upstream: `pkg/controller/certificates/cleaner/cleaner.go`."""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable
from typing import Final

from cluster.api.certificates import pem_blocks
from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache
from cluster.client.http import ApiClient
from cluster.client.resources import CERTIFICATE_SIGNING_REQUESTS
from cluster.controllers.certificates.requests import certificate_of, conditions
from cluster.controllers.framework import Context, Controller, Loop
from cluster.controllers.objects import created_at, name_of

_LOG: Final = logging.getLogger(__name__)
PERIOD: Final = 3600.0
_SETTLED: Final = datetime.timedelta(hours=1)
"""How long what was issued, denied or failed is kept."""
_WAITING: Final = datetime.timedelta(hours=24)
"""How long what nobody has decided on or signed is kept."""


def is_over(request: Object, now: datetime.datetime) -> str:
    """Why it may go; empty where it stays."""
    found = conditions(request)
    issued = bool((request.get("status") or {}).get("certificate"))
    if not found and _older(created_at(request), now, _WAITING):
        return "unhandled for a day"
    for each in found:
        kind, updated = each.get("type"), each.get("lastUpdateTime") or ""
        if kind in ("Denied", "Failed") and _older(updated, now, _SETTLED):
            return f"{kind.lower()} for an hour"
        if kind != "Approved":
            continue
        if issued and _older(updated, now, _SETTLED):
            return "issued for an hour"
        if not issued and _older(updated, now, _WAITING):
            return "approved but unissued for a day"
        if issued and _expired(request, now):
            return "its certificate has expired"
    return ""


def _older(time: str, now: datetime.datetime, age: datetime.timedelta) -> bool:
    at = times.parse(time)
    return at is not None and now - at > age


def _expired(request: Object, now: datetime.datetime) -> bool:
    from cryptography import x509

    block = next(pem_blocks(certificate_of(request)), None)
    if block is None:
        return False
    try:
        return now > x509.load_der_x509_certificate(block.der).not_valid_after_utc
    except ValueError:
        return False  # another signer's, which we cannot read


class Cleaner:
    """`clean` is one round."""

    def __init__(self, client: ApiClient, requests: Cache, now: Callable[[], datetime.datetime] = times.now) -> None:
        self._client = client
        self._requests = requests
        self._now = now

    def clean(self, stop: threading.Event) -> None:
        for request in self._requests.list():
            if stop.is_set():
                return
            why = is_over(request, self._now())
            if why:
                self._remove(name_of(request), why)

    def _remove(self, name: str, why: str) -> None:
        _LOG.info("certificate signing request %s is removed: %s", name, why)
        try:
            self._client.delete(CERTIFICATE_SIGNING_REQUESTS, "", name)
        except NotFound:
            return
        except StatusError as error:  # the next round tries again; the others of this one must not wait for it
            _LOG.info("certificate signing request %s was not removed: %s", name, error.message)


def build(context: Context) -> Controller:
    requests = context.informers.of(CERTIFICATE_SIGNING_REQUESTS)
    return Controller(loops=(Loop(PERIOD, Cleaner(context.client, requests.cache).clean),))
