"""The query parameters of each action, as OpenAPI describes them.  Upstream: apiserver `pkg/endpoints/installer.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object

_LIST: Final = (
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
_WRITE: Final = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"))
_DELETE: Final = (
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("ignoreStoreReadErrorWithClusterBreakingPotential", "boolean"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
)
_COLLECTION: Final = tuple(sorted({*_LIST, *_DELETE} - {("allowWatchBookmarks", "boolean"), ("watch", "boolean")}))
_OF_METHOD: Final = {"post": _WRITE, "put": _WRITE, "patch": (*_WRITE, ("force", "boolean"))}
_OF_ACTION: Final = {"list": _LIST, "watch": _LIST, "watchlist": _LIST, "delete": _DELETE, "deletecollection": _COLLECTION}


def parameters(method: str, action: str) -> list[Object]:
    """`in`, `name` and `type` of each; `action` is as `x-kubernetes-action` has it, empty where no kind is served."""
    if not action or action == "connect":
        return []
    found = _OF_ACTION.get(action) or _OF_METHOD.get(method, ())
    return [{"in": "query", "name": name, "type": kind} for name, kind in found]
