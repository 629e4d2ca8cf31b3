"""Defaulting and preparation that workloads share.  Upstream: `pkg/apis/apps/v1/defaults.go` and the registry's strategies."""

from __future__ import annotations

from collections.abc import Callable

from cluster.api.names import Object
from cluster.kinds.core.pod_defaults import default_template
from cluster.kinds.model import SubresourceStrategy, ValidateUpdate


def default_field(holder: Object, name: str, value: object) -> None:
    """Sets what is missing or null."""
    if holder.get(name) is None:
        holder[name] = value


def default_word(holder: Object, name: str, value: str) -> None:
    """Sets what is missing, null or empty."""
    if not holder.get(name):
        holder[name] = value


def workload_spec(obj: Object) -> Object:
    """The spec of a workload, its template defaulted; a missing one is made."""
    if obj.get("spec") is None:
        obj["spec"] = {}
    spec: Object = obj["spec"]
    if spec.get("template") is None:
        spec["template"] = {}
    default_template(spec["template"])
    return spec


def empty_status(obj: Object) -> None:
    """Whatever status a creation carries is the system's to say."""
    obj["status"] = {}


def status_strategy(validate: ValidateUpdate) -> SubresourceStrategy:
    """An update of `status`: spec and labels stay as they are."""
    return SubresourceStrategy(_keep_spec_and_labels, validate)


def keep_spec(obj: Object, old: Object) -> None:
    """What an update of `status` may not change."""
    obj["spec"] = old.get("spec") or {}


def _keep_spec_and_labels(obj: Object, old: Object) -> None:
    keep_spec(obj, old)
    metadata, before = obj.setdefault("metadata", {}), old.get("metadata") or {}
    metadata.pop("labels", None)
    if before.get("labels") is not None:
        metadata["labels"] = before["labels"]


def status_number(name: str) -> Callable[[Object], str]:
    """A selectable field that is a number of the status."""
    return lambda obj: str((obj.get("status") or {}).get(name) or 0)
