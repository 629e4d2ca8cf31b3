"""Aggregated ClusterRoles.  Upstream: `pkg/controller/clusterroleaggregation`."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.api.names import Object


def aggregate(role: Object, cluster_roles: Iterable[Object]) -> list[Object] | None:
    """The rules that an aggregated ClusterRole should have, from all roles that its selectors match, in name order.

    None where the role has no aggregation rule, or has these rules already.
    """
    selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
    if role.get("aggregationRule") is None:
        return None
    rules: list[Object] = []
    ordered = sorted(cluster_roles, key=lambda each: str(each["metadata"]["name"]))
    for selector in selectors or ():
        for each in ordered:
            metadata = each["metadata"]
            if metadata["name"] != role["metadata"]["name"] and _matches(selector, metadata.get("labels") or {}):
                rules += [rule for rule in each.get("rules") or () if rule not in rules]
    return None if rules == (role.get("rules") or []) else rules


def _matches(selector: Object, labels: Object) -> bool:
    """A LabelSelector against labels; the empty selector matches everything."""
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_meets(requirement, labels) for requirement in selector.get("matchExpressions") or ())


def _meets(requirement: Object, labels: Object) -> bool:
    key, operator = requirement.get("key", ""), requirement.get("operator")
    if operator == "In":
        return labels.get(key) in (requirement.get("values") or ())
    if operator == "NotIn":
        return labels.get(key) not in (requirement.get("values") or ())
    return (key in labels) is (operator == "Exists") if operator in ("Exists", "DoesNotExist") else False
