"""When kubeconfigs were last used, written down behind the requests that use them.

Each worker notes uses in memory, and writes now and then what is news by a minute or more.  A write is a compare-and-swap on the record as
it was read, so that one that was revoked or deleted meanwhile is left alone.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from cluster.api.meta import format_epoch, parse_time
from cluster.registry.registry import Registry
from cluster.storage.contract import StoreUnavailable, Write, WriteConflict
from rbac.credentials.check import CredentialCheck, RecordKey

log = logging.getLogger(__name__)
LOOK_SECONDS: Final = 5.0
NEWS_SECONDS: Final = 60.0


def keep_last_use(registry: Registry, credentials: CredentialCheck, closed: threading.Event) -> None:
    """Writes uses down until `closed`."""
    waiting: dict[RecordKey, float] = {}
    while not closed.wait(LOOK_SECONDS):
        waiting |= credentials.take_used()
        for key, moment in list(waiting.items()):
            try:
                if record_use(registry, key, moment, time.time()):
                    del waiting[key]
            except StoreUnavailable as error:
                log.warning("uses of kubeconfigs were not written down: %s", error)
                break


def record_use(registry: Registry, key: RecordKey, moment: float, now: float) -> bool:
    """Whether nothing is left to be written of a use at a moment: it is known, or the record is gone or revoked."""
    kind = registry.catalog.by_group_resource(key.resource)
    assert kind is not None
    codec = registry.codec(kind)
    entry = registry.store.get(codec.key(key.namespace, key.name))
    if entry is None:
        return True
    record = codec.load(entry)
    status = record["status"]
    if status.get("revokedAt"):
        return True
    known = parse_time(status["lastUsedTime"]).timestamp() if status.get("lastUsedTime") else 0.0
    if int(moment) <= known:
        return True
    if now - known < NEWS_SECONDS:
        return False
    status["lastUsedTime"] = format_epoch(moment)
    try:
        registry.store.commit([Write(entry.key, entry.revision, codec.encode(record))])
    except WriteConflict:
        return False
    return True
