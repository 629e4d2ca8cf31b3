"""What a caller who is denied reads.  Upstream: apiserver `pkg/endpoints/handlers/responsewriters/errors.go`."""

from __future__ import annotations

from cluster.api.authorization import Attributes
from cluster.api.errors import Forbidden
from cluster.api.field import quoted
from cluster.api.names import GroupResource


def forbidden_message(attributes: Attributes) -> str:
    """`User "x" cannot get resource "pods" in API group "" in the namespace "dev"`, and the like."""
    user = quoted(attributes.user.name)
    if not attributes.is_resource:
        return f"User {user} cannot {attributes.verb} path {quoted(attributes.path)}"
    resource = f"{attributes.resource}/{attributes.subresource}" if attributes.subresource else attributes.resource
    asked = f"User {user} cannot {attributes.verb} resource {quoted(resource)} in API group {quoted(attributes.api_group)}"
    if attributes.namespace:
        return f"{asked} in the namespace {quoted(attributes.namespace)}"
    return f"{asked} at the cluster scope"


def escaped(text: str) -> str:
    """What can't pass for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def forbidden(attributes: Attributes, reason: str = "") -> Forbidden:
    """The 403 for a denied request; `reason` is the verdict's.  Nothing in it can pass for HTML."""
    message = escaped(forbidden_message(attributes))
    if reason:
        message = f"{message}: {reason}"
    return Forbidden.of(GroupResource(attributes.api_group, attributes.resource), attributes.name, message)
