"""How plugins are made that are off unless they are asked for, or that are part of a feature that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from admission.attributes import Plugin
from admission.plugins.always_admit import AlwaysAdmit
from admission.plugins.always_deny import AlwaysDeny
from admission.plugins.always_pull_images import AlwaysPullImages
from admission.plugins.cluster_trust_bundle_attest import ClusterTrustBundleAttest
from admission.plugins.deny_service_external_ips import DenyServiceExternalIPs
from admission.plugins.event_rate_limit import EventRateLimit
from admission.plugins.extended_resource_toleration import ExtendedResourceToleration
from admission.plugins.image_policy_webhook import ImagePolicyWebhook
from admission.plugins.job_validation import JobValidation
from admission.plugins.limit_pod_hard_anti_affinity_topology import LimitPodHardAntiAffinityTopology
from admission.plugins.namespace_auto_provision import NamespaceAutoProvision
from admission.plugins.namespace_exists import NamespaceExists
from admission.plugins.owner_references_permission_enforcement import OwnerReferencesPermissionEnforcement
from admission.plugins.pod_group_protection import PodGroupProtection
from admission.plugins.pod_group_workload_exists import PodGroupWorkloadExists
from admission.plugins.pod_node_selector import PodNodeSelector
from admission.plugins.pod_toleration_restriction import PodTolerationRestriction

if TYPE_CHECKING:
    from admission.order import Dependencies

FACTORIES: Final[Mapping[str, Callable[[Dependencies], Plugin]]] = {
    "AlwaysAdmit": lambda given: AlwaysAdmit(),  # noqa: ARG005
    "NamespaceAutoProvision": lambda given: NamespaceAutoProvision(given.reader, given.create),
    "NamespaceExists": lambda given: NamespaceExists(given.reader),
    "LimitPodHardAntiAffinityTopology": lambda given: LimitPodHardAntiAffinityTopology(),  # noqa: ARG005
    "AlwaysPullImages": lambda given: AlwaysPullImages(),  # noqa: ARG005
    "ImagePolicyWebhook": lambda given: ImagePolicyWebhook(given.callers, given.configuration("ImagePolicyWebhook")),
    "PodNodeSelector": lambda given: PodNodeSelector(given.reader, given.configuration("PodNodeSelector")),
    "PodTolerationRestriction": lambda given: PodTolerationRestriction(
        given.reader, given.objects.schemas, given.configuration("PodTolerationRestriction")
    ),
    "EventRateLimit": lambda given: EventRateLimit(given.configuration("EventRateLimit")),
    "ExtendedResourceToleration": lambda given: ExtendedResourceToleration(),  # noqa: ARG005
    "PodGroupProtection": lambda given: PodGroupProtection(),  # noqa: ARG005
    "OwnerReferencesPermissionEnforcement": lambda given: OwnerReferencesPermissionEnforcement(given.authorizer, given.objects.catalog),
    "ClusterTrustBundleAttest": lambda given: ClusterTrustBundleAttest(given.authorizer),
    "DenyServiceExternalIPs": lambda given: DenyServiceExternalIPs(),  # noqa: ARG005
    "PodGroupWorkloadExists": lambda given: PodGroupWorkloadExists(given.reader),
    "JobValidation": lambda given: JobValidation(given.reader),
    "AlwaysDeny": lambda given: AlwaysDeny(),  # noqa: ARG005
}
