"""What keeps tenants apart in the store: no two have prefixes of which one begins with the other.

All claims touch one record, so that of two tenants that are made at the same moment, in whatever processes, the second is judged anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from cluster.api import field
from cluster.api.errors import Invalid
from cluster.api.meta import new_uid
from cluster.api.names import GroupKind, Object
from cluster.api.tenancy import TENANTS, prefix_of, prefixes_overlap
from cluster.registry.codec import encode
from cluster.storage.contract import Key, Store, Write

_CLAIMS: Final = Key("tenantprefixes.internal", "", "all")


class TenantPrefixes:
    """The Companion of Tenants."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, obj: Object) -> Sequence[Write]:
        """Invalid where another tenant's prefix overlaps.  The other is not named: who makes tenants need not see all of them."""
        claims = self._store.get(_CLAIMS)
        wanted = prefix_of(obj)
        for entry in self._store.list(str(TENANTS)).entries:
            taken = prefix_of(orjson.loads(entry.data))
            if entry.key.name != obj["metadata"]["name"] and prefixes_overlap(wanted, taken):
                error = field.invalid("spec.namespaces.prefix", wanted, "overlaps with the prefix of another tenant")
                raise Invalid.of(GroupKind(TENANTS.group, "Tenant"), obj["metadata"]["name"], [error])
        record = encode({"metadata": {"name": _CLAIMS.name, "uid": new_uid()}})
        return [Write(_CLAIMS, claims.revision if claims is not None else 0, record)]

    def update(self, obj: Object, old: Object) -> Sequence[Write]:  # noqa: ARG002 - a Companion's signature; a prefix is kept
        return ()

    def delete(self, old: Object) -> Sequence[Write]:  # noqa: ARG002 - likewise; what is gone overlaps with nothing
        return ()
