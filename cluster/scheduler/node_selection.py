"""Node selectors and node affinity terms.  Upstream: `staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.api.names import Object
from cluster.scheduler.cache import NodeInfo


def required_match(pod: Object, node: NodeInfo) -> bool:
    """Whether the node fits spec.nodeSelector and the required node affinity."""
    spec = pod["spec"]
    labels = node.labels
    if any(labels.get(name) != value for name, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = node_affinity(pod).get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or any(term_matches(term, node) for term in required.get("nodeSelectorTerms") or ())


def node_affinity(pod: Object) -> Object:
    found: Object = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    return found


def term_matches(term: Object, node: NodeInfo) -> bool:
    """All its expressions and fields; an empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _all(expressions, node.labels) and _all(fields, {"metadata.name": node.name})


def _all(requirements: Sequence[Object], labels: Mapping[str, str]) -> bool:
    return all(_fits(each, labels) for each in requirements)


def _fits(requirement: Object, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(requirement["key"]), requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compares(operator, value, values)
        case _:
            return False


def _compares(operator: str, value: str | None, values: Sequence[str]) -> bool:
    try:
        label, bound = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return label > bound if operator == "Gt" else label < bound
