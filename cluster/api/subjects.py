"""Subjects of bindings as people write and read them: `user:alice`, `group:ops`, `serviceaccount:ci:bot`."""

from __future__ import annotations

from typing import Final

from cluster.api.field import quoted
from cluster.api.names import Object

FORM: Final = "user:NAME, group:NAME or serviceaccount:NAMESPACE:NAME"
_KINDS: Final = {"user": "User", "group": "Group", "sa": "ServiceAccount", "serviceaccount": "ServiceAccount"}


def parse_subject(text: str) -> Object:
    """Kind and name, and the namespace of a service account (`sa:` for short); ValueError."""
    sort, _, name = text.partition(":")
    kind = _KINDS.get(sort, "")
    if not kind or not name:
        raise ValueError(f"subject {quoted(text)} is not {FORM}")
    if kind != "ServiceAccount":
        return {"kind": kind, "name": name}
    namespace, _, account = name.partition(":")
    if not (namespace and account) or ":" in account:
        raise ValueError(f"subject {quoted(text)} names no service account of a namespace: write serviceaccount:NAMESPACE:NAME")
    return {"kind": kind, "namespace": namespace, "name": account}


def shown_subject(subject: Object) -> str:
    """A subject as `parse_subject` takes it."""
    parts = [str(subject.get("kind", "")).lower(), subject.get("namespace") or "", subject.get("name") or ""]
    return ":".join(part for part in parts if part)
