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
from typing import Final

from cluster.api.names import GroupVersionKind
from cluster.assembly.admission import admission
from cluster.assembly.auditing import auditor
from cluster.assembly.authentication import authentication, front_proxy_trust, token_signer
from cluster.assembly.authorization import authorizers
from cluster.assembly.config import Config
from cluster.assembly.core import Core, Observers, Served
from cluster.assembly.environment import SUPERVISED
from cluster.assembly.own import OwnParts, own_handlers
from cluster.assembly.parts import Parts
from cluster.client.callers import Callers
from cluster.registry.bootstrap import Cluster, bootstrap, keep
from cluster.registry.kubeconfig_use import keep_last_use
from cluster.registry.labelling import set_label
from cluster.registry.registry import Registry
from cluster.server import greenlet_timer
from cluster.server.audit import Auditor
from cluster.server.context import Handler
from cluster.server.counters import Counters
from cluster.server.discovery import Discovery
from cluster.server.dispatch import Paths
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
from cluster.server.statusz import Statusz
from cluster.server.streaming import KubeletTLS
from cluster.server.subresources import Actions
from cluster.storage.contract import Store, StoreUnavailable
from rbac.bootstrap import berth_objects, default_objects, reconcile, with_origins

log = logging.getLogger(__name__)
IDLE_SECONDS: Final = 30.0
KEEP_SECONDS: Final = 10.0
"""How often the objects that must exist are looked after."""
_SECRET: Final = GroupVersionKind("", "v1", "Secret")


class ApiServer:
    """Makes its Parts when they are first asked for, or when it is started."""

    def __init__(self, config: Config, store: Callable[[], Store] | None = None) -> None:
        self.config = config
        self.served = Served.of(config.kubernetes_version)
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
        callers = Callers()
        counters, identity = self.counters, f"{config.host}:{config.port}"
        observers = Observers(
            AuthorizerObserver(counters),
            FileObserver(counters, "authorization", identity),
            PodSecurityObserver(counters, config.kubernetes_version),
            AdmissionObserver(counters),
        )
        core = Core.of(self.served, store, self.authorizers, self.admission, callers, config.service_cidr, self._closed, observers)
        reader, registry = core.reader, core.registry
        label = functools.partial(set_label, registry, _SECRET)
        who = authentication(config, reader, self.signer, callers, label, IssuersObserver(counters, identity))
        first = self._first_objects()
        bootstrap(registry, first, [*with_origins(default_objects(), reader.get), *berth_objects()], reconcile)
        self._begin("first-objects", self._keep, registry, first)
        self._begin("kubeconfig-use", keep_last_use, registry, who.credentials, self._closed)
        own = own_handlers(OwnParts(config, reader, registry, core.resources, self.signer, who, core.authorization, self._closed))
        self._auditor = auditor(config, callers, lambda sink: CountedSink(sink, counters))
        actions = Actions(reader, core.authorization.authorizer, self.signer, self._kubelet())
        dispatcher = core.dispatcher(actions, who.tokens, own, self._paths(store))
        counted, streams = Counted(counters, self.served.catalog), OpenStreams(reader)
        may, start = core.authorization.authorizer, greenlet_timer.start
        return Parts(who, may, dispatcher, counted, self._auditor, streams, start, store.settle, sent=True)

    @staticmethod
    def _begin(name: str, run: Callable[..., None], *arguments: object) -> None:
        """In a thread of its own, which ends with the process or once the server is closed."""
        threading.Thread(target=run, args=arguments, name=name, daemon=True).start()

    def _kubelet(self) -> KubeletTLS:
        home, client = self.config.home, "apiserver-kubelet-client"
        return KubeletTLS(home.certificate("ca"), home.certificate(client), home.key(client))

    def _first_objects(self) -> Cluster:
        config = self.config
        ca = config.home.certificate("ca").read_text()
        return Cluster(config.service_ip, config.service_cidr, config.advertise_address, config.port, ca, front_proxy_trust(config))

    def _paths(self, store: Store) -> Paths:
        """What serves paths that are no resources."""
        config, kinds, signer = self.config, self.served.catalog, self.signer
        discovery = Discovery(kinds, f"{config.host}:{config.port}")
        checks = {"ping": lambda: None, "log": lambda: None, "store": lambda: _touch(store)}
        health = Health(checks, health_observer(self.counters))
        keys = TokenKeys(lambda: signer.discovery_document(config.jwks_uri), signer.key_set)
        version = Version(config.kubernetes_version)
        paths: dict[str, Handler] = {
            "/api": discovery.api,
            "/version": version,
            "/.well-known/openid-configuration": keys.configuration,
            "/openid/v1/jwks": keys.jwks,
            "/metrics": Metrics(self.counters, kinds, lambda each: len(store.list(each).entries), version.build, self._started),
            "/metrics/slis": Slis(self.counters, health.results, self._started),
        }
        trees: dict[str, Handler] = dict.fromkeys(("/healthz", "/livez", "/readyz"), health)
        trees |= {"/api": discovery.core, "/apis": discovery.apis}
        trees["/openapi"] = OpenApi(kinds, self.served.schemas, git_version(config.kubernetes_version)).tree
        paths["/statusz"] = Statusz(config.kubernetes_version, self._started, [*paths, *trees, "/statusz"])
        paths["/"] = Root([*paths, *trees, *(f"/apis/{group.name}" for group in kinds.groups() if group.name)])
        return Paths(paths, trees)


def _touch(store: Store) -> None:
    """Reads something, so that a store that is gone shows."""
    store.list("namespaces")
