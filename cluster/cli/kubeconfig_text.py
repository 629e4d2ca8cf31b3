"""Kubeconfigs as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.api.names import Object
from cluster.api.output import aligned
from cluster.kinds.berth.kubeconfig_rules import cells, state_of

_COLUMNS: Final = ("NAMESPACE", "NAME", "USER", "GROUPS", "ISSUED BY", "ISSUED", "EXPIRES", "LAST USED", "STATE")


def table(records: Sequence[Object]) -> str:
    """Aligned as kubectl aligns; the namespace is left out where no record has one."""
    if not records:
        return "no kubeconfigs"
    rows = [_COLUMNS, *((record["metadata"].get("namespace", ""), *map(str, cells(record))) for record in records)]
    if not any(record["metadata"].get("namespace") for record in records):
        rows = [row[1:] for row in rows]
    return "\n".join(aligned(rows))


def description(record: Object) -> str:
    """Everything about one; nothing of it is secret."""
    metadata, spec, status = record["metadata"], record["spec"], record.get("status") or {}
    role = spec.get("roleRef")
    bound = ", ".join(spec.get("namespaces") or ()) or "the whole cluster"
    lines = [
        ("Name", metadata["name"]),
        ("Namespace", metadata.get("namespace")),
        ("User", status.get("username")),
        ("Groups", ", ".join(spec.get("groups") or ())),
        ("Role", f"{role['kind']} {role['name']} in {bound}" if role else ""),
        ("Server", spec.get("server")),
        ("Issued by", status.get("issuedBy")),
        ("Created", metadata.get("creationTimestamp")),
        ("Last used", status.get("lastUsedTime") or "never"),
        ("State", state_of(record)),
        ("Revoked", f"{status['revokedAt']} by {status.get('revokedBy', '')}" if status.get("revokedAt") else ""),
    ]
    text = [f"{name + ':':<12} {value}" for name, value in lines if value]
    text.append("Credentials:")
    for each in status.get("credentials") or ():
        ended = f", revoked {each['revokedAt']}" if each.get("revokedAt") else ""
        text.append(f"  {each['id']}")
        text.append(f"    {each['type']}, issued {each['issuedAt']} by {each['issuedBy']}, expires {each['expiresAt']}{ended}")
    return "\n".join(text)
