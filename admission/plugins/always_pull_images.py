"""AlwaysPullImages: every image is pulled anew, so that who may not pull it can not run what another has left on the node.

Upstream: `plugin/pkg/admission/alwayspullimages`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.pods import pod_of
from cluster.api import field
from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.api.pod_references import containers
from rbac.authz.union import aggregated

_ALWAYS: Final = "Always"


class AlwaysPullImages:
    name = "AlwaysPullImages"

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Sets the policy of all containers and image volumes; an update that brings no image stays as it is."""
        pod = pod_of(attributes)
        if pod is not None and not _brings_no_image(attributes, pod):
            for _, holder, name in _policies(pod):
                holder[name] = _ALWAYS

    def validate(self, attributes: Attributes) -> None:
        """An error without a reason, which is how upstream's comes out, with all policies that a later plugin changed back."""
        pod = pod_of(attributes)
        if pod is None or _brings_no_image(attributes, pod):
            return
        wrong = [
            forbidden(attributes, str(field.not_supported(path, holder.get(name) or "", (_ALWAYS,)))).message
            for path, holder, name in _policies(pod)
            if holder.get(name) != _ALWAYS
        ]
        if wrong:
            raise StatusError(aggregated(wrong))


def _policies(pod: Object) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(path, holder, name) of each field that says when an image is pulled."""
    spec = pod.get("spec") or {}
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for position, container in enumerate(spec.get(kind) or ()):
            yield f"spec.{kind}[{position}].imagePullPolicy", container, "imagePullPolicy"
    for position, volume in enumerate(spec.get("volumes") or ()):
        if volume.get("image") is not None:
            yield f"spec.volumes[{position}].image.pullPolicy", volume["image"], "pullPolicy"


def _brings_no_image(attributes: Attributes, pod: Object) -> bool:
    """Whether this is an update, and all of the containers' images were there before."""
    if attributes.operation is not Operation.UPDATE:
        return False
    return _images(pod) <= _images(attributes.old_object or {})


def _images(pod: Object) -> set[str]:
    return {container.get("image") or "" for container in containers(pod.get("spec") or {})}
