"""What cluster roles that aggregate others (admin, edit, view) are filled with.

Upstream: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cluster.api.names import Object
from cluster.api.selectors import from_label_selector


def selectors(role: Object) -> list[Object]:
    return (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or []


def aggregated(role: Object, roles: Iterable[Object]) -> list[Object]:
    """The rules of all roles that are selected: selector by selector, by role name, each rule once.

    A role that is selected and aggregates others counts as what it will be filled with, not as what it holds now: so roles that
    select one another in a circle come to rest, where passing on what they hold would never end.
    """
    rules: list[Object] = []
    _collect(role, sorted(roles, key=_name), {_name(role)}, rules)
    return rules


def _collect(role: Object, roles: Sequence[Object], seen: set[str], rules: list[Object]) -> None:
    for selector in map(from_label_selector, selectors(role)):
        for each in roles:
            if _name(each) in seen or not selector.matches(each["metadata"].get("labels")):
                continue
            if selectors(each):
                seen.add(_name(each))
                _collect(each, roles, seen, rules)
                continue
            for rule in each.get("rules") or ():
                if rule not in rules:
                    rules.append(rule)


def _name(role: Object) -> str:
    return str(role["metadata"]["name"])
