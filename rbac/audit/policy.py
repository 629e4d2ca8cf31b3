"""Which requests are recorded, and how much of them: the rules of a policy, first match first.

Upstream: apiserver `pkg/audit/policy/checker.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from cluster.api.authorization import Attributes
from rbac.audit.model import AuditConfig, Level

_ALL: Final = "*"


class GroupResources(Struct, frozen=True):
    """Resources of one API group; `*` is any group, no resources are all of the group's."""

    group: str = ""
    resources: tuple[str, ...] = ()
    resource_names: frozenset[str] = frozenset()

    def matches(self, asked: Attributes) -> bool:
        if self.group not in (_ALL, asked.api_group):
            return False
        if not self.resources:
            return True
        if self.resource_names and asked.name not in self.resource_names:
            return False
        resource, subresource = asked.resource, asked.subresource
        wanted = {_ALL, f"{resource}/{subresource}" if subresource else resource, f"{resource}/*"}
        if subresource:
            wanted.add(f"*/{subresource}")
        return not wanted.isdisjoint(self.resources)


class Rule(Struct, frozen=True):
    """One rule; an empty condition holds for everything."""

    config: AuditConfig
    users: frozenset[str] = frozenset()
    user_groups: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    resources: tuple[GroupResources, ...] = ()
    namespaces: frozenset[str] = frozenset()
    urls: tuple[str, ...] = ()

    def matches_target(self, asked: Attributes) -> bool:
        """Whether the resource or path is the rule's."""
        if self.namespaces or self.resources:
            if not asked.is_resource or (self.namespaces and asked.namespace not in self.namespaces):
                return False
            return not self.resources or any(each.matches(asked) for each in self.resources)
        return not self.urls or (not asked.is_resource and any(_path_matches(asked.path, url) for url in self.urls))


def _path_matches(path: str, url: str) -> bool:
    return url in (_ALL, path) or (url.endswith(_ALL) and path.startswith(url.rstrip(_ALL)))


class Policy:
    """Says what is recorded of a request; what no rule matches is not recorded."""

    def __init__(self, rules: Iterable[Rule], omit_stages: frozenset[str] = frozenset(), *, omit_managed_fields: bool = False) -> None:
        self.rules: Sequence[Rule] = tuple(rules)
        self._otherwise = AuditConfig(Level.NONE, omit_stages, omit_managed_fields)

    def evaluate(self, asked: Attributes) -> AuditConfig:
        """The first rule's word that matches.  A user without a name is one that did not authenticate: no rule for users is theirs."""
        user, verb = asked.user, asked.verb
        name, groups = user.name, user.groups
        for rule in self.rules:
            if rule.verbs and verb not in rule.verbs:
                continue
            if rule.users and (not name or name not in rule.users):
                continue
            if rule.user_groups and rule.user_groups.isdisjoint(groups):
                continue
            if rule.matches_target(asked):
                return rule.config
        return self._otherwise
