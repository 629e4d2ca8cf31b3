"""The chain of one Kubernetes version and one configuration: a server's own parts and pipeline, over a store in memory, asked directly."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from admission.configuration import parse_configuration
from admission.objects import Objects
from admission.order import check_names
from admission.policy.parameters import Parameters
from app import handler
from cluster.api.authorization import Attributes, Verdict
from cluster.api.protocols import HttpCallers
from cluster.assembly.admission import Admission
from cluster.assembly.authorization import Authorizers
from cluster.assembly.config import Home
from cluster.assembly.core import Core, Served
from cluster.assembly.options import AdmissionOptions
from cluster.assembly.own import OwnHandlers
from cluster.assembly.parts import Parts
from cluster.registry.bootstrap import NAMESPACES, Cluster, bootstrap
from cluster.server.context import Handler
from cluster.server.response import Response
from cluster.server.streaming import KubeletTLS
from cluster.server.subresources import Actions
from policies.lab.identity import ISSUER, Callers, Named, SuiteKeys
from policies.lab.store import MemoryStore
from policies.lab.suite import Options
from policies.lab.world import World
from rbac.authn.service_accounts import TokenSigner
from rbac.authz.build import DEFAULT
from rbac.bootstrap import berth_objects, default_objects, reconcile

_NOWHERE: Final = Path("/nonexistent")
"""The home of a cluster that has no files."""
_CLUSTER: Final = Cluster("10.96.0.1", "10.96.0.0/12", "192.0.2.1", 6443, "", {})
"""The addresses that the first objects name, of a documentation's network."""


class LabChain:
    """What a new cluster's API server would be, but for what is around it: sockets, credentials of its own, controllers."""

    def __init__(self, version: str, options: Options, callers: HttpCallers) -> None:
        """ValueError for a version that there is none of, or for what admission can not be configured with."""
        self.store = MemoryStore()
        served = Served.of(version)
        self.catalog = served.catalog
        self._closed = threading.Event()
        core = Core.of(served, self.store, Authorizers(DEFAULT), _admission(options), callers, _CLUSTER.service_cidr, self._closed)
        self.reader, self.registry, self.authorization = core.reader, core.registry, core.authorization
        self.questions: list[Attributes] = []
        """What RBAC has allowed since they were last cleared: the request itself, and what else is asked on its way."""
        core.authorization.authorizer.told = self._told
        self.named = Named(core.reader, options)
        if options.client_ca or options.token_keys:
            _ = self.named.real  # whose PEM is none is told now
        self.callers = Callers(core.reader)
        self.parameters = Parameters(Objects(served.catalog, served.schemas), core.reader)
        self.world = World(self.store, core.registry, core.reader)
        bootstrap(core.registry, _CLUSTER, [*default_objects(), *berth_objects()], reconcile)
        self.world.begin(NAMESPACES)
        signer = TokenSigner(SuiteKeys(options.token_keys), ISSUER)
        home = Home(_NOWHERE)
        kubelet = KubeletTLS(home.certificate("ca"), home.certificate("kubelet"), home.key("kubelet"))
        authorizer = core.authorization.authorizer
        actions = Actions(core.reader, authorizer, signer, kubelet, lambda _: Response("", 101))
        # a path that is no resource's ends once it may be asked for: there is no server behind it
        dispatcher = core.dispatcher(actions, self.named, OwnHandlers(), lambda _: Response("", 200))
        parts = Parts(
            self.named, authorizer, dispatcher, counted=None, auditor=None, streams=None, start_timer=None, settle=None, sent=False
        )
        self.handle: Final[Handler] = handler(parts)

    def _told(self, question: Attributes, verdict: Verdict) -> None:
        if verdict.allowed and verdict.reason.startswith("RBAC"):
            self.questions.append(question)


def _admission(options: Options) -> Admission:
    gates = dict(options.gates)
    check_names(options.enable, options.disable, gates)
    configured = parse_configuration(options.configuration, options.folder / "admission") if options.configuration else {}
    given = AdmissionOptions(enable_admission_plugins=options.enable, disable_admission_plugins=options.disable)
    return Admission(given, gates, configured)
