"""Uses of kubeconfigs are written once a minute a record at most, and never bring one back."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from admission.chain import Chain
from cluster.api.names import Object
from cluster.kinds.catalog import catalog
from cluster.registry.kubeconfig_use import record_use
from cluster.registry.registry import Registry
from cluster.schema.model import SchemaSet
from cluster.storage.contract import Key, Write
from cluster.storage.local import LocalStore
from rbac.credentials.check import RecordKey
from rbac.credentials.reference import KUBECONFIGS

HERS = RecordKey(KUBECONFIGS, "dev", "hers")
KEY = Key(str(KUBECONFIGS), "dev", "hers")
T0 = 1_900_000_000.0
"""2030-03-17T17:46:40Z"""


@pytest.fixture(name="registry")
def registry_fixture() -> Iterator[Registry]:
    schemas = SchemaSet.for_version("1.36")
    store = LocalStore.temporary()
    yield Registry(store, catalog("1.36", schemas.gvks()), schemas, Chain(()), {})
    store.close()


def put(registry: Registry, **status: str) -> None:
    entry = registry.store.get(KEY)
    value: Object = {"metadata": {"name": "hers", "namespace": "dev", "uid": "1"}, "status": {"credentials": [], **status}}
    registry.store.commit([Write(KEY, entry.revision if entry else 0, orjson.dumps(value))])


def last_use(registry: Registry) -> str | None:
    entry = registry.store.get(KEY)
    used: str | None = orjson.loads(entry.data)["status"].get("lastUsedTime") if entry is not None else None
    return used


def test_the_first_use_is_written(registry: Registry) -> None:
    put(registry)
    assert (record_use(registry, HERS, T0 + 0.7, T0 + 5), last_use(registry)) == (True, "2030-03-17T17:46:40Z")


@pytest.mark.parametrize(
    ("used", "now", "done", "after"),
    [
        (T0 + 30, T0 + 35, False, "2030-03-17T17:46:40Z"),
        (T0 + 30, T0 + 61, True, "2030-03-17T17:47:10Z"),
        (T0 + 0.9, T0 + 90, True, "2030-03-17T17:46:40Z"),
        (T0 - 10, T0 + 90, True, "2030-03-17T17:46:40Z"),
    ],
)
def test_the_next_waits_for_a_minute_and_time_never_goes_back(registry: Registry, used: float, now: float, done: bool, after: str) -> None:
    put(registry, lastUsedTime="2030-03-17T17:46:40Z")
    assert (record_use(registry, HERS, used, now), last_use(registry)) == (done, after)


def test_a_record_that_was_revoked_stays_as_it_is(registry: Registry) -> None:
    put(registry, revokedAt="2030-01-01T00:00:00Z")
    assert (record_use(registry, HERS, T0, T0), last_use(registry)) == (True, None)


def test_a_record_that_is_gone_does_not_come_back(registry: Registry) -> None:
    assert (record_use(registry, HERS, T0, T0), registry.store.get(KEY)) == (True, None)
