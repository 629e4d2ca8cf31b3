"""What serves the kinds of Berth's own group that are more than stored objects: virtual kinds and subresources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.api.names import GroupResource
from cluster.api.protocols import Reader
from cluster.assembly.config import Config
from cluster.registry.registry import Registry
from cluster.server.dispatch import SubHandler
from cluster.server.resources import Resources
from rbac.authn.build import Authentication
from rbac.authn.service_accounts import TokenSigner
from rbac.authz.build import Authorization


@dataclass(frozen=True, slots=True)
class OwnParts:
    """What the handlers are made of."""

    config: Config
    reader: Reader
    registry: Registry
    resources: Resources
    signer: TokenSigner
    authentication: Authentication
    authorization: Authorization


@dataclass(frozen=True, slots=True)
class OwnHandlers:
    """Virtual kinds by resource, and subresources by (group, resource, subresource)."""

    virtual: Mapping[GroupResource, SubHandler] = field(default_factory=dict)
    subresources: Mapping[tuple[str, str, str], SubHandler] = field(default_factory=dict)


def own_handlers(parts: OwnParts) -> OwnHandlers:  # noqa: ARG001
    return OwnHandlers()
