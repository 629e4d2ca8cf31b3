"""Roles and bindings indexed by subject, kept up to date by the store's changes.

A decision looks at the bindings of the asking user and groups only, so that it costs the same however many others there are.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final

from cluster.api.expiry import expiry_of
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.api.user import UserInfo, service_account_name
from rbac.rules import CompiledRule, compile_rules

GROUP: Final = "rbac.authorization.k8s.io"
ROLES: Final = GroupResource(GROUP, "roles")
CLUSTER_ROLES: Final = GroupResource(GROUP, "clusterroles")
ROLE_BINDINGS: Final = GroupResource(GROUP, "rolebindings")
CLUSTER_ROLE_BINDINGS: Final = GroupResource(GROUP, "clusterrolebindings")
_by_name = attrgetter("name")
RoleKey = tuple[str, str]
"""(namespace, name); the namespace of a ClusterRole is the empty string."""


class Binding:
    """A RoleBinding or ClusterRoleBinding (namespace "") as the index keeps it.

    `subjects` maps a subject's key to its place in the list and its description; the first place of a key counts.
    `expires` is when it ends in epoch seconds, None for never.
    """

    __slots__ = ("expires", "name", "namespace", "role", "role_kind", "subjects")

    def __init__(self, binding: Object) -> None:
        metadata = binding["metadata"]
        self.name: str = metadata["name"]
        self.namespace: str = metadata.get("namespace", "")
        self.expires = expiry_of(binding)
        reference = binding.get("roleRef") or {}
        self.role_kind: str = reference.get("kind", "")
        self.role: RoleKey = (self.namespace if self.role_kind == "Role" else "", reference.get("name", ""))
        self.subjects: dict[str, tuple[int, str]] = {}
        for place, subject in enumerate(binding.get("subjects") or ()):
            key, shown = _subject(subject, self.namespace)
            if key:
                self.subjects.setdefault(key, (place, shown))

    def describe(self, keys: tuple[str, ...]) -> str:
        """`RoleBinding "x/dev" of ClusterRole "y" to User "z"`, by the first subject in the list that has one of the keys."""
        subject = min(self.subjects[key] for key in keys if key in self.subjects)[1]
        kind, name = ("RoleBinding", f"{self.name}/{self.namespace}") if self.namespace else ("ClusterRoleBinding", self.name)
        return f"{kind} {quoted(name)} of {self.role_kind} {quoted(self.role[1])} to {subject}"

    def missing(self) -> str:
        """Why the role could not be resolved, in upstream's words."""
        if self.role_kind not in ("Role", "ClusterRole"):
            return f"unsupported role reference kind: {quoted(self.role_kind)}"
        return f"{self.role_kind.lower()}.{GROUP} {quoted(self.role[1])} not found"


def _subject(subject: Object, namespace: str) -> tuple[str, str]:
    """A subject's key in the index and how messages show it; no key for one that can never match."""
    kind, name = subject.get("kind", ""), subject.get("name", "")
    if kind == "ServiceAccount":
        namespace = subject.get("namespace") or namespace
        return (f"u{service_account_name(namespace, name)}" if namespace else ""), f"{kind} {quoted(f'{name}/{namespace}')}"
    return {"User": f"u{name}", "Group": f"g{name}"}.get(kind, ""), f"{kind} {quoted(name)}"


def subject_keys(user: UserInfo) -> tuple[str, ...]:
    """The keys under which a user's bindings are found: the user's own first, then each group's, in order."""
    return ("u" + user.name, *dict.fromkeys(["g" + group for group in user.groups]))


class RbacIndex:
    """All roles and bindings of the cluster.  One writer (the change callbacks); readers in the same process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._roles: dict[RoleKey, tuple[CompiledRule, ...]] = {}
        self._cluster_roles: dict[str, tuple[CompiledRule, ...]] = {}
        self._bindings: dict[str, dict[str, list[Binding]]] = {}
        self._ends: list[float] = []
        """When bindings end by themselves, in order."""
        self.changes = 0
        """How many there have been: what was found out is good as long as this stays, and no binding ends."""

    @classmethod
    def following(cls, reader: Reader, clock: Callable[[], float] = time.time) -> RbacIndex:
        """An index that is always as new as what the reader answers; `clock` tells which bindings have ended."""
        index = cls(clock)
        reader.subscribe(CLUSTER_ROLES, index.on_role)
        reader.subscribe(ROLES, index.on_role)
        reader.subscribe(CLUSTER_ROLE_BINDINGS, index.on_binding)
        reader.subscribe(ROLE_BINDINGS, index.on_binding)
        return index

    def on_role(self, old: Object | None, new: Object | None) -> None:
        """A Role or ClusterRole was created, changed or deleted."""
        try:
            self._take_role(old, new)
        finally:  # last: who reads meanwhile may know what was before, but never takes it for what is now
            self.changes += 1

    def _take_role(self, old: Object | None, new: Object | None) -> None:
        metadata = (new or old or {})["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if new is None:
            if namespace:
                self._roles.pop((namespace, name), None)
            else:
                self._cluster_roles.pop(name, None)
            return
        rules = compile_rules(new.get("rules"))
        if namespace:
            self._roles[namespace, name] = rules
        else:
            self._cluster_roles[name] = rules

    def on_binding(self, old: Object | None, new: Object | None) -> None:
        """A RoleBinding or ClusterRoleBinding was created, changed or deleted."""
        try:
            self._take_binding(old, new)
        finally:
            self.changes += 1

    def _take_binding(self, old: Object | None, new: Object | None) -> None:
        if old is not None:
            self._forget(Binding(old))
        if new is not None:
            binding = Binding(new)
            if binding.expires is not None:
                insort(self._ends, binding.expires)
            scope = self._bindings.setdefault(binding.namespace, {})
            for key in binding.subjects:
                insort(scope.setdefault(key, []), binding, key=_by_name)

    def _forget(self, binding: Binding) -> None:
        if binding.expires is not None:
            del self._ends[bisect_left(self._ends, binding.expires)]
        scope = self._bindings.get(binding.namespace, {})
        for key in binding.subjects:
            members = scope.get(key, [])
            place = bisect_left(members, binding.name, key=_by_name)
            if place < len(members) and members[place].name == binding.name:
                del members[place]
            if not members:
                scope.pop(key, None)
        if not scope:
            self._bindings.pop(binding.namespace, None)

    def is_before(self, moment: float) -> bool:
        """Whether that is still to come, by the clock that ends bindings."""
        return self._clock() < moment

    def next_end(self) -> float:
        """When the next binding ends; infinite where none does."""
        ends = self._ends
        if not ends:
            return math.inf
        place = bisect_right(ends, self._clock())
        return ends[place] if place < len(ends) else math.inf

    def role(self, binding: Binding) -> tuple[CompiledRule, ...] | None:
        """The rules that a binding refers to; None where the role is missing or its kind unknown."""
        return self.role_by_reference(binding.role_kind, binding.namespace, binding.role[1])

    def role_by_reference(self, kind: str, namespace: str, name: str) -> tuple[CompiledRule, ...] | None:
        """The rules of a roleRef in a binding of the given namespace."""
        if kind == "ClusterRole":
            return self._cluster_roles.get(name)
        return self._roles.get((namespace, name)) if kind == "Role" else None

    def bindings(self, keys: tuple[str, ...], namespace: str, until: float = 0.0) -> Iterator[Binding]:
        """The bindings of these subjects: cluster-wide ones first, then those of the namespace; each once.

        One that has ended, or that ends before `until`, is left out.
        """
        seen: set[int] | None = None
        for where in ("", namespace) if namespace else ("",):
            scope = self._bindings.get(where)
            if not scope:
                continue
            for key in keys:
                for binding in scope.get(key, ()):
                    if binding.expires is not None and not self._lasts(binding.expires, until):
                        continue
                    if len(binding.subjects) > 1:
                        seen = seen if seen is not None else set()
                        if id(binding) in seen:
                            continue
                        seen.add(id(binding))
                    yield binding

    def scopes(self) -> list[str]:
        """The namespaces that have bindings; "" stands for the cluster-wide ones."""
        return list(self._bindings)

    def scopes_of(self, keys: tuple[str, ...]) -> list[str]:
        """The scopes that have bindings of one of these subjects."""
        return [scope for scope, members in list(self._bindings.items()) if not members.keys().isdisjoint(keys)]

    def subjects(self, namespace: str) -> list[tuple[str, list[Binding]]]:
        """All subjects that the bindings of one scope name, by key, each with its bindings in order of name."""
        return [(key, list(members)) for key, members in list(self._bindings.get(namespace, {}).items())]

    def of_subject(self, key: str, namespace: str) -> list[Binding]:
        """One subject's bindings in one scope."""
        return list(self._bindings.get(namespace, {}).get(key, ()))

    def roles(self, namespace: str) -> list[tuple[str, tuple[CompiledRule, ...]]]:
        """The Roles of a namespace, or without one the ClusterRoles, by name."""
        if not namespace:
            return sorted(self._cluster_roles.items())
        return sorted((name, rules) for (where, name), rules in list(self._roles.items()) if where == namespace)

    def counts(self, binding: Binding) -> bool:
        """Whether a binding has not ended yet."""
        return binding.expires is None or self._lasts(binding.expires, 0.0)

    def _lasts(self, expires: float, until: float) -> bool:
        return expires >= until and expires > self._clock()
