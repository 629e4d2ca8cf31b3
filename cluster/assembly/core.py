"""What judges and keeps writes, however a request came in: the same for a server's requests and for those of policy tests.

What is around it differs: who finds out who asks, what is counted and audited, and what is served beside resources.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from msgspec import Struct

from admission.counting import UNCOUNTED, Counting
from admission.objects import Objects
from admission.pod_security.observer import UNOBSERVED as NO_EVALUATIONS
from admission.pod_security.observer import EvaluationObserver
from cluster.api.followed_file import UNOBSERVED as NO_FILE
from cluster.api.followed_file import FileObserver
from cluster.api.names import GroupResource, GroupVersionKind
from cluster.api.protocols import HttpCallers
from cluster.api.tenancy import TENANTS
from cluster.assembly.admission import Admission
from cluster.assembly.authorization import Authorizers, authorization
from cluster.kinds.catalog import Catalog, catalog
from cluster.registry.kubeconfig_bindings import KubeconfigCompanion
from cluster.registry.loopback import create_as_self
from cluster.registry.reader import StoreReader
from cluster.registry.registry import Check, Companion, Guard, Registry
from cluster.registry.services import ServiceAllocator
from cluster.registry.tenants import TenantPrefixes
from cluster.schema.model import SchemaSet
from cluster.server.context import Handler
from cluster.server.dispatch import Dispatcher
from cluster.server.resources import Resources
from cluster.server.subresources import Actions, Subresources
from cluster.server.virtual import TokenReviewer, Virtual
from cluster.storage.contract import Store
from rbac.authz.build import Authorization
from rbac.authz.observers import UNOBSERVED as NO_OPINIONS
from rbac.authz.observers import AuthorizerObserver
from rbac.credentials.reference import CLUSTER_KUBECONFIGS, KUBECONFIGS
from rbac.escalation import check_binding_write, check_role_write
from rbac.parameters import check_binding, check_policy
from rbac.tenancy import check_namespace_write, check_tenant_write

if TYPE_CHECKING:
    from cluster.assembly.own import OwnHandlers

_REGISTRATION: Final = "admissionregistration.k8s.io"
_NAMESPACES: Final = GroupResource("", "namespaces")
_SERVICES: Final = GroupResource("", "services")


class Served(Struct, frozen=True):
    """The kinds of one Kubernetes version."""

    schemas: SchemaSet
    catalog: Catalog

    @classmethod
    def of(cls, version: str) -> Self:
        """ValueError for a version that there is none of."""
        schemas = SchemaSet.for_version(version)
        return cls(schemas, catalog(version, schemas.gvks()))


class Observers(Struct, frozen=True):
    """Who is told what goes on, to count it."""

    opinions: AuthorizerObserver = NO_OPINIONS
    authorization_file: FileObserver = NO_FILE
    evaluations: EvaluationObserver = NO_EVALUATIONS
    admission: Counting = UNCOUNTED


_UNOBSERVED: Final = Observers()


class Core(Struct, frozen=True):
    """`resources` serves the stored kinds by the `registry`, whose writes the `authorization`'s rules and admission judge."""

    reader: StoreReader
    authorization: Authorization
    registry: Registry
    resources: Resources

    @classmethod
    def of(
        cls,
        served: Served,
        store: Store,
        authorizers: Authorizers,
        admission: Admission,
        callers: HttpCallers,
        service_cidr: str,
        closed: threading.Event,
        observers: Observers = _UNOBSERVED,
    ) -> Self:
        """`closed` is set when what follows files is to end.  ValueError for what a plugin can not be configured with."""
        reader = StoreReader(store, served.catalog)
        may = authorization(authorizers, reader, callers, closed, observers.opinions, observers.authorization_file)
        given = admission.dependencies(
            reader,
            may.authorizer,
            Objects(served.catalog, served.schemas),
            callers,
            lambda gvk, obj: create_as_self(registry, gvk, obj),  # once the registry is there, which the chain is a part of
            observers.evaluations,
            observers.admission,
        )
        chain = admission.chain(given)
        companions, checks = _companions(store, served.catalog, service_cidr), _checks(may, served.catalog, reader)
        registry = Registry(store, served.catalog, served.schemas, chain, companions, _guards(may), checks)
        return cls(reader, may, registry, Resources(registry, may.authorizer))

    def dispatcher(self, actions: Actions, tokens: TokenReviewer, own: OwnHandlers, elsewhere: Handler) -> Dispatcher:
        """What serves every request that may be: by kind, or `elsewhere` where it is for no resource."""
        registry, resources, authorizer = self.registry, self.resources, self.authorization.authorizer
        subresources = Subresources(registry, resources, actions, own.subresources)
        virtual = Virtual(registry, resources, subresources, authorizer, authorizer.rules_for, tokens, own.virtual)
        return Dispatcher(registry.catalog, resources, subresources, virtual, elsewhere, own.creates)


def _companions(store: Store, kinds: Catalog, service_cidr: str) -> dict[GroupResource, Companion]:
    found: dict[GroupResource, Companion] = {
        _SERVICES: ServiceAllocator(store, service_cidr),
        TENANTS: TenantPrefixes(store),
    }
    return found | dict.fromkeys((KUBECONFIGS, CLUSTER_KUBECONFIGS), KubeconfigCompanion(store, kinds))


def _guards(authorization: Authorization) -> dict[GroupResource, Guard]:
    """Nobody grants what they do not hold."""

    def guard(resource: GroupResource, check: Callable[..., None]) -> Guard:
        return lambda user, namespace, obj, old: check(
            user, resource, namespace, obj, old, authorization.authorizer, authorization.resolver
        )

    checks = {"roles": check_role_write, "clusterroles": check_role_write}
    checks |= {"rolebindings": check_binding_write, "clusterrolebindings": check_binding_write}
    resources = {GroupResource("rbac.authorization.k8s.io", name): check for name, check in checks.items()}
    resources[TENANTS] = check_tenant_write
    guards = {resource: guard(resource, check) for resource, check in resources.items()}
    guards[_NAMESPACES] = lambda user, _namespace, obj, old: check_namespace_write(user, obj, old, authorization.authorizer)
    return guards


def _checks(authorization: Authorization, kinds: Catalog, reader: StoreReader) -> dict[GroupResource, Check]:
    """Nobody has a policy look at what they may not read themselves."""

    def resource_of(gvk: GroupVersionKind) -> str:
        found = kinds.by_kind(gvk)
        return "" if found is None else found.resource.resource

    def policies(sort: str) -> dict[GroupResource, Check]:
        policy, binding = (GroupResource(_REGISTRATION, f"{sort}admissionpolic{end}") for end in ("ies", "ybindings"))
        may = authorization.authorizer
        return {
            policy: lambda user, obj, old: check_policy(user, obj, old, may, resource_of),
            binding: lambda user, obj, _old: check_binding(user, obj, may, resource_of, lambda name: reader.get(policy, "", name)),
        }

    return policies("validating") | policies("mutating")
