"""Secrets that hold bootstrap tokens, as authentication and the controllers read them.

Upstream: `staging/src/k8s.io/cluster-bootstrap/token/api/types.go` and `util/secrets/secrets.go`.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from cluster.api.meta import parse_time
from cluster.api.names import Object

TYPE: Final = "bootstrap.kubernetes.io/token"
NAMESPACE: Final = "kube-system"
_NAME: Final = re.compile(r"bootstrap-token-([a-z0-9]{6})")


def token_id_of_name(name: str) -> str:
    """The ID in the secret's name; empty where the name is not of the form `bootstrap-token-<id>`."""
    match = _NAME.fullmatch(name)
    return match[1] if match else ""


def value(secret: Object, key: str) -> str:
    """A value of the secret as text, what is no text as such that no rule accepts; empty where it has none."""
    return base64.b64decode((secret.get("data") or {}).get(key) or "").decode(errors="replace")


def seconds_left(secret: Object, now: float) -> float | None:
    """Seconds from `now` (POSIX) until the token expires, 0 once it has or where its time cannot be read; None for one that never does."""
    text = value(secret, "expiration")
    if not text:
        return None
    try:
        return max(0.0, parse_time(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
