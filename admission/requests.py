"""A write as admission.k8s.io describes it.  Upstream: apiserver `pkg/admission/plugin/webhook/request/admissionreview.go`."""

from __future__ import annotations

from admission.attributes import Attributes, Operation
from admission.matching.rules import Target
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.api.user import user_fields


def request_of(attributes: Attributes, target: Target) -> Object:
    """The AdmissionRequest without its uid and objects, fields in upstream's order."""
    request: Object = {"kind": _of_kind(target.kind), "resource": _of_resource(target.resource)}
    own: Object = {"requestKind": _of_kind(attributes.kind), "requestResource": _of_resource(attributes.resource)}
    if attributes.subresource:
        request["subResource"] = own["requestSubResource"] = attributes.subresource
    request |= own
    if attributes.name:
        request["name"] = attributes.name
    if attributes.namespace:
        request["namespace"] = attributes.namespace
    return request | {
        "operation": attributes.operation.value,
        "userInfo": user_fields(attributes.user),
        "dryRun": attributes.dry_run,
        "options": None if attributes.operation is Operation.CONNECT else attributes.options,
    }


def _of_kind(kind: GroupVersionKind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _of_resource(resource: GroupVersionResource) -> Object:
    return {"group": resource.group, "version": resource.version, "resource": resource.resource}
