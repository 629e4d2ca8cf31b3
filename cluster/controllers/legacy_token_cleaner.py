"""Marks generated token secrets that nobody uses as invalid, and removes them when nobody has missed them for as long again.

Upstream: `pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go`.  The API server writes when each was last used, and
since when it writes that.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Callable
from typing import Final

from cluster.api.errors import Conflict, NotFound, StatusError
from cluster.api.names import Object
from cluster.api.pod_references import secret_names
from cluster.api.token_keys import INVALID_SINCE, LAST_USED, TRACKED_SINCE, TRACKING_NAME, TRACKING_NAMESPACE, parse_day
from cluster.client import times
from cluster.client.cache import Cache, key_of
from cluster.client.http import ApiClient
from cluster.client.resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS
from cluster.controllers.framework import Context, Controller, Loop
from cluster.controllers.objects import being_deleted, name_of, namespace_of, uid_of
from cluster.controllers.token import OF_TYPE, account_key, is_of

_LOG: Final = logging.getLogger(__name__)
PERIOD: Final = 24 * 3600.0


class LegacyTokenCleaner:
    """`clean` is one round."""

    def __init__(
        self,
        client: ApiClient,
        accounts: Cache,
        secrets: Cache,
        pods: Cache,
        unused: datetime.timedelta,
        now: Callable[[], datetime.datetime] = times.now,
    ) -> None:
        """`unused`: how long a secret may be so."""
        self._client = client
        self._accounts = accounts
        self._secrets = secrets
        self._pods = pods
        self._unused = unused
        self._now = now

    def clean(self, stop: threading.Event) -> None:
        now = self._now()
        since = self._tracked_since()
        if since is None or now < since + self._unused:
            return
        mounted: dict[str, set[str]] = {}
        for secret in self._secrets.list():
            if stop.is_set():
                return
            if not self._is_unused(secret, now):
                continue
            namespace = namespace_of(secret)
            if namespace not in mounted:
                mounted[namespace] = {name for pod in self._pods.list(namespace) for name in secret_names(pod["spec"])}
            if name_of(secret) not in mounted[namespace]:
                self._retire(secret, now)

    def _tracked_since(self) -> datetime.datetime | None:
        """The start of the first whole day on which uses were written down; None where that is unknown."""
        try:
            found = self._client.get(CONFIG_MAPS, TRACKING_NAMESPACE, TRACKING_NAME)
        except NotFound:
            return None
        day = parse_day((found.get("data") or {}).get(TRACKED_SINCE) or "")
        return None if day is None else datetime.datetime.combine(day, datetime.time(), datetime.UTC) + datetime.timedelta(days=1)

    def _is_unused(self, secret: Object, now: datetime.datetime) -> bool:
        """Old, of no recent use as far as its label tells, and generated: its account names it."""
        created = times.parse(secret["metadata"].get("creationTimestamp"))
        if created is None or created >= now - self._unused or being_deleted(secret):
            return False
        labels = secret["metadata"].get("labels") or {}
        if LAST_USED in labels:
            used = parse_day(labels[LAST_USED])
            if used is None or used >= (now - self._unused).date():
                return False
        account = self._accounts.get(*account_key(secret))
        if account is None or not is_of(secret, account):
            return False
        return any(each.get("name") == name_of(secret) for each in account.get("secrets") or ())

    def _retire(self, secret: Object, now: datetime.datetime) -> None:
        metadata = secret["metadata"]
        invalid = parse_day((metadata.get("labels") or {}).get(INVALID_SINCE) or "")
        try:
            if invalid is None:
                _LOG.info("the generated token secret %s/%s is marked invalid", *key_of(secret))
                patch = {"metadata": {"uid": uid_of(secret), "labels": {INVALID_SINCE: now.date().isoformat()}}}
                self._client.patch(SECRETS, *key_of(secret), patch)
            elif invalid < (now - self._unused).date():
                _LOG.info("the generated token secret %s/%s is removed, invalid since %s", *key_of(secret), invalid)
                options = {"preconditions": {"resourceVersion": metadata["resourceVersion"]}}
                self._client.delete(SECRETS, *key_of(secret), options=options)
        except (Conflict, NotFound):
            return
        except StatusError as error:  # the next round tries again; the others of this one must not wait for it
            _LOG.info("the generated token secret %s/%s was left as it is: %s", *key_of(secret), error.message)


def build(context: Context) -> Controller:
    informers = context.informers
    accounts, secrets, pods = informers.of(SERVICE_ACCOUNTS), informers.selected(SECRETS, OF_TYPE), informers.of(PODS)
    unused = datetime.timedelta(seconds=context.options.legacy_token_seconds)
    cleaner = LegacyTokenCleaner(context.client, accounts.cache, secrets.cache, pods.cache, unused)
    return Controller(loops=(Loop(PERIOD, cleaner.clean),))
