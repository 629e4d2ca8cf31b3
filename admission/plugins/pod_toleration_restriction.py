"""PodTolerationRestriction: which tolerations the pods of a namespace get, and which they may have at most.

Upstream: `plugin/pkg/admission/podtolerationrestriction`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from admission.attributes import Attributes, Operation
from admission.plugins.namespace_lifecycle import NAMESPACES
from admission.pods import pod_of
from admission.tolerations import covers, merged
from cluster.api.errors import BadRequest, NotFound, StatusError
from cluster.api.names import Object
from cluster.api.pod_resources import quality_of_service
from cluster.api.protocols import Reader
from cluster.kinds.core.pod_validation_scheduling import tolerations as validate_tolerations
from cluster.schema import faults
from cluster.schema.configuration import TEXT, definitions, list_of, load_configuration
from cluster.schema.model import SchemaSet
from cluster.schema.parse import parse_json

DEFAULTS: Final = "scheduler.alpha.kubernetes.io/defaultTolerations"
WHITELIST: Final = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
_MEMORY_PRESSURE: Final[Object] = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}
_TOLERATION: Final = "io.k8s.api.core.v1.Toleration"
_FIELDS: Final = ("key", "operator", "value", "effect", "tolerationSeconds")
_KIND: Final = "Configuration"
_STRUCTS: Final = {
    _KIND: {"default": list_of("Toleration"), "whitelist": list_of("Toleration")},
    "Toleration": dict.fromkeys(_FIELDS[:4], TEXT) | {"tolerationSeconds": {"type": "integer"}},
}
_VERSION: Final = definitions("podtolerationrestriction.admission.k8s.io", "v1alpha1", (_KIND,), _STRUCTS)


class PodTolerationRestriction:
    name = "PodTolerationRestriction"

    def __init__(self, reader: Reader, schemas: SchemaSet, configuration: Object | None) -> None:
        """`configuration`: what counts where a namespace says nothing; ValueError."""
        self._reader = reader
        self._schemas = schemas
        self._default, self._whitelist = _configured(configuration) if configuration is not None else ([], [])

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Merges the namespace's tolerations into a new pod's, and one for memory pressure into those of any pod with a claim on memory."""
        pod = pod_of(attributes)
        if pod is None:
            return
        spec: Object = pod.setdefault("spec", {})
        extra: list[Object] = []
        if attributes.operation is Operation.CREATE:
            annotated = self._annotated(attributes.namespace, DEFAULTS)
            extra += self._default if annotated is None else annotated
        if ((pod.get("status") or {}).get("qosClass") or quality_of_service(spec)) != "BestEffort":
            extra.append(_MEMORY_PRESSURE)
        if extra:
            spec["tolerations"] = merged(spec.get("tolerations") or (), [dict(each) for each in extra])
        self.validate(attributes)

    def validate(self, attributes: Attributes) -> None:
        """An error without a reason, which is how upstream's comes out, for a toleration that nothing in the whitelist covers."""
        pod = pod_of(attributes)
        given = (pod.get("spec") or {}).get("tolerations") if pod is not None else None
        if not given:
            return
        whitelist, scope = self._annotated(attributes.namespace, WHITELIST), "namespace"
        if whitelist is None:
            whitelist, scope = self._whitelist, "cluster"
        if whitelist and not all(any(covers(each, toleration) for each in whitelist) for toleration in given):
            raise StatusError(f"pod tolerations (possibly merged with namespace default tolerations) conflict with its {scope} whitelist")

    def _annotated(self, name: str, annotation: str) -> Sequence[Object] | None:
        """What the namespace says; None where it says nothing."""
        namespace = self._reader.get(NAMESPACES, "", name)
        if namespace is None:
            raise NotFound.of(NAMESPACES, name)
        text = (namespace["metadata"].get("annotations") or {}).get(annotation)
        if not text:
            return text if text is None else []
        try:
            return _parsed(text, self._schemas)
        except ValueError as error:
            raise StatusError(str(error)) from None


def _configured(configuration: Object) -> tuple[list[Object], list[Object]]:
    """(tolerations that pods get, tolerations that they may have at most)."""
    found = load_configuration(orjson.dumps(configuration), _KIND, (_VERSION,))
    default, whitelist = found.get("default") or [], found.get("whitelist") or []
    wrong = validate_tolerations(default, "podtolerationrestriction.default")
    wrong += validate_tolerations(whitelist, "podtolerationrestriction.whitelist")
    if wrong:
        raise ValueError(f"invalid config: [{' '.join(map(str, wrong))}]")
    return default, whitelist


def _parsed(text: str, schemas: SchemaSet) -> list[Object]:
    """The tolerations of an annotation's JSON; ValueError in the words of upstream's decoder."""
    try:
        value = parse_json(text.encode())[0]
    except BadRequest as error:
        raise ValueError(error.message) from None
    if value is not None and not isinstance(value, list):
        raise ValueError(f"json: cannot unmarshal {faults.described(value)} into Go value of type []v1.Toleration")
    found: list[Object] = []
    for each in value or ():
        toleration = {} if each is None else each
        wrong = faults.first_mismatch(schemas, _TOLERATION, toleration)
        if wrong:
            raise ValueError(wrong)
        found.append({name: toleration[name] for name in _FIELDS if toleration.get(name) is not None})
    return found
