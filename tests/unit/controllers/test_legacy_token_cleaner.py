"""Generated token secrets that nobody uses: marked invalid, then removed, and never too early."""

from __future__ import annotations

import datetime
import threading
from typing import Any

import pytest

from cluster.api.names import Object
from cluster.client.resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS
from cluster.controllers.legacy_token_cleaner import LegacyTokenCleaner
from tests.unit.controllers.server import Server

NOW = datetime.datetime(2026, 6, 30, 12, tzinfo=datetime.UTC)
DAYS = 10
USED, INVALID = "kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"
KEY = ("dev", "s")


def day(ago: int) -> str:
    return (NOW - datetime.timedelta(days=ago)).date().isoformat()


def secret(created: int = 30, **labels: str) -> Object:
    """Created so many days ago."""
    annotations = {"kubernetes.io/service-account.name": "bot", "kubernetes.io/service-account.uid": "u1"}
    metadata: Object = {"name": "s", "namespace": "dev", "uid": "u", "creationTimestamp": f"{day(created)}T12:00:00Z"}
    named = {"used": USED, "invalid": INVALID}
    metadata |= {"annotations": annotations, "labels": {named[key]: value for key, value in labels.items()}}
    return {"metadata": metadata, "type": "kubernetes.io/service-account-token"}


def changed(obj: Object, **metadata: Any) -> Object:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


ACCOUNT = {"metadata": {"name": "bot", "namespace": "dev", "uid": "u1"}, "secrets": [{"name": "s"}]}
TRACKED = {"since": day(20)}
MARKED, REMOVED, KEPT = "marked", "removed", "kept"
POD = {"metadata": {"name": "p", "namespace": "dev"}, "spec": {"containers": [], "volumes": [{"secret": {"secretName": "s"}}]}}


def cleaned(
    obj: Object, *, tracked: Object | None = TRACKED, account: Object | None = ACCOUNT, pod: Object | None = None, dry: int = 0
) -> tuple[str, Server]:
    server = Server()
    server.put(SECRETS, obj)
    server.conflicts = dry
    for resource, each in ((SERVICE_ACCOUNTS, account), (PODS, pod)):
        if each is not None:
            server.put(resource, each)
    if tracked is not None:
        metadata = {"name": "kube-apiserver-legacy-service-account-token-tracking", "namespace": "kube-system"}
        server.put(CONFIG_MAPS, {"metadata": metadata, "data": tracked})
    accounts, secrets, pods = (server.cache(resource) for resource in (SERVICE_ACCOUNTS, SECRETS, PODS))
    unused = datetime.timedelta(days=DAYS)
    cleaner = LegacyTokenCleaner(server, accounts, secrets, pods, unused, now=lambda: NOW)  # type: ignore[arg-type]
    cleaner.clean(threading.Event())
    left = server.find(SECRETS, *KEY)
    if left is None:
        return REMOVED, server
    return (MARKED if left["metadata"]["labels"].get(INVALID) == day(0) else KEPT), server


@pytest.mark.parametrize(
    ("tracked", "fate"),
    [
        (None, KEPT),
        ({}, KEPT),
        ({"since": "June"}, KEPT),
        ({"since": day(DAYS)}, KEPT),
        ({"since": day(DAYS + 1)}, MARKED),
    ],
)
def test_nothing_goes_before_uses_were_written_down_long_enough(tracked: Object | None, fate: str) -> None:
    assert cleaned(secret(), tracked=tracked)[0] == fate


@pytest.mark.parametrize(
    ("obj", "fate"),
    [
        pytest.param(secret(), MARKED, id="never used"),
        pytest.param(secret(created=DAYS - 1), KEPT, id="young"),
        pytest.param(changed(secret(), deletionTimestamp=f"{day(0)}T12:00:00Z"), KEPT, id="being deleted"),
        pytest.param(secret(used=day(DAYS)), KEPT, id="used lately"),
        pytest.param(secret(used=day(DAYS + 1)), MARKED, id="not used for long"),
        pytest.param(secret(used="lately"), KEPT, id="a label that is no day"),
        pytest.param(secret(used="20260101"), KEPT, id="a day in other words"),
        pytest.param(secret(invalid="once"), MARKED, id="a mark that is no day"),
        pytest.param(secret(invalid=day(DAYS)), KEPT, id="invalid, not for long"),
        pytest.param(secret(invalid=day(DAYS + 1)), REMOVED, id="invalid for long"),
        pytest.param(secret(used=day(DAYS + 1), invalid=day(DAYS)), KEPT, id="not used for long, invalid, not for long"),
        pytest.param(secret(used=day(DAYS + 9), invalid=day(DAYS + 1)), REMOVED, id="not used for long, invalid for long"),
        pytest.param(changed(secret(), annotations={}), KEPT, id="nobody's"),
    ],
)
def test_what_becomes_of_a_generated_secret(obj: Object, fate: str) -> None:
    assert cleaned(obj)[0] == fate


@pytest.mark.parametrize(
    "account",
    [None, {**ACCOUNT, "secrets": []}, {**ACCOUNT, "secrets": [{"name": "x"}]}, changed(ACCOUNT, uid="u2")],
    ids=["gone", "names none", "names another", "another account"],
)
def test_a_secret_that_somebody_made_stays(account: Object | None) -> None:
    assert cleaned(secret(invalid=day(DAYS + 1)), account=account)[0] == KEPT


@pytest.mark.parametrize(("namespace", "fate"), [("dev", KEPT), ("other", REMOVED)])
def test_a_secret_that_a_pod_mounts_stays(namespace: str, fate: str) -> None:
    assert cleaned(secret(invalid=day(DAYS + 1)), pod=changed(POD, namespace=namespace))[0] == fate


def test_a_secret_that_changes_meanwhile_stays() -> None:
    fate, server = cleaned(secret(invalid=day(DAYS + 1)), dry=1)
    assert (fate, server.writes) == (KEPT, [("delete", "secrets", "s")])
