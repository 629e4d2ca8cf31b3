"""ORDERED: the one table of admission plugins, in the order in which they run.

Upstream: `pkg/kubeapiserver/options/plugins.go` (AllOrderedPlugins and the default set).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from admission.attributes import Plugin
from admission.chain import Chain
from admission.plugins.certificate_approval import CertificateApproval
from admission.plugins.certificate_signing import CertificateSigning
from admission.plugins.certificate_subject_restriction import CertificateSubjectRestriction
from admission.plugins.default_toleration_seconds import DefaultTolerationSeconds
from admission.plugins.namespace_lifecycle import NamespaceLifecycle
from admission.plugins.node_restriction import NodeRestriction
from admission.plugins.priority import Priority
from admission.plugins.service_account import ServiceAccount
from cluster.api.authorization import Authorizer
from cluster.api.protocols import Reader


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What plugins are made from."""

    reader: Reader
    authorizer: Authorizer
    not_ready_toleration_seconds: int = 300
    unreachable_toleration_seconds: int = 300


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table; `on` says whether the plugin runs unless it is configured otherwise."""

    name: str
    factory: Callable[[Dependencies], Plugin]
    on: bool = True


ORDERED: Final[tuple[Entry, ...]] = (
    Entry("NamespaceLifecycle", lambda given: NamespaceLifecycle(given.reader)),
    Entry("ServiceAccount", lambda given: ServiceAccount(given.reader)),
    Entry("NodeRestriction", lambda given: NodeRestriction(given.reader, given.authorizer)),
    Entry("Priority", lambda given: Priority(given.reader)),
    Entry(
        "DefaultTolerationSeconds",
        lambda given: DefaultTolerationSeconds(given.not_ready_toleration_seconds, given.unreachable_toleration_seconds),
    ),
    Entry("CertificateApproval", lambda given: CertificateApproval(given.authorizer)),
    Entry("CertificateSigning", lambda given: CertificateSigning(given.authorizer)),
    Entry("CertificateSubjectRestriction", lambda given: CertificateSubjectRestriction()),  # noqa: ARG005
)


def build_chain(dependencies: Dependencies, *, enable: Collection[str] = (), disable: Collection[str] = ()) -> Chain:
    """The chain of all plugins that are on; ValueError for a name that the table does not have."""
    unknown = ({*enable} | {*disable}) - {entry.name for entry in ORDERED}
    if unknown:
        raise ValueError(f'unknown admission plugin "{min(unknown)}", known are {", ".join(entry.name for entry in ORDERED)}')
    chosen = [entry for entry in ORDERED if entry.name in enable or (entry.on and entry.name not in disable)]
    return Chain(entry.factory(dependencies) for entry in chosen)
