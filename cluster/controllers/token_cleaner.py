"""Removes bootstrap tokens when their time is over.  Upstream: `pkg/controller/bootstrap/tokencleaner.go`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Final

from cluster.api import bootstrap_tokens
from cluster.api.errors import Conflict, NotFound
from cluster.client import times
from cluster.client.cache import Cache, Key
from cluster.client.http import ApiClient
from cluster.client.resources import SECRETS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Requeue, enqueue_by
from cluster.controllers.objects import uid_of

OF_TYPE: Final = f"type={bootstrap_tokens.TYPE}"
"""Selects the secrets that hold bootstrap tokens; they count in `kube-system` alone."""


class TokenCleaner:
    """`sync` removes one token, or comes back when it expires."""

    def __init__(self, client: ApiClient, secrets: Cache, now: Callable[[], datetime.datetime] = times.now) -> None:
        self._client = client
        self._secrets = secrets
        self._now = now

    def sync(self, key: Key) -> None:
        secret = self._secrets.get(*key)
        left = bootstrap_tokens.seconds_left(secret, self._now().timestamp()) if secret is not None else None
        if secret is None or left is None:
            return
        if left > 0:
            raise Requeue(left)
        try:
            self._client.delete(SECRETS, *key, options={"preconditions": {"uid": uid_of(secret)}})
        except (NotFound, Conflict):
            return  # it is gone, or another one already


def build(context: Context) -> Controller:
    secrets = context.informers.selected(SECRETS, OF_TYPE, namespace=bootstrap_tokens.NAMESPACE)
    queue: WorkQueue[Key] = WorkQueue()
    secrets.add_handler(enqueue_by(queue))
    return Controller(queue, TokenCleaner(context.client, secrets.cache).sync)
