"""ORDERED: the one table of admission plugins, in the order in which they run.

Upstream: `pkg/kubeapiserver/options/plugins.go` (AllOrderedPlugins and the default set).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct, field

from admission.attributes import Plugin
from admission.chain import Chain
from admission.configuration import Unusable
from admission.counting import UNCOUNTED, Counting
from admission.objects import Objects
from admission.plugins.certificate_approval import CertificateApproval
from admission.plugins.certificate_signing import CertificateSigning
from admission.plugins.certificate_subject_restriction import CertificateSubjectRestriction
from admission.plugins.default_ingress_class import DefaultIngressClass
from admission.plugins.default_storage_class import DefaultStorageClass
from admission.plugins.default_toleration_seconds import DefaultTolerationSeconds
from admission.plugins.limit_ranger import LimitRanger
from admission.plugins.namespace_lifecycle import NamespaceLifecycle
from admission.plugins.node_declared_feature_validator import NodeDeclaredFeatureValidator
from admission.plugins.node_restriction import NodeRestriction
from admission.plugins.persistent_volume_claim_resize import PersistentVolumeClaimResize
from admission.plugins.pod_resize_validator import PodResizeValidator
from admission.plugins.pod_security import PodSecurity
from admission.plugins.pod_topology_labels import PodTopologyLabels
from admission.plugins.priority import Priority
from admission.plugins.resource_quota import ResourceQuota
from admission.plugins.runtime_class import RuntimeClass
from admission.plugins.service_account import ServiceAccount
from admission.plugins.storage_object_in_use_protection import StorageObjectInUseProtection
from admission.plugins.taint_nodes_by_condition import TaintNodesByCondition
from admission.pod_security.observer import UNOBSERVED, EvaluationObserver
from admission.policy.configuration import check_configuration
from admission.policy.mutating import MutatingAdmissionPolicy
from admission.policy.validating import ValidatingAdmissionPolicy
from admission.webhooks import mutating, validating
from admission.webhooks.hooked import Hooked, Kind, build_hooked
from admission.webhooks.mutating import MutatingAdmissionWebhook
from admission.webhooks.validating import ValidatingAdmissionWebhook
from cluster.api.authorization import Authorizer
from cluster.api.errors import InternalError
from cluster.api.names import GroupVersionKind, Object
from cluster.api.protocols import HttpCallers, Reader

GATES: Final[Mapping[str, bool]] = {
    "ClusterTrustBundle": False,
    "GenericWorkload": False,
    "MutatingAdmissionPolicy": True,
    "NodeDeclaredFeatures": True,
    "PodTopologyLabelsAdmission": True,
    "WorkloadWithJob": False,
}
"""The feature gates that plugins are behind, and whether 1.36 has them on; a plugin whose gate is off does nothing though it is enabled."""

_NEEDED: Final[Mapping[str, str]] = {"WorkloadWithJob": "GenericWorkload"}
"""A gate to another one, without which it can not be on."""


Create = Callable[[GroupVersionKind, Object], None]
"""Creates an object as the API server itself, by the whole way of a create, admission included; a StatusError where that fails."""


def read_only(gvk: GroupVersionKind, obj: Object) -> None:  # noqa: ARG001 - a Create's signature
    """The Create of a chain that judges writes and makes none."""
    raise InternalError.of(f"{gvk.kind} can not be created: nothing is written here")


class Dependencies(Struct, frozen=True):
    """What plugins are made from."""

    reader: Reader
    authorizer: Authorizer
    objects: Objects
    callers: HttpCallers
    not_ready_toleration_seconds: int = 300
    unreachable_toleration_seconds: int = 300
    configurations: Mapping[str, Object] = field(default_factory=dict)
    """A plugin's name to what the AdmissionConfiguration says for it, which the plugin reads itself: ValueError where it is none."""
    create: Create = read_only
    """For plugins that make objects of their own."""
    evaluations: EvaluationObserver = UNOBSERVED
    """Told what pod security comes to."""
    counting: Counting = UNCOUNTED
    """Told how long plugins take, what webhooks are called for, and what comes of it."""

    def configuration(self, plugin: str) -> Object | None:
        return self.configurations.get(plugin)

    def hooked(self, kind: Kind) -> Hooked:
        """The webhooks of a kind; ValueError for what they can not be configured with."""
        configuration = self.configuration(kind.plugin)
        return build_hooked(kind, self.reader, self.objects, self.callers, configuration, self.authorizer, self.counting)


def build_validating(given: Dependencies) -> ValidatingAdmissionPolicy:
    """ValueError for what it can not be configured with."""
    check_configuration(given.configuration(ValidatingAdmissionPolicy.name), ValidatingAdmissionPolicy.name)
    return ValidatingAdmissionPolicy(given.reader, given.authorizer, given.objects, given.counting)


def build_mutating(given: Dependencies) -> MutatingAdmissionPolicy:
    """ValueError for what it can not be configured with."""
    check_configuration(given.configuration(MutatingAdmissionPolicy.name), MutatingAdmissionPolicy.name)
    return MutatingAdmissionPolicy(given.reader, given.authorizer, given.objects, given.counting)


class Entry(Struct, frozen=True):
    """A row of the table; `on` says whether the plugin runs unless it is configured otherwise, `gate` which feature it is a part of."""

    name: str
    factory: Callable[[Dependencies], Plugin]
    on: bool = True
    gate: str = ""


def optional(name: str) -> Callable[[Dependencies], Plugin]:
    """The factory of a plugin that is off unless it is asked for: it is loaded where it is, with the others of its sort."""

    def made(given: Dependencies) -> Plugin:
        from admission.optional import FACTORIES

        return FACTORIES[name](given)

    return made


ORDERED: Final[tuple[Entry, ...]] = (
    Entry("AlwaysAdmit", optional("AlwaysAdmit"), on=False),
    Entry("NamespaceAutoProvision", optional("NamespaceAutoProvision"), on=False),
    Entry("NamespaceLifecycle", lambda given: NamespaceLifecycle(given.reader)),
    Entry("NamespaceExists", optional("NamespaceExists"), on=False),
    Entry("LimitPodHardAntiAffinityTopology", optional("LimitPodHardAntiAffinityTopology"), on=False),
    Entry("LimitRanger", lambda given: LimitRanger(given.reader)),
    Entry("ServiceAccount", lambda given: ServiceAccount(given.reader)),
    Entry("NodeRestriction", lambda given: NodeRestriction(given.reader, given.authorizer)),
    Entry("TaintNodesByCondition", lambda given: TaintNodesByCondition()),  # noqa: ARG005
    Entry("AlwaysPullImages", optional("AlwaysPullImages"), on=False),
    Entry("ImagePolicyWebhook", optional("ImagePolicyWebhook"), on=False),
    Entry(
        "PodSecurity",
        lambda given: PodSecurity(given.reader, given.configuration("PodSecurity"), given.objects.catalog.version, given.evaluations),
    ),
    Entry("PodNodeSelector", optional("PodNodeSelector"), on=False),
    Entry("Priority", lambda given: Priority(given.reader)),
    Entry(
        "DefaultTolerationSeconds",
        lambda given: DefaultTolerationSeconds(given.not_ready_toleration_seconds, given.unreachable_toleration_seconds),
    ),
    Entry("PodTolerationRestriction", optional("PodTolerationRestriction"), on=False),
    Entry("EventRateLimit", optional("EventRateLimit"), on=False),
    Entry("ExtendedResourceToleration", optional("ExtendedResourceToleration"), on=False),
    Entry("DefaultStorageClass", lambda given: DefaultStorageClass(given.reader)),
    Entry("StorageObjectInUseProtection", lambda given: StorageObjectInUseProtection()),  # noqa: ARG005
    Entry("PodGroupProtection", optional("PodGroupProtection"), gate="GenericWorkload"),
    Entry("OwnerReferencesPermissionEnforcement", optional("OwnerReferencesPermissionEnforcement"), on=False),
    Entry("PersistentVolumeClaimResize", lambda given: PersistentVolumeClaimResize(given.reader)),
    Entry("RuntimeClass", lambda given: RuntimeClass(given.reader)),
    Entry("CertificateApproval", lambda given: CertificateApproval(given.authorizer)),
    Entry("CertificateSigning", lambda given: CertificateSigning(given.authorizer)),
    Entry("ClusterTrustBundleAttest", optional("ClusterTrustBundleAttest"), gate="ClusterTrustBundle"),
    Entry("CertificateSubjectRestriction", lambda given: CertificateSubjectRestriction()),  # noqa: ARG005
    Entry("DefaultIngressClass", lambda given: DefaultIngressClass(given.reader)),
    Entry("DenyServiceExternalIPs", optional("DenyServiceExternalIPs"), on=False),
    Entry("PodTopologyLabels", lambda given: PodTopologyLabels(given.reader), gate="PodTopologyLabelsAdmission"),
    Entry("PodGroupWorkloadExists", optional("PodGroupWorkloadExists"), gate="GenericWorkload"),
    Entry("NodeDeclaredFeatureValidator", lambda given: NodeDeclaredFeatureValidator(given.reader), gate="NodeDeclaredFeatures"),
    Entry("JobValidation", optional("JobValidation"), gate="GenericWorkload"),
    Entry("PodResizeValidator", lambda given: PodResizeValidator(given.reader)),
    Entry("MutatingAdmissionPolicy", build_mutating, gate="MutatingAdmissionPolicy"),
    Entry("MutatingAdmissionWebhook", lambda given: MutatingAdmissionWebhook(given.hooked(mutating.KIND))),
    Entry("ValidatingAdmissionPolicy", build_validating),
    Entry("ValidatingAdmissionWebhook", lambda given: ValidatingAdmissionWebhook(given.hooked(validating.KIND))),
    Entry("ResourceQuota", lambda given: ResourceQuota(given.reader, given.configuration("ResourceQuota"))),
    Entry("AlwaysDeny", optional("AlwaysDeny"), on=False),
)


def check_names(enable: Collection[str], disable: Collection[str], gates: Mapping[str, bool]) -> None:
    """ValueError for a name that the table does not have, one that is both on and off, or a feature gate that no plugin is behind."""
    known = {entry.name for entry in ORDERED}
    problems = [
        f'{flag}-admission-plugins plugin "{name}" is unknown'
        for flag, names in (("enable", enable), ("disable", disable))
        for name in names
        if name not in known
    ]
    both = sorted({*enable} & {*disable})
    if both:
        problems.append(f"[{' '.join(both)}] in enable-admission-plugins and disable-admission-plugins overlapped")
    problems += [f"unrecognized feature gate: {name}, known are {', '.join(GATES)}" for name in gates if name not in GATES]
    on = {**GATES, **gates}
    problems += [
        f"{name} is enabled, but depends on features that are disabled: [{needed}]"
        for name, needed in _NEEDED.items()
        if on[name] and not on[needed]
    ]
    if problems:
        raise ValueError("; ".join(problems))


def build_chain(
    dependencies: Dependencies,
    *,
    enable: Collection[str] = (),
    disable: Collection[str] = (),
    gates: Mapping[str, bool] = GATES,
) -> Chain:
    """The chain of all plugins that are on; ValueError for names that there are not, or what a plugin can not be configured with."""
    check_names(enable, disable, gates)
    chosen = [entry for entry in ORDERED if entry.name in enable or (entry.on and entry.name not in disable)]
    on = [entry for entry in chosen if not entry.gate or gates.get(entry.gate, GATES[entry.gate])]
    return Chain([_made(entry, dependencies) for entry in on], dependencies.counting)


def _made(entry: Entry, dependencies: Dependencies) -> Plugin:
    try:
        return entry.factory(dependencies)
    except Unusable as error:
        raise ValueError(f'failed to initialize admission plugin "{entry.name}": {error}') from error
    except ValueError as error:
        raise ValueError(f'couldn\'t init admission plugin "{entry.name}": {error}') from error
