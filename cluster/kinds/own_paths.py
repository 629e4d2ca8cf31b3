"""The paths of Berth's own kinds, in the form in which those of the built-in kinds are recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cluster.kinds.model import Kind

_ON_COLLECTION: Final = {"create": ("post", "post", "create"), "deletecollection": ("delete", "deletecollection", "deleteCollection")}
_ON_OBJECT: Final = {
    "get": ("get", "get", "read"),
    "update": ("put", "put", "replace"),
    "patch": ("patch", "patch", "patch"),
    "delete": ("delete", "delete", "delete"),
}
Methods = dict[str, Any]


def paths(kinds: Iterable[Kind]) -> Mapping[str, Mapping[str, Methods]]:
    """Path to method to operation, for the kinds and for their group and version."""
    found: dict[str, dict[str, Methods]] = {}
    for kind in kinds:
        group, version = kind.gvk.group_version
        title = "".join(part.capitalize() for part in group.split("."))
        found[f"/apis/{group}/"] = {"get": {"id": f"get{title}APIGroup"}}
        found[f"/apis/{group}/{version}/"] = {"get": {"id": f"get{title}{version.capitalize()}APIResources"}}
        found |= _of(kind, f"{title}{version.capitalize()}")
    return found


def _of(kind: Kind, prefix: str) -> dict[str, dict[str, Methods]]:
    root = f"/apis/{kind.gvk.group_version}/"
    resource = kind.resource.resource
    own = root + ("namespaces/{namespace}/" if kind.namespaced else "") + resource
    name = prefix + ("Namespaced" if kind.namespaced else "") + kind.gvk.kind
    found: dict[str, dict[str, Methods]] = {own: {}, own + "/{name}": {}}
    for verb, (method, action, word) in _ON_COLLECTION.items():
        if verb in kind.verbs:
            shown = name.replace(prefix, f"{prefix}Collection", 1) if verb == "deletecollection" else name
            found[own][method] = _operation(kind, action, f"{word.removesuffix('Collection')}{shown}")
    if "list" in kind.verbs:
        found[own]["get"] = _operation(kind, "list", f"list{name}")
        if kind.namespaced:
            found[root + resource] = {"get": _operation(kind, "list", f"list{prefix}{kind.gvk.kind}ForAllNamespaces")}
    for verb, (method, action, word) in _ON_OBJECT.items():
        if verb in kind.verbs:
            found[own + "/{name}"][method] = _operation(kind, action, f"{word}{name}")
    for each in kind.subresources.values():
        verbs = {"create": ("post", "post", "create"), **_ON_OBJECT}
        found[f"{own}/{{name}}/{each.name}"] = {
            verbs[verb][0]: _operation(kind, verbs[verb][1], f"{verbs[verb][2]}{name}{each.name.capitalize()}") for verb in each.verbs
        }
    return {path: methods for path, methods in found.items() if methods}


def _operation(kind: Kind, action: str, name: str) -> Methods:
    gvk = {"group": kind.gvk.group, "kind": kind.gvk.kind, "version": kind.gvk.version}
    return {"id": name, "action": action, "gvk": gvk}
