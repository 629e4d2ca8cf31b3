"""Roles, bindings and subjects as explanations show them: read from the index, completed from the stored objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from cluster.api.authorization import Attributes, Authorizer
from cluster.api.expiry import EXPIRES_AT
from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.api.selectors import from_label_selector
from cluster.api.user import ANONYMOUS, AUTHENTICATED, SERVICE_ACCOUNTS, UNAUTHENTICATED, UserInfo, split_service_account
from cluster.kinds.catalog import Catalog
from rbac.authz.index import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, Binding, RbacIndex, subject_keys
from rbac.rules import CompiledRule, Rule

RULE_FIELDS: Final = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
Rules = tuple[CompiledRule, ...]


class Sources(Struct, frozen=True):
    """What explanations are made from: the authorizer that decides, and what it decides by."""

    authorizer: Authorizer
    index: RbacIndex
    reader: Reader
    catalog: Catalog


class Found(NamedTuple):
    """A rule and its place in the role."""

    place: int
    rule: CompiledRule

    def shown(self) -> Object:
        return {"index": self.place, **rule_shown(self.rule.source)}


def allowing(rules: Rules | None, question: Attributes) -> Found | None:
    """The first rule that allows it."""
    return next((Found(place, rule) for place, rule in enumerate(rules or ()) if rule.allows(question)), None)


def every_binding(index: RbacIndex, namespace: str) -> Iterator[Binding]:
    """All bindings of one scope that count, each once, by name."""
    found = {binding.name: binding for _, members in index.subjects(namespace) for binding in members if index.counts(binding)}
    yield from (found[name] for name in sorted(found))


def rule_shown(rule: Rule) -> Object:
    return {name: list(rule[name]) for name in RULE_FIELDS if rule.get(name)}


def subject_shown(key: str) -> Object:
    """A subject by its key in the index: a service account's user name is shown as the ServiceAccount that it is."""
    kind, name = key[0], key[1:]
    if kind == "g":
        return {"kind": "Group", "name": name}
    account = split_service_account(name)
    if account is None:
        return {"kind": "User", "name": name}
    return {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}


def role_reference(binding: Binding) -> Object:
    """The role that a binding refers to."""
    shown: Object = {"kind": binding.role_kind, "name": binding.role[1]}
    return shown | ({"namespace": binding.role[0]} if binding.role[0] else {})


class Display:
    """Bindings and roles as one explanation shows them; where rules were aggregated from is found out once a role."""

    def __init__(self, reader: Reader, *, within: str = "") -> None:
        """`within` a namespace, nothing is said of where rules were aggregated from."""
        self._reader = reader
        self._within = within
        self._origins: dict[str, Mapping[str, list[str]]] = {}

    def binding(self, binding: Binding) -> Object:
        """Kind, namespace, name, and when it expires."""
        shown: Object = {"kind": "ClusterRoleBinding", "name": binding.name}
        resource = CLUSTER_ROLE_BINDINGS
        if binding.namespace:
            shown = {"kind": "RoleBinding", "namespace": binding.namespace, "name": binding.name}
            resource = ROLE_BINDINGS
        if binding.expires is not None:
            stored = self._reader.get(resource, binding.namespace, binding.name) or {"metadata": {}}
            shown["expiresAt"] = (stored["metadata"].get("annotations") or {}).get(EXPIRES_AT, "")
        return shown

    def role(self, binding: Binding, rule: Rule | None) -> Object:
        """The role of a binding, and where `rule` was aggregated, the ClusterRoles that it came from."""
        shown = role_reference(binding)
        if binding.role_kind == "ClusterRole" and rule is not None and not self._within:
            name = binding.role[1]
            if name not in self._origins:
                self._origins[name] = self._aggregated(name)
            origins = self._origins[name].get(_key(rule))
            if origins:
                shown["aggregatedFrom"] = origins
        return shown

    def _aggregated(self, name: str) -> Mapping[str, list[str]]:
        """By rule, the ClusterRoles that an aggregating ClusterRole selects by their labels and that have it."""
        role = self._reader.get(CLUSTER_ROLES, "", name)
        selectors = [from_label_selector(each) for each in ((role or {}).get("aggregationRule") or {}).get("clusterRoleSelectors") or ()]
        found: dict[str, list[str]] = {}
        for each in self._reader.list(CLUSTER_ROLES) if selectors else ():
            metadata = each["metadata"]
            if metadata["name"] != name and any(selector.matches(metadata.get("labels")) for selector in selectors):
                for key in {_key(rule) for rule in each.get("rules") or ()}:
                    found.setdefault(key, []).append(metadata["name"])
        return {key: sorted(names) for key, names in found.items()}


def _key(rule: Rule) -> str:
    return repr([(name, list(rule[name])) for name in RULE_FIELDS if rule.get(name)])


def matched_key(binding: Binding, keys: Sequence[str]) -> str:
    """The key of the first subject in a binding's list that is one of the user's."""
    return min((key for key in keys if key in binding.subjects), key=lambda key: binding.subjects[key][0])


def subject_of(binding: Binding, key: str, user: UserInfo) -> Object:
    """The subject entry that a user matched, and why they are it."""
    return subject_shown(key) | {"index": binding.subjects[key][0], "because": _because(key, user)}


def _because(key: str, user: UserInfo) -> str:
    if key[0] == "u":
        return "it is the service account itself" if split_service_account(key[1:]) else "it is the user's name"
    group = key[1:]
    if group == AUTHENTICATED:
        return "everyone who authenticated is in this group"
    if group == UNAUTHENTICATED:
        return "everyone who showed no credentials is in this group"
    account = split_service_account(user.name)
    if account is not None and group == SERVICE_ACCOUNTS:
        return "every service account is in this group"
    if account is not None and group == f"{SERVICE_ACCOUNTS}:{account[0]}":
        return f'every service account of namespace "{account[0]}" is in this group'
    return "it is one of the user's groups"


def own_bindings(index: RbacIndex, user: UserInfo, namespace: str) -> Iterable[Binding]:
    """In the order in which the authorizer looks at them."""
    return index.bindings(subject_keys(user), namespace)


def completed(user: UserInfo) -> UserInfo:
    """The user with the groups that authentication gives to everyone of their sort."""
    groups = list(user.groups)
    account = split_service_account(user.name)
    wanted = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{account[0]}") if account else ()
    everyone = (UNAUTHENTICATED if user.name == ANONYMOUS else AUTHENTICATED,) if user.name else ()
    groups += [group for group in (*wanted, *everyone) if group not in groups]
    return UserInfo(user.name, user.uid, tuple(groups), user.extra)
