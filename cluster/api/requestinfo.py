"""What a request asks for, read from its URL once.  Upstream: apiserver `pkg/endpoints/request/requestinfo.go`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cluster.api.names import GroupResource, GroupVersion

_VERBS: Final = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_SPECIAL_VERBS: Final = frozenset({"proxy", "watch"})
_VERBS_WITHOUT_SUBRESOURCES: Final = frozenset({"proxy"})
_VERBS_WITH_SELECTORS: Final = frozenset({"list", "watch", "deletecollection"})
_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})
_FALSE: Final = frozenset({"false", "0"})
ASKED_OF_QUERY: Final = frozenset({"watch", "fieldSelector", "labelSelector"})
"""Parameters that a RequestInfo depends on."""

Query = Callable[[str], str | None]
"""The first value of a query parameter, None where it isn't there."""


class RequestInfo(Struct, frozen=True):
    """A request as authorization and dispatch see it; `parts` are the path's segments from the resource on."""

    path: str
    verb: str
    is_resource: bool = False
    prefix: str = ""
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    parts: tuple[str, ...] = ()
    field_selector: str = ""
    label_selector: str = ""
    by_path: bool = False
    """The verb was in the path (`/api/v1/watch/...`)."""

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def group_resource(self) -> GroupResource:
        return GroupResource(self.group, self.resource)


class UnknownPath(ValueError):
    """The path starts as a resource's, but names none."""


def parse(method: str, path: str, query: Query) -> RequestInfo:
    """The RequestInfo of a URL; UnknownPath where a special verb is followed by nothing."""
    stripped = path.strip("/")
    segments = stripped.split("/") if stripped else []
    if len(segments) < 3 or segments[0] not in ("api", "apis"):
        return RequestInfo(path=path, verb=method.lower())
    prefix, rest = segments[0], segments[1:]
    group = ""
    if prefix == "apis":
        if len(rest) < 3:
            return RequestInfo(path=path, verb=method.lower())
        group, rest = rest[0], rest[1:]
    version, rest = rest[0], rest[1:]
    by_path = rest[0] in _SPECIAL_VERBS
    if by_path:
        if len(rest) < 2:
            raise UnknownPath(f"unable to determine kind and namespace from url, {path}")
        verb, rest = rest[0], rest[1:]
    else:
        verb = _VERBS.get(method, "")
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    name = rest[1] if len(rest) >= 2 else ""
    subresource = rest[2] if len(rest) >= 3 and verb not in _VERBS_WITHOUT_SUBRESOURCES else ""
    field_selector = label_selector = ""
    if not name and verb == "get":
        verb = "watch" if _is_true(query("watch")) else "list"
        name = _name_selected(query("fieldSelector"))
    elif not name and verb == "delete":
        verb = "deletecollection"
    if not by_path and verb in _VERBS_WITH_SELECTORS:
        field_selector, label_selector = query("fieldSelector") or "", query("labelSelector") or ""
    return RequestInfo(
        path=path,
        verb=verb,
        is_resource=True,
        prefix=prefix,
        group=group,
        version=version,
        namespace=namespace,
        resource=rest[0],
        subresource=subresource,
        name=name,
        parts=tuple(rest),
        field_selector=field_selector,
        label_selector=label_selector,
        by_path=by_path,
    )


@functools.lru_cache(maxsize=512)
def parse_path(method: str, path: str) -> RequestInfo:
    """As `parse` for a URL whose query asks for nothing; remembered, for clients come to the same ones again and again."""
    return parse(method, path, lambda _: None)


def _is_true(value: str | None) -> bool:
    """As upstream converts a query's boolean: present, and neither `false` nor `0`."""
    return value is not None and value.lower() not in _FALSE


def _name_selected(field_selector: str | None) -> str:
    """The name that the selector requires by `metadata.name=x`, empty where it requires none that could be one."""
    for term in (field_selector or "").split(","):
        field, equals, value = term.partition("=")
        if field.strip() == "metadata.name" and equals and not field.endswith("!"):
            value = value.removeprefix("=").strip()
            return value if value not in ("", ".", "..") and "/" not in value and "%" not in value else ""
    return ""
