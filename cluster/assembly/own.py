"""What serves the kinds of Berth's own group that are more than stored objects: virtual kinds and subresources."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct, field

from cluster.api.names import GroupResource
from cluster.server.dispatch import SubHandler
from rbac.credentials.reference import CLUSTER_KUBECONFIGS, KUBECONFIGS

if TYPE_CHECKING:  # what handlers are made of is loaded by who makes it
    from cluster.api.protocols import Reader
    from cluster.assembly.config import Config
    from cluster.registry.registry import Registry
    from cluster.server.resources import Resources
    from rbac.authn.build import Authentication
    from rbac.authn.service_accounts import TokenSigner
    from rbac.authz.build import Authorization

Name = TypeVar("Name", bound=Hashable)
EXPLANATIONS: Final = tuple(
    GroupResource("berth.io", f"{prefix}{name}")
    for name in ("accessexplanations", "accessmatrixreviews", "subjectrulesreviews", "whocanreviews")
    for prefix in ("", "local")
)
AUDIT_EVENTS: Final = GroupResource("berth.io", "auditevents")
_ISSUED: Final = (KUBECONFIGS, CLUSTER_KUBECONFIGS)
TENANT_NAMESPACES: Final = GroupResource("berth.io", "tenantnamespaces")


class OwnParts(Struct, frozen=True):
    """What the handlers are made of."""

    config: Config
    reader: Reader
    registry: Registry
    resources: Resources
    signer: TokenSigner
    authentication: Authentication
    authorization: Authorization
    closed: threading.Event
    """Set when the API server ends."""


class OwnHandlers(Struct, frozen=True):
    """Virtual kinds by resource, and subresources by (group, resource, subresource)."""

    virtual: Mapping[GroupResource, SubHandler] = field(default_factory=dict)
    subresources: Mapping[tuple[str, str, str], SubHandler] = field(default_factory=dict)
    creates: Mapping[GroupResource, SubHandler] = field(default_factory=dict)
    """Creation of stored kinds whose answer is more than the object."""


def own_handlers(parts: OwnParts) -> OwnHandlers:
    kubeconfigs = _kubeconfigs(parts)
    return OwnHandlers(
        virtual={**_explanations(parts), **_tenant_namespaces(parts), **_audit_events(parts)},
        subresources={(*resource, verb): kubeconfigs[verb] for resource in _ISSUED for verb in ("renew", "revoke")},
        creates=dict.fromkeys(_ISSUED, kubeconfigs["create"]),
    )


def _tenant_namespaces(parts: OwnParts) -> Mapping[GroupResource, SubHandler]:
    """Imported at the first question, and only then told of changed rights."""

    def made() -> Mapping[GroupResource, SubHandler]:
        from cluster.server.tenant_namespaces import TenantNamespaces
        from cluster.server.tenant_watch import AccessChanges

        changes = AccessChanges.following(parts.reader)
        return {TENANT_NAMESPACES: TenantNamespaces(parts.registry, parts.resources, parts.authorization.authorizer, changes)}

    return loaded_at_first_use((TENANT_NAMESPACES,), made)


def _audit_events(parts: OwnParts) -> Mapping[GroupResource, SubHandler]:
    def made() -> Mapping[GroupResource, SubHandler]:
        from cluster.assembly.auditing import log_path
        from cluster.server.audit_events import AuditEvents

        return {AUDIT_EVENTS: AuditEvents(log_path(parts.config))}

    return loaded_at_first_use((AUDIT_EVENTS,), made)


def _kubeconfigs(parts: OwnParts) -> Mapping[str, SubHandler]:
    """Create, renew and revoke, with the cluster's CA and service-account key."""
    config, may = parts.config, parts.authorization

    def authority() -> tuple[bytes, bytes]:
        return config.home.certificate("ca").read_bytes(), config.home.key("ca").read_bytes()

    def made() -> Mapping[str, SubHandler]:
        from cluster.registry.kubeconfigs import Kubeconfigs
        from cluster.server.kubeconfigs import KubeconfigHandlers
        from rbac.credentials.issue import Cluster, CredentialIssuer
        from rbac.credentials.permission import IssuingRules

        rules = IssuingRules(may.authorizer, may.resolver, may.index, parts.reader)
        issuer = CredentialIssuer(Cluster(config.name, config.server, authority), parts.signer, parts.reader)
        handlers = KubeconfigHandlers(parts.registry, parts.resources, Kubeconfigs(parts.registry, rules, issuer))
        return {"create": handlers.create, "renew": handlers.renew, "revoke": handlers.revoke}

    return loaded_at_first_use(("create", "renew", "revoke"), made)


def _explanations(parts: OwnParts) -> Mapping[GroupResource, SubHandler]:
    """Imported at the first question: no other request needs them."""
    may = parts.authorization

    def made() -> Mapping[GroupResource, SubHandler]:
        from cluster.server.explanations import Explanations
        from rbac.explain.view import Sources

        sources = Sources(may.authorizer, may.index, parts.reader, parts.registry.catalog)
        return Explanations(parts.registry, parts.resources, sources, parts.authentication).handlers()

    return loaded_at_first_use(EXPLANATIONS, made)


def loaded_at_first_use(names: Iterable[Name], make: Callable[[], Mapping[Name, SubHandler]]) -> Mapping[Name, SubHandler]:
    """Handlers that are made, all together, when one of them is first asked."""
    handlers = cache(make)

    def of(name: Name) -> SubHandler:
        return lambda context, kind: handlers()[name](context, kind)

    return {name: of(name) for name in names}
