"""The downward API: what a pod may be told of itself.  Upstream: `pkg/fieldpath`, `pkg/api/v1/resource/helpers.go`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from cluster.api.names import Object
from cluster.kubelet import quantities, specs
from cluster.kubelet.runtime import RuntimeFailure

_MAP_KEY: Final = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")


def field(pod: Object, path: str, addresses: tuple[str, ...] = ()) -> str:
    """A field's text; `addresses` are the pod's, known before its status tells them."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    found = _MAP_KEY.fullmatch(path)
    if found:
        return str((metadata.get(found[1]) or {}).get(found[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        return _lines(metadata.get(path.partition(".")[2]) or {})
    known = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": status.get("hostIP", ""),
        "status.hostIPs": ",".join(each["ip"] for each in status.get("hostIPs") or []),
        "status.podIP": addresses[0] if addresses else "",
        "status.podIPs": ",".join(addresses),
    }
    if path not in known:
        raise RuntimeFailure(f"unsupported fieldPath: {path}")
    return str(known[path])


def _lines(values: Mapping[str, str]) -> str:
    """One `key="value"` a line, sorted, values quoted as Go quotes them."""
    return "\n".join(f"{key}={json.dumps(values[key], ensure_ascii=False)}" for key in sorted(values))


def resource(pod: Object, container: specs.Spec, reference: dict[str, Any], machine: Mapping[str, str]) -> str:
    """A request or limit of a container, in units of the divisor; a limit that isn't set is the node's allocatable."""
    name = reference.get("containerName") or container["name"]
    chosen = specs.container(pod, name)
    if chosen is None:
        raise RuntimeFailure(f"container {name} not found")
    kind, _, resource_name = reference["resource"].partition(".")
    resources = chosen.get("resources") or {}
    amount = (resources.get(kind) or {}).get(resource_name)
    if amount is None and kind == "limits":
        amount = machine.get(resource_name, "0")
    return str(quantities.rounded_up(amount or "0", reference.get("divisor") or "1"))
