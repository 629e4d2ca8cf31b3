"""The chain: two phases, in order, defaulted again after a change; and the table that it is made from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from admission.attributes import Attributes, Operation
from admission.chain import Chain
from admission.objects import Objects
from admission.order import GATES, ORDERED, Dependencies, build_chain
from cluster.api.errors import Forbidden, InternalError
from cluster.api.names import GroupVersionKind, Object
from cluster.client.callers import Callers
from cluster.kinds.catalog import catalog
from cluster.schema.model import SchemaSet
from rbac.authz.union import UnionAuthorizer
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World

POD: Object = {"metadata": {"name": "p"}, "spec": {}}


class Recording:
    """A plugin with both phases that writes down what happens."""

    def __init__(self, name: str, log: list[str], *, change: bool = False, only: Operation | None = None) -> None:
        self.name = name
        self._log = log
        self._change = change
        self._only = only

    def handles(self, operation: Operation) -> bool:
        return self._only in (None, operation)

    def admit(self, attributes: Attributes) -> None:
        self._log.append(f"admit {self.name}")
        if self._change:
            assert attributes.object is not None
            attributes.object["spec"][self.name] = True

    def validate(self, attributes: Attributes) -> None:
        self._log.append(f"validate {self.name}")


class OnlyValidates:
    name = "only-validates"

    def handles(self, operation: Operation) -> bool:
        return True

    def validate(self, attributes: Attributes) -> None:
        attributes.warnings.append("seen")


def test_plugins_mutate_in_order_and_validate_in_order() -> None:
    log: list[str] = []
    chain = Chain([Recording("a", log), Recording("b", log), Recording("c", log, only=Operation.DELETE)])
    attributes = write("CREATE", "pods", POD)
    chain.mutate(attributes, lambda obj: None)
    chain.validate(attributes)
    assert log == ["admit a", "admit b", "validate a", "validate b"]


class Denies:
    name = "denies"

    def handles(self, operation: Operation) -> bool:
        return True

    def validate(self, attributes: Attributes) -> None:
        raise Forbidden("not today")


def test_the_audit_event_learns_what_was_decided_and_which_plugin_denied() -> None:
    log: list[str] = []
    allowed, denied = write("CREATE", "pods", POD), write("CREATE", "pods", POD)
    Chain([Recording("a", log)]).validate(allowed)
    with pytest.raises(Forbidden):
        Chain([Recording("a", log), Denies()]).validate(denied)
    assert allowed.annotations == {"admission.berth.io/decision": "allow"}
    assert denied.annotations == {
        "admission.berth.io/decision": "deny",
        "admission.berth.io/plugin": "denies",
        "admission.berth.io/reason": "not today",
    }


def test_defaulting_runs_again_once_after_all_plugins() -> None:
    log: list[str] = []
    plugins = [Recording("a", log, change=True), Recording("b", log), Recording("c", log, change=True)]

    def redefault(obj: Object) -> None:
        log.append(f"default {'+'.join(obj['spec'])}")
        obj["spec"].setdefault("defaulted", True)

    Chain(plugins).mutate(write("CREATE", "pods", {"metadata": {}, "spec": {}}), redefault)
    assert log == ["admit a", "admit b", "admit c", "default a+c"]


def test_a_plugin_may_have_one_phase_only() -> None:
    attributes = write("CREATE", "pods", POD)
    chain = Chain([OnlyValidates()])
    chain.mutate(attributes, lambda obj: None)
    assert attributes.warnings == []
    chain.validate(attributes)
    assert attributes.warnings == ["seen"]


def test_a_delete_has_no_object_to_default() -> None:
    log: list[str] = []
    Chain([Recording("a", log)]).mutate(write("DELETE", "pods", None, name="p"), lambda obj: log.append("default"))
    assert log == ["admit a"]


SCHEMAS = SchemaSet.for_version()
OBJECTS = Objects(catalog("1.36", SCHEMAS.gvks()), SCHEMAS)
DEPENDENCIES = Dependencies(World(), UnionAuthorizer(()), OBJECTS, Callers())


UPSTREAM = (
    *("AlwaysAdmit", "NamespaceAutoProvision", "NamespaceLifecycle", "NamespaceExists", "LimitPodHardAntiAffinityTopology", "LimitRanger"),
    *("ServiceAccount", "NodeRestriction", "TaintNodesByCondition", "AlwaysPullImages", "ImagePolicyWebhook", "PodSecurity"),
    *("PodNodeSelector", "Priority", "DefaultTolerationSeconds", "PodTolerationRestriction", "EventRateLimit"),
    *("ExtendedResourceToleration", "DefaultStorageClass", "StorageObjectInUseProtection", "PodGroupProtection"),
    *("OwnerReferencesPermissionEnforcement", "PersistentVolumeClaimResize", "RuntimeClass", "CertificateApproval", "CertificateSigning"),
    *("ClusterTrustBundleAttest", "CertificateSubjectRestriction", "DefaultIngressClass", "DenyServiceExternalIPs", "PodTopologyLabels"),
    *("PodGroupWorkloadExists", "NodeDeclaredFeatureValidator", "JobValidation", "PodResizeValidator", "MutatingAdmissionPolicy"),
    *("MutatingAdmissionWebhook", "ValidatingAdmissionPolicy", "ValidatingAdmissionWebhook", "ResourceQuota", "AlwaysDeny"),
)
OFF = {
    *("AlwaysAdmit", "NamespaceAutoProvision", "NamespaceExists", "LimitPodHardAntiAffinityTopology", "AlwaysPullImages"),
    *("ImagePolicyWebhook", "PodNodeSelector", "PodTolerationRestriction", "EventRateLimit", "ExtendedResourceToleration"),
    *("OwnerReferencesPermissionEnforcement", "DenyServiceExternalIPs", "AlwaysDeny"),
}
"""Upstream has NodeRestriction off, too: there whoever sets up a cluster turns it on, which here is done already."""
GATED = {
    "PodGroupProtection": "GenericWorkload",
    "ClusterTrustBundleAttest": "ClusterTrustBundle",
    "PodTopologyLabels": "PodTopologyLabelsAdmission",
    "PodGroupWorkloadExists": "GenericWorkload",
    "NodeDeclaredFeatureValidator": "NodeDeclaredFeatures",
    "JobValidation": "GenericWorkload",
    "MutatingAdmissionPolicy": "MutatingAdmissionPolicy",
}


def test_the_table_is_upstreams() -> None:
    assert tuple(entry.name for entry in ORDERED) == UPSTREAM
    assert {entry.name for entry in ORDERED if not entry.on} == OFF
    assert {entry.name: entry.gate for entry in ORDERED if entry.gate} == GATED


def test_what_runs_unless_it_is_configured_otherwise() -> None:
    behind_a_gate = {"PodGroupProtection", "ClusterTrustBundleAttest", "PodGroupWorkloadExists", "JobValidation"}
    assert [plugin.name for plugin in build_chain(DEPENDENCIES).plugins] == [name for name in UPSTREAM if name not in OFF | behind_a_gate]


LIMITS: Object = {
    "apiVersion": "eventratelimit.admission.k8s.io/v1alpha1",
    "kind": "Configuration",
    "limits": [{"type": "Server", "qps": 1, "burst": 1}],
}


def test_each_entry_makes_the_plugin_that_it_names(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    named = [{"name": "images", "cluster": {"server": "https://127.0.0.1:1"}}], [{"name": "images", "context": {"cluster": "images"}}]
    kubeconfig.write_text(json.dumps({"current-context": "images", "clusters": named[0], "contexts": named[1]}))
    configurations: dict[str, Object] = {
        "EventRateLimit": LIMITS,
        "ImagePolicyWebhook": {"imagePolicy": {"kubeConfigFile": str(kubeconfig)}},
    }
    given = replace(DEPENDENCIES, configurations=configurations)
    assert [entry.factory(given).name for entry in ORDERED] == [entry.name for entry in ORDERED]


@pytest.mark.parametrize("name", ["EventRateLimit", "ImagePolicyWebhook"])
def test_what_a_plugin_can_not_be_configured_with_is_told_with_its_name(name: str) -> None:
    with pytest.raises(ValueError, match=f'^couldn\'t init admission plugin "{name}": '):
        build_chain(DEPENDENCIES, enable=[name])


def test_a_plugin_that_understands_its_configuration_may_be_unable_to_use_it() -> None:
    given: Object = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        "defaults": {"enforce": "odd"},
    }
    why = "PodSecurity configuration error: enforce: must be one of privileged, baseline, restricted"
    with pytest.raises(ValueError, match=rf'^failed to initialize admission plugin "PodSecurity": {why}$'):
        build_chain(replace(DEPENDENCIES, configurations={"PodSecurity": given}))
    with pytest.raises(ValueError, match=r"^couldn't init admission plugin \"PodSecurity\": "):
        build_chain(replace(DEPENDENCIES, configurations={"PodSecurity": given | {"kind": "Odd"}}))


def test_a_chain_that_only_judges_writes_nothing() -> None:
    with pytest.raises(InternalError, match="Namespace can not be created: nothing is written here"):
        DEPENDENCIES.create(GroupVersionKind("", "v1", "Namespace"), {})


def test_plugins_are_switched_by_name() -> None:
    chain = build_chain(DEPENDENCIES, enable=["DenyServiceExternalIPs"], disable=["Priority"])
    on = {entry.name for entry in ORDERED if entry.on and GATES.get(entry.gate, True)} | {"DenyServiceExternalIPs"}
    assert [plugin.name for plugin in chain.plugins] == [entry.name for entry in ORDERED if entry.name in on - {"Priority"}]


def test_a_plugin_is_off_without_its_gate() -> None:
    chain = build_chain(DEPENDENCIES, enable=["JobValidation"], gates={"NodeDeclaredFeatures": False})
    assert not {"JobValidation", "NodeDeclaredFeatureValidator"} & {plugin.name for plugin in chain.plugins}
    assert "JobValidation" in {plugin.name for plugin in build_chain(DEPENDENCIES, gates={"GenericWorkload": True}).plugins}


def test_a_gate_needs_what_it_depends_on() -> None:
    with pytest.raises(ValueError, match=r"WorkloadWithJob is enabled, but depends on features that are disabled: \[GenericWorkload\]"):
        build_chain(DEPENDENCIES, gates={"WorkloadWithJob": True})


def test_an_unknown_plugin_is_told_of() -> None:
    with pytest.raises(ValueError, match='enable-admission-plugins plugin "Nope" is unknown'):
        build_chain(DEPENDENCIES, enable=["Nope"])
