"""Warnings for a new pod: what is allowed, and likely no good.  Upstream: `pkg/api/pod/warnings.go`."""

from __future__ import annotations

from cluster.api.names import Object
from cluster.api.validation import is_dns1123_label


def warnings(pod: Object, old: Object | None) -> list[str]:
    """For a creation alone: people seldom update pods by hand."""
    if old is not None:
        return []
    name = (pod.get("metadata") or {}).get("name") or ""
    found = []
    messages = is_dns1123_label(name)
    if messages:
        surprise = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
        found.append(f"metadata.name: {surprise}: [{' '.join(messages)}]")
    return found
