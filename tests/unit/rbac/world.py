"""The smallest cluster: objects in a dictionary behind the Reader protocol, and short ways to write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.api.authorization import Attributes
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import ChangeCallback
from cluster.api.user import UserInfo
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES

AUTHENTICATED = "system:authenticated"


class World:
    """Implements Reader; `put` and `delete` tell the subscribers."""

    def __init__(self) -> None:
        self._objects: dict[GroupResource, dict[tuple[str, str], Object]] = {}
        self._subscribers: dict[GroupResource, list[ChangeCallback]] = {}

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        return self._objects.get(resource, {}).get((namespace, name))

    def list(self, resource: GroupResource, namespace: str | None = None) -> Iterable[Object]:
        return [obj for key, obj in self._objects.get(resource, {}).items() if namespace in (None, key[0])]

    def subscribe(self, resource: GroupResource, callback: ChangeCallback) -> None:
        for obj in self._objects.get(resource, {}).values():
            callback(None, obj)
        self._subscribers.setdefault(resource, []).append(callback)

    def put(self, resource: GroupResource, obj: Object) -> Object:
        key = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        objects = self._objects.setdefault(resource, {})
        old = objects.get(key)
        objects[key] = obj
        for callback in self._subscribers.get(resource, ()):
            callback(old, obj)
        return obj

    def delete(self, resource: GroupResource, namespace: str, name: str) -> None:
        old = self._objects[resource].pop((namespace, name))
        for callback in self._subscribers.get(resource, ()):
            callback(old, None)

    def add(self, *objects: Object) -> None:
        """RBAC objects, by their kind."""
        for obj in objects:
            self.put(RBAC[obj["kind"]], obj)


RBAC = {
    "Role": ROLES,
    "ClusterRole": CLUSTER_ROLES,
    "RoleBinding": ROLE_BINDINGS,
    "ClusterRoleBinding": CLUSTER_ROLE_BINDINGS,
}


def metadata(name: str, namespace: str = "", **more: object) -> Object:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def rule(verbs: str, resources: str, groups: Sequence[str] = ("",), names: Sequence[str] = ()) -> Object:
    """`rule("get list", "pods pods/log")`"""
    made: Object = {"verbs": verbs.split(), "apiGroups": list(groups), "resources": resources.split()}
    if names:
        made["resourceNames"] = list(names)
    return made


def url_rule(verbs: str, urls: str) -> Object:
    return {"verbs": verbs.split(), "nonResourceURLs": urls.split()}


def cluster_role(name: str, *rules: Object, **more: object) -> Object:
    return {"kind": "ClusterRole", "metadata": metadata(name), "rules": list(rules), **more}


def role(namespace: str, name: str, *rules: Object) -> Object:
    return {"kind": "Role", "metadata": metadata(name, namespace), "rules": list(rules)}


def subject(text: str) -> Object:
    """`User:tina`, `Group:ops`, or `ServiceAccount:dev/user` (or `ServiceAccount:user`, in the binding's namespace)."""
    kind, _, name = text.partition(":")
    if kind != "ServiceAccount":
        return {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    namespace, slash, name = name.rpartition("/")
    return {"kind": kind, "name": name, **({"namespace": namespace} if slash else {})}


def binding(namespace: str, name: str, reference: str, *subjects: str) -> Object:
    """A RoleBinding, or without a namespace a ClusterRoleBinding, of `Role/x` or `ClusterRole/x`."""
    kind, _, role_name = reference.partition("/")
    return {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata(name, namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name},
        "subjects": [subject(each) for each in subjects],
    }


def user(name: str, *groups: str) -> UserInfo:
    return UserInfo(name, groups=(*groups, AUTHENTICATED))


def ask(who: UserInfo, question: str, namespace: str = "", name: str = "") -> Attributes:
    """`ask(tina, "get pods/log", "dev")`, `ask(tina, "create deployments.apps")`, `ask(tina, "get /healthz")`"""
    verb, what = question.split(" ", 1)
    if what.startswith("/"):
        return Attributes(who, verb, is_resource=False, path=what)
    what, _, subresource = what.partition("/")
    resource, _, group = what.partition(".")
    return Attributes(who, verb, namespace, group, "v1", resource, subresource, name)


NODE = UserInfo("system:node:n1", groups=("system:nodes", AUTHENTICATED))
