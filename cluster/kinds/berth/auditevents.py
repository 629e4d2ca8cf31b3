"""Events of the audit log as they are shown: who did what, and what became of it."""

from __future__ import annotations

from typing import Any, Final

from cluster.api.names import Object
from cluster.kinds.model import Strategy


def _cells(obj: Object) -> list[Any]:
    event = obj.get("event") or {}
    user = (event.get("user") or {}).get("username") or "<none>"
    acting = (event.get("impersonatedUser") or {}).get("username")
    code = (event.get("responseStatus") or {}).get("code")
    decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision", "")
    time = str(event.get("requestReceivedTimestamp", "")).partition(".")[0]
    shown = f"{user} as {acting}" if acting else user
    return [f"{time}Z", shown, event.get("verb", ""), _target(event), str(code or ""), decision, obj["metadata"]["name"]]


def _target(event: Object) -> str:
    """`pods/log web-1`, or the path of what is no resource."""
    ref = event.get("objectRef")
    if not ref:
        return str(event.get("requestURI", ""))
    resource = "/".join(filter(None, (ref.get("resource"), ref.get("subresource"))))
    return f"{resource} {ref['name']}" if ref.get("name") else resource


STRATEGY: Final = Strategy(cells=_cells)
