"""What the API server creates itself while it serves a request: as the user that it is to itself, by the whole way of a create.

Upstream: apiserver `pkg/server/config_selfclient.go` and `pkg/authentication/user` (the loopback client, and who it is).
"""

from __future__ import annotations

from typing import Final

from cluster.api.errors import NotFound
from cluster.api.names import GroupVersionKind, Object
from cluster.api.user import AUTHENTICATED, MASTERS, UserInfo
from cluster.registry.create import create
from cluster.registry.registry import Call, Registry

API_SERVER: Final = UserInfo("system:apiserver", groups=(MASTERS, AUTHENTICATED))


def create_as_self(registry: Registry, gvk: GroupVersionKind, obj: Object) -> None:
    """Errors as of a create; NotFound for a kind that is not served."""
    kind = registry.catalog.by_kind(gvk)
    if kind is None:
        raise NotFound.path()
    call = Call(API_SERVER, {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"})
    decoded = registry.decode(call, gvk, obj)
    create(registry, call, kind, decoded["metadata"].get("namespace", ""), decoded)
