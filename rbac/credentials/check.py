"""Is an issued credential still good?  Asked at every request, so that a revocation holds from the very next one on.

The answer is read from the record each time: in every worker that read is as new as the last write that any worker acknowledged, and it
costs a look-up.  Nothing is remembered that could outlive a revocation.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from cluster.api.meta import parse_time
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from rbac.authn.errors import BadCredentials
from rbac.credentials.reference import Reference


class RecordKey(Struct, frozen=True):
    """Where a record lives."""

    resource: GroupResource
    namespace: str
    name: str


class CredentialCheck:
    """Accepts what its record vouches for, and remembers when each record's credentials were last used."""

    def __init__(self, reader: Reader, *, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock
        self._used: dict[RecordKey, float] = {}

    def check(self, reference: Reference, credential_id: str) -> None:
        """BadCredentials where the record is gone, is another's, does not list the credential, or says that it ended."""
        now = self._clock()
        resource, namespace, name, _ = reference
        fault = fault_of(self._reader.get(resource, namespace, name), reference, credential_id, now)
        if fault:
            raise BadCredentials(f'kubeconfig "{reference.name}" {fault}')
        self._used[RecordKey(resource, namespace, name)] = now

    def take_used(self) -> dict[RecordKey, float]:
        """When each record was last used since this was last asked, in epoch seconds."""
        used, self._used = self._used, {}
        return used


def fault_of(record: Object | None, reference: Reference, credential_id: str, now: float) -> str:
    """Why a record does not vouch for a credential; empty where it does."""
    if record is None or record["metadata"].get("uid") != reference.uid or record["metadata"].get("deletionTimestamp"):
        return "has been deleted"
    status = record.get("status") or {}
    for credential in status.get("credentials") or ():
        if credential["id"] == credential_id:
            if credential.get("revokedAt") or status.get("revokedAt"):
                return "has been revoked"
            return "has expired" if parse_time(credential["expiresAt"]).timestamp() <= now else ""
    return "does not list this credential"


def expiry_in(record: Object | None, credential_id: str) -> float | None:
    """When a credential ends, in epoch seconds; None where the record does not list it."""
    for credential in ((record or {}).get("status") or {}).get("credentials") or ():
        if credential["id"] == credential_id:
            return parse_time(credential["expiresAt"]).timestamp()
    return None
