"""The API server of one process: everything that a Config makes it of, wired once its store is connected.

What needs no store is made when the ApiServer is, so that it is in memory once for all workers that are forked from there;
`start` does the rest, in each worker.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from admission.objects import Objects
from cluster.api.authorization import Authorizer
from cluster.api.names import GroupResource, GroupVersionKind
from cluster.api.tenancy import TENANTS
from cluster.assembly.admission import admission
from cluster.assembly.auditing import auditor
from cluster.assembly.authentication import authentication, front_proxy_trust, token_signer
from cluster.assembly.authorization import authorization, authorizers
from cluster.assembly.config import Config
from cluster.assembly.environment import SUPERVISED
from cluster.assembly.own import OwnHandlers, OwnParts, own_handlers
from cluster.client.callers import Callers
from cluster.kinds.catalog import Catalog, catalog
from cluster.registry.bootstrap import Cluster, bootstrap, keep
from cluster.registry.kubeconfig_bindings import KubeconfigCompanion
from cluster.registry.labelling import set_label
from cluster.registry.loopback import create_as_self
from cluster.registry.reader import StoreReader
from cluster.registry.registry import Companion, Guard, Registry
from cluster.registry.services import ServiceAllocator
from cluster.registry.tenants import TenantPrefixes
from cluster.schema.model import SchemaSet
from cluster.server.audit import Auditor
from cluster.server.context import Handler
from cluster.server.counters import Counters
from cluster.server.discovery import Discovery
from cluster.server.dispatch import Dispatcher
from cluster.server.metrics import (
    Counted,
    CountedSink,
    Metrics,
    Slis,
    health_observer,
)
from cluster.server.metrics_admission import AdmissionObserver
from cluster.server.metrics_configuration import AuthorizerObserver, FileObserver, IssuersObserver
from cluster.server.metrics_pod_security import PodSecurityObserver
from cluster.server.open_streams import OpenStreams
from cluster.server.openapi import OpenApi
from cluster.server.plain import Health, Root, TokenKeys, Version, git_version
from cluster.server.resources import Resources
from cluster.server.statusz import Statusz
from cluster.server.streaming import KubeletTLS
from cluster.server.subresources import Actions, Subresources
from cluster.server.virtual import Virtual
from cluster.storage.contract import Store, StoreUnavailable
from rbac.authn.build import Authentication
from rbac.authn.service_accounts import TokenSigner
from rbac.authz.build import Authorization
from rbac.bootstrap import berth_objects, default_objects, reconcile, with_origins
from rbac.credentials.reference import CLUSTER_KUBECONFIGS, KUBECONFIGS
from rbac.escalation import check_binding_write, check_role_write
from rbac.tenancy import check_namespace_write, check_tenant_write

log = logging.getLogger(__name__)
IDLE_SECONDS: Final = 30.0
KEEP_SECONDS: Final = 10.0
"""How often the objects that must exist are looked after."""
_NAMESPACES: Final = GroupResource("", "namespaces")
_SERVICES: Final = GroupResource("", "services")
_SECRET: Final = GroupVersionKind("", "v1", "Secret")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a started API server consists of, as the pipeline needs it."""

    authentication: Authentication
    authorization: Authorization
    dispatcher: Handler
    counted: Counted
    auditor: Auditor | None
    streams: OpenStreams
    settle: Callable[[], None]
    """Waits until this worker knows all that was acknowledged anywhere."""

    @property
    def authorizer(self) -> Authorizer:
        return self.authorization.authorizer


class ApiServer:
    """Makes its Parts when they are first asked for, or when it is started."""

    def __init__(self, config: Config, store: Callable[[], Store] | None = None) -> None:
        self.config = config
        self.schemas = SchemaSet.for_version(config.kubernetes_version)
        self.catalog: Catalog = catalog(config.kubernetes_version, self.schemas.gvks())
        self.signer = token_signer(config)
        _ = self.signer.public_keys  # loaded before workers are forked
        self.authorizers = authorizers(config)
        self.admission = admission(config)
        self.counters = Counters(config.workers)
        self._started = time.time()
        self._open_store = store or self._connect
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._parts: Parts | None = None
        self._auditor: Auditor | None = None
        self.store: Store | None = None

    def start(self) -> Parts:
        """Connects the store and wires the rest; StoreUnavailable.  Called again, it answers what it made."""
        with self._lock:
            if self._parts is None:
                self._parts = self._make(self._open_store())
            return self._parts

    def _keep(self, registry: Registry, first: Cluster) -> None:
        """Looks now and then; that each worker does is harmless, as who comes second finds nothing to do."""
        while not self._closed.wait(KEEP_SECONDS):
            try:
                keep(registry, first)
            except (StoreUnavailable, RuntimeError) as error:
                log.warning("the first objects were not looked after: %s", error)

    def hand_over(self) -> None:
        """The process is about to end: audit events wait no longer."""
        if self._auditor is not None:
            self._auditor.close()

    def close(self) -> None:
        self._closed.set()
        self.hand_over()
        if self.store is not None:
            self.store.close()

    def _connect(self) -> Store:
        from cluster.storage.launch import launcher
        from cluster.storage.remote import RemoteStore

        home = self.config.home
        start = None
        if not os.environ.get(SUPERVISED):
            home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
            start = launcher(
                self.config.store_url,
                home.store_socket,
                home.revision_file,
                exit_when_idle=IDLE_SECONDS,
                encryption=self.config.encryption.encryption_provider_config,
            )
        return RemoteStore.connect(home.store_socket, home.revision_file, start=start)

    def _make(self, store: Store) -> Parts:
        config = self.config
        self.store = store
        self.counters.join()
        reader = StoreReader(store, self.catalog)
        signer = self.signer
        callers = Callers()
        counters, identity = self.counters, f"{config.host}:{config.port}"
        followed = FileObserver(counters, "authorization", identity)
        may = authorization(self.authorizers, reader, callers, self._closed, AuthorizerObserver(counters), followed)
        authorizer = may.authorizer
        given = self.admission.dependencies(
            reader,
            authorizer,
            Objects(self.catalog, self.schemas),
            callers,
            lambda gvk, obj: create_as_self(registry, gvk, obj),  # once the registry is there, which the chain is a part of
            PodSecurityObserver(counters, config.kubernetes_version),
            AdmissionObserver(counters),
        )
        companions: dict[GroupResource, Companion] = {
            _SERVICES: ServiceAllocator(store, config.service_cidr),
            TENANTS: TenantPrefixes(store),
        }
        companions |= dict.fromkeys((KUBECONFIGS, CLUSTER_KUBECONFIGS), KubeconfigCompanion(store, self.catalog))
        registry = Registry(store, self.catalog, self.schemas, self.admission.chain(given), companions, _guards(may))
        label = functools.partial(set_label, registry, _SECRET)
        who = authentication(config, reader, signer, callers, label, IssuersObserver(counters, identity))
        first = self._first_objects()
        bootstrap(registry, first, [*with_origins(default_objects(), reader.get), *berth_objects()], reconcile)
        threading.Thread(target=self._keep, args=(registry, first), name="first-objects", daemon=True).start()
        resources = Resources(registry, authorizer)
        own = own_handlers(OwnParts(config, reader, registry, resources, signer, who, may, self._closed))
        subresources = Subresources(registry, resources, Actions(reader, authorizer, signer, self._kubelet()), own.subresources)
        virtual = Virtual(registry, resources, subresources, authorizer, may.authorizer.rules_for, who.tokens, own.virtual)
        self._auditor = auditor(config, callers, lambda sink: CountedSink(sink, counters))
        dispatcher = self._dispatcher(resources, subresources, virtual, signer, own)
        return Parts(who, may, dispatcher, Counted(counters, self.catalog), self._auditor, OpenStreams(reader), store.settle)

    def _kubelet(self) -> KubeletTLS:
        home, client = self.config.home, "apiserver-kubelet-client"
        return KubeletTLS(home.certificate("ca"), home.certificate(client), home.key(client))

    def _first_objects(self) -> Cluster:
        config = self.config
        ca = config.home.certificate("ca").read_text()
        return Cluster(config.service_ip, config.service_cidr, config.advertise_address, config.port, ca, front_proxy_trust(config))

    def _dispatcher(
        self, resources: Resources, subresources: Subresources, virtual: Virtual, signer: TokenSigner, own: OwnHandlers
    ) -> Dispatcher:
        config, store = self.config, self.store
        assert store is not None
        discovery = Discovery(self.catalog, f"{config.host}:{config.port}")
        checks = {"ping": lambda: None, "log": lambda: None, "store": lambda: _touch(store)}
        health = Health(checks, health_observer(self.counters))
        keys = TokenKeys(lambda: signer.discovery_document(config.jwks_uri), signer.key_set)
        version = Version(config.kubernetes_version)
        paths: dict[str, Handler] = {
            "/api": discovery.api,
            "/version": version,
            "/.well-known/openid-configuration": keys.configuration,
            "/openid/v1/jwks": keys.jwks,
            "/metrics": Metrics(self.counters, self.catalog, lambda each: len(store.list(each).entries), version.build, self._started),
            "/metrics/slis": Slis(self.counters, health.results, self._started),
        }
        trees: dict[str, Handler] = dict.fromkeys(("/healthz", "/livez", "/readyz"), health)
        trees |= {"/api": discovery.core, "/apis": discovery.apis}
        trees["/openapi"] = OpenApi(self.catalog, self.schemas, git_version(config.kubernetes_version)).tree
        paths["/statusz"] = Statusz(config.kubernetes_version, self._started, [*paths, *trees, "/statusz"])
        paths["/"] = Root([*paths, *trees, *(f"/apis/{group.name}" for group in self.catalog.groups() if group.name)])
        return Dispatcher(self.catalog, resources, subresources, virtual, paths, trees, own.creates)


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


def _touch(store: Store) -> None:
    """Reads something, so that a store that is gone shows."""
    store.list("namespaces")
