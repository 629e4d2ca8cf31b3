"""Where pods are in what is written, and which of their updates are looked at.

Upstream: pod-security-admission `admission/admission.go` (DefaultPodSpecExtractor, isSignificantPodUpdate).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.api.names import GroupResource, Object

_OF_SPEC: Final = ("spec", "template")
TEMPLATES: Final[Mapping[GroupResource, tuple[str, ...]]] = {
    GroupResource("", "replicationcontrollers"): _OF_SPEC,
    GroupResource("", "podtemplates"): ("template",),
    GroupResource("apps", "replicasets"): _OF_SPEC,
    GroupResource("apps", "deployments"): _OF_SPEC,
    GroupResource("apps", "statefulsets"): _OF_SPEC,
    GroupResource("apps", "daemonsets"): _OF_SPEC,
    GroupResource("batch", "jobs"): _OF_SPEC,
    GroupResource("batch", "cronjobs"): ("spec", "jobTemplate", "spec", "template"),
}
"""A resource that makes pods to the path of what it makes them from."""
_LISTS: Final = ("containers", "initContainers")


def template_of(resource: GroupResource, obj: Object) -> Object | None:
    """A pod's metadata and spec; None where there is none."""
    found: Object | None = obj
    for step in TEMPLATES[resource]:
        found = (found or {}).get(step)
    return found


def is_significant(pod: Object, old: Object) -> bool:
    """Whether an update may change what the checks say: a container has another image, or is new."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    if any(_images(spec, name) != _images(before, name) for name in _LISTS):
        return True
    known = {each.get("name"): each.get("image") for each in reversed(before.get("ephemeralContainers") or ())}
    ephemeral = spec.get("ephemeralContainers") or ()
    return any(each.get("name") not in known or known[each.get("name")] != each.get("image") for each in ephemeral)


def _images(spec: Object, name: str) -> list[str | None]:
    return [each.get("image") for each in spec.get(name) or ()]
