"""Signs what is approved, for each of the cluster's own signers.  Upstream: `pkg/controller/certificates/signer/signer.go`."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.api.errors import Conflict, InternalError, NotFound
from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache, Key
from cluster.client.http import ApiClient
from cluster.client.resources import CERTIFICATE_SIGNING_REQUESTS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.certificates.authority import Authority, CannotSign, lifetime, sign
from cluster.controllers.certificates.requests import has_condition, has_true_condition, parsed
from cluster.controllers.certificates.rules import RULES
from cluster.controllers.framework import Context, Controller, enqueue_by
from cluster.controllers.objects import copied

FAILURE: Final = "SignerValidationFailure"
FIRST_PAUSE: Final = 0.2


class Signer:
    """`sync` signs one request, or says in its status why it will not be."""

    def __init__(
        self,
        client: ApiClient,
        requests: Cache,
        authority: tuple[Path, Path],
        longest: datetime.timedelta,
        now: Callable[[], datetime.datetime] = times.now,
    ) -> None:
        """`authority`: the files of the CA's certificate and of its key."""
        self._client = client
        self._requests = requests
        self._authority = authority
        self._longest = longest
        self._now = now

    def sync(self, key: Key) -> None:
        request = self._requests.get(*key)
        if request is None or not waits_for_signature(request):
            return
        signed = self.signed(request)
        try:
            self._client.update(CERTIFICATE_SIGNING_REQUESTS, "", signed, subresource="status")
        except (Conflict, NotFound):
            return  # the informer will tell

    def signed(self, request: Object) -> Object:
        """The request with its certificate, or with the condition `Failed`; InternalError where the CA cannot be used now."""
        made = copied(request)
        spec, status = made["spec"], made.setdefault("status", {})
        usages = spec.get("usages") or []
        try:
            asked = parsed(request)
            why = RULES[spec["signerName"]](asked, usages)
            if why:
                failed = {"type": "Failed", "status": "True", "reason": FAILURE, "message": why, "lastUpdateTime": times.time(self._now())}
                status["conditions"] = [*(status.get("conditions") or ()), failed]
                return made
            lasting = lifetime(spec.get("expirationSeconds"), self._longest)
            certificate = sign(Authority.load(*self._authority), asked, usages, lasting, self._now())
        except (CannotSign, ValueError) as error:
            raise InternalError(f"error auto signing csr: {error}") from error
        status["certificate"] = base64.b64encode(certificate).decode()
        return made


def waits_for_signature(request: Object) -> bool:
    """Approved, not denied, neither issued nor failed, and for one of the signers here."""
    return (
        has_condition(request, "Approved")
        and not has_condition(request, "Denied")
        and not has_true_condition(request, "Failed")
        and not (request.get("status") or {}).get("certificate")
        and request["spec"].get("signerName") in RULES
    )


def build(context: Context) -> Controller:
    options = context.options
    requests = context.informers.of(CERTIFICATE_SIGNING_REQUESTS)
    if options.ca_certificate is None or options.ca_key is None:
        return Controller()
    longest = datetime.timedelta(seconds=options.certificate_seconds)
    signer = Signer(context.client, requests.cache, (options.ca_certificate, options.ca_key), longest)
    queue: WorkQueue[Key] = WorkQueue(base_seconds=FIRST_PAUSE)
    requests.add_handler(enqueue_by(queue))
    return Controller(queue, signer.sync)
