"""Which writes are of pods as a whole: most plugins that look at pods look at no other."""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes
from cluster.api.errors import Forbidden
from cluster.api.names import GroupResource, Object

PODS: Final = GroupResource("", "pods")


def pod_of(attributes: Attributes) -> Object | None:
    """The pod that is created or replaced; None for a write of anything else, of a subresource, or without an object."""
    resource = attributes.resource
    if resource.resource != "pods" or resource.group or attributes.subresource:
        return None
    return attributes.object


def forbidden_pod(pod: Object, why: str) -> Forbidden:
    """`pods "web" is forbidden: <why>`, by the pod's own name, which a pod whose name is yet to be generated does not have."""
    return Forbidden.of(PODS, (pod.get("metadata") or {}).get("name") or "", why)
