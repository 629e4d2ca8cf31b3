"""PodNodeSelector: the pods of a namespace run on the nodes that the namespace, or else the cluster, has chosen for them.

Upstream: `plugin/pkg/admission/podnodeselector`, apimachinery `pkg/labels/labels.go` (ConvertSelectorToLabelsMap).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admission.attributes import Attributes, Operation
from admission.plugins.namespace_lifecycle import NAMESPACES
from admission.pods import forbidden_pod, pod_of
from cluster.api import field, validation
from cluster.api.errors import InternalError, StatusError
from cluster.api.names import Object
from cluster.api.protocols import Reader

ANNOTATION: Final = "scheduler.alpha.kubernetes.io/node-selector"
_CONFIGURATION: Final = "podNodeSelectorPluginConfig"
_DEFAULT: Final = "clusterDefaultNodeSelector"
_CONFLICT: Final = "pod node label selector conflicts with its namespace node label selector"
_NOT_ALLOWED: Final = "pod node label selector labels conflict with its namespace whitelist"
Labels = Mapping[str, str]


class PodNodeSelector:
    name = "PodNodeSelector"

    def __init__(self, reader: Reader, configuration: Object | None) -> None:
        """`configuration`: the default selector and, for each namespace, the labels that its pods may select; ValueError."""
        self._reader = reader
        self._allowed = _selectors(configuration or {})
        self._default = self._allowed.get(_DEFAULT, {})

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        """Adds the namespace's selector to the pod's; Forbidden where they contradict each other."""
        pod = pod_of(attributes)
        if pod is None:
            return
        chosen = self._chosen(attributes.namespace)
        spec: Object = pod.setdefault("spec", {})
        own = spec.get("nodeSelector") or {}
        if _contradict(chosen, own):
            raise forbidden_pod(pod, _CONFLICT)
        if chosen:
            spec["nodeSelector"] = {**chosen, **own}
        self.validate(attributes)

    def validate(self, attributes: Attributes) -> None:
        """Forbidden for a selector that contradicts the namespace's, or that has more than the cluster allows the namespace."""
        pod = pod_of(attributes)
        if pod is None:
            return
        own = (pod.get("spec") or {}).get("nodeSelector") or {}
        if _contradict(self._chosen(attributes.namespace), own):
            raise forbidden_pod(pod, _CONFLICT)
        allowed = self._allowed.get(attributes.namespace)
        if allowed and any(allowed.get(key) != value for key, value in own.items()):
            raise forbidden_pod(pod, _NOT_ALLOWED)

    def _chosen(self, name: str) -> Labels:
        """The selector in the namespace's annotation, or the cluster's; an annotation that is none is an error without a reason."""
        namespace = self._reader.get(NAMESPACES, "", name)
        if namespace is None:
            raise InternalError.of(f"namespace {name} does not exist")
        annotated = (namespace["metadata"].get("annotations") or {}).get(ANNOTATION)
        if annotated is None:
            return self._default
        try:
            return labels_of(annotated)
        except ValueError as error:
            raise StatusError(str(error)) from None


def _contradict(first: Labels, second: Labels) -> bool:
    return any(second.get(key, value) != value for key, value in first.items())


def _selectors(configuration: Object) -> Mapping[str, Labels]:
    """Namespace to labels, and the default's name to the default."""
    given = configuration.get(_CONFIGURATION) or {}
    if not isinstance(given, dict):
        raise ValueError(f'{_CONFIGURATION} is no object: write "{_DEFAULT}: KEY=VALUE" and "NAMESPACE: KEY=VALUE,..." in it')
    found: dict[str, Labels] = {}
    for name, selector in given.items():
        if not isinstance(selector, str):
            raise ValueError(f'{_CONFIGURATION} of "{name}" is no string: write it as KEY=VALUE,...')
        try:
            found[name] = labels_of(selector)
        except ValueError as error:
            raise ValueError(f'{_CONFIGURATION} of "{name}": {error}') from None
    return found


def labels_of(selector: str) -> Labels:
    """The labels of `a=b,c=d`; ValueError for what is no list of equalities."""
    found: dict[str, str] = {}
    for requirement in selector.split(",") if selector else ():
        parts = requirement.split("=")
        if len(parts) != 2:
            raise ValueError(f"invalid selector: [{' '.join(parts)}]")
        key, value = parts[0].strip(), parts[1].strip()
        faults = validation.is_qualified_name(key)
        if faults:
            raise ValueError(str(field.invalid("<nil>", key, "; ".join(faults))))
        faults = validation.is_valid_label_value(value)
        if faults:
            raise ValueError(str(field.invalid(f"[{key}]", value, "; ".join(faults))))
        found[key] = value
    return found
