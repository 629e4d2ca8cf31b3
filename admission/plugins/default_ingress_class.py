"""DefaultIngressClass: an ingress that names no class gets the default one, where there is one.

Upstream: `plugin/pkg/admission/network/defaultingressclass`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.default_class import newest
from admission.written import object_of
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_INGRESSES: Final = GroupResource("networking.k8s.io", "ingresses")
_CLASSES: Final = GroupResource("networking.k8s.io", "ingressclasses")
_IS_DEFAULT: Final = "ingressclass.kubernetes.io/is-default-class"
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
"""How an ingress named its class before there were classes."""


class DefaultIngressClass:
    name = "DefaultIngressClass"
    resources: Final = frozenset({_INGRESSES})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        ingress = object_of(attributes, _INGRESSES)
        if ingress is None:
            return
        if (ingress.get("spec") or {}).get("ingressClassName") is not None or _CLASS_ANNOTATION in _annotations(ingress):
            return
        name = newest(each for each in self._reader.list(_CLASSES) if _annotations(each).get(_IS_DEFAULT) == "true")
        if name is not None:
            ingress.setdefault("spec", {})["ingressClassName"] = name


def _annotations(obj: Object) -> Object:
    annotations: Object = (obj.get("metadata") or {}).get("annotations") or {}
    return annotations
