"""Makes pods from a controller's template and deletes them, with the events that say so.

Upstream: `pkg/controller/controller_utils.go` (RealPodControl).
"""

from __future__ import annotations

from typing import Final

from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.client.events import NORMAL, WARNING, EventRecorder
from cluster.client.http import ApiClient
from cluster.client.resources import PODS
from cluster.client.status import has_cause
from cluster.controllers.objects import copied, name_of, namespace_of

_LONGEST_PREFIX: Final = 253


def pod_from(template: Object, owner_name: str, reference: Object) -> Object:
    """A pod as the template says, named after its owner and owned by it."""
    template = copied(template)
    metadata = template.get("metadata") or {}
    made: Object = {"generateName": f"{owner_name}-" if len(owner_name) < _LONGEST_PREFIX else owner_name}
    for field in ("labels", "annotations", "finalizers"):
        if metadata.get(field):
            made[field] = metadata[field]
    made["ownerReferences"] = [reference]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": template["spec"]}


class PodControl:
    """Acts for one controller; events are about the owner."""

    def __init__(self, client: ApiClient, events: EventRecorder) -> None:
        self._client = client
        self._events = events

    def create(self, owner: Object, reference: Object) -> Object:
        """Raises what the API server answers; a namespace that is being deleted is no event."""
        try:
            pod = self._client.create(PODS, namespace_of(owner), pod_from(owner["spec"]["template"], name_of(owner), reference))
        except StatusError as error:
            if not has_cause(error, "NamespaceTerminating"):
                self._events.event(owner, WARNING, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._events.event(owner, NORMAL, "SuccessfulCreate", f"Created pod: {name_of(pod)}")
        return pod

    def delete(self, owner: Object, pod: Object) -> None:
        """NotFound where it is gone already."""
        try:
            self._client.delete(PODS, namespace_of(pod), name_of(pod))
        except NotFound:
            raise
        except StatusError as error:
            self._events.event(owner, WARNING, "FailedDelete", f"Error deleting: {error.message}")
            raise
        self._events.event(owner, NORMAL, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}")
