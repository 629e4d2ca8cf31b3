"""PodSecurity as a plugin: who is exempt, what is denied, warned of and told the audit event."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from admission.attributes import Attributes, Operation
from admission.observer import Judgement
from admission.plugins.pod_security import NAMESPACES, PodSecurity
from admission.pod_security.levels import LevelVersion
from admission.pod_security.templates import TEMPLATES
from cluster.api.errors import BadRequest, Forbidden, InternalError, StatusError
from cluster.api.names import GroupVersionKind, Object
from cluster.api.user import UserInfo
from tests.unit.admission.pod_security_samples import OWN_USERS, plain, pod, secured
from tests.unit.admission.pod_security_world import (
    BASELINE_POD,
    CONFIGURATION,
    PRIVILEGED_POD,
    RESTRICTED_POD,
    namespace,
    validated,
)
from tests.unit.admission.writes import TINA, write
from tests.unit.rbac.world import World

IS_PRIVILEGED = 'privileged (container "c" must not set securityContext.privileged=true)'
NOT_RESTRICTED = (
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
    'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
    'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
)
LEVELS_OF = {
    "exempt": {"enforce": "restricted", "audit": "restricted", "warn": "restricted"},
    "unlabelled": {},
    "privileged": {"enforce": "privileged", "audit": "privileged", "warn": "privileged"},
    "baseline": {"enforce": "baseline", "audit": "baseline", "warn": "baseline"},
    "baseline-warn": {"warn": "baseline"},
    "baseline-audit": {"audit": "baseline"},
    "mixed": {"enforce": "baseline", "audit": "restricted", "warn": "restricted", "warn-version": "v1.18"},
    "restricted": {"enforce": "restricted", "audit": "restricted", "warn": "restricted"},
    "restricted-old": {"enforce": "restricted", "enforce-version": "v1.34"},
    "restricted-newer": {"enforce": "restricted", "enforce-version": "v1.99"},
    "invalid": {"enforce": "not-a-level"},
}


@pytest.fixture
def world() -> World:
    made = World()
    for name, levels in LEVELS_OF.items():
        made.put(NAMESPACES, namespace(name, levels))
    return made


def create(where: str, obj: Object, *, what: str = "pods", user: UserInfo = TINA) -> Attributes:
    return write("CREATE", what, copy.deepcopy(obj), namespace=where, user=user)


def update(where: str, new: Object, old: Object, what: str = "pods") -> Attributes:
    return write("UPDATE", what, copy.deepcopy(new), copy.deepcopy(old), namespace=where)


def test_it_looks_at_what_is_created_and_updated() -> None:
    plugin = PodSecurity(World())
    assert [each for each in Operation if plugin.handles(each)] == [Operation.CREATE, Operation.UPDATE]


@pytest.mark.parametrize(
    ("where", "obj", "enforced"),
    [
        ("unlabelled", PRIVILEGED_POD, "privileged:latest"),
        ("privileged", PRIVILEGED_POD, "privileged:latest"),
        ("baseline", BASELINE_POD, "baseline:latest"),
        ("restricted", RESTRICTED_POD, "restricted:latest"),
        ("restricted-newer", RESTRICTED_POD, "restricted:v1.99"),
    ],
)
def test_a_pod_that_its_namespace_allows(world: World, where: str, obj: Object, enforced: str) -> None:
    assert validated(world, create(where, obj)) == (None, [], {"enforce-policy": enforced})


@pytest.mark.parametrize(
    ("where", "obj", "asked", "why"),
    [
        ("baseline", PRIVILEGED_POD, "baseline:latest", IS_PRIVILEGED),
        ("restricted", BASELINE_POD, "restricted:latest", NOT_RESTRICTED),
        ("restricted", PRIVILEGED_POD, "restricted:latest", f"{IS_PRIVILEGED}, {NOT_RESTRICTED}"),
    ],
)
def test_a_pod_that_its_namespace_does_not_allow(world: World, where: str, obj: Object, asked: str, why: str) -> None:
    error, warnings, told = validated(world, create(where, obj))
    assert isinstance(error, Forbidden)
    assert error.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'pods "p" is forbidden: violates PodSecurity "{asked}": {why}',
        "reason": "Forbidden",
        "details": {"name": "p", "kind": "pods"},
        "code": 403,
    }
    assert warnings == []
    assert told == {"enforce-policy": asked, "audit-violations": f'would violate PodSecurity "{asked}": {why}'}


def test_a_version_has_its_own_rules(world: World) -> None:
    root = pod(secured("c", allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]}), **OWN_USERS)
    root["spec"]["securityContext"] = {"seccompProfile": {"type": "RuntimeDefault"}}
    assert validated(world, create("restricted", root))[0] is None
    error, _, _ = validated(world, create("restricted-old", root))
    assert error is not None
    assert error.message == (
        'pods "p" is forbidden: violates PodSecurity "restricted:v1.34": '
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)'
    )


def test_the_latest_rules_are_those_of_the_version_that_is_served(world: World) -> None:
    host = pod(plain("c", livenessProbe={"httpGet": {"port": 80, "host": "10.0.0.1"}}))
    assert validated(world, create("baseline", host), kubernetes_version="1.33")[0] is None
    assert validated(world, create("baseline", host), kubernetes_version="1.36")[0] is not None


def test_a_mode_warns_and_another_is_told_the_audit_event(world: World) -> None:
    error, warnings, told = validated(world, create("mixed", BASELINE_POD))
    old = 'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)'
    escalation = 'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)'
    assert error is None
    assert warnings == [f'would violate PodSecurity "restricted:v1.18": {escalation}, {old}']
    assert told == {
        "enforce-policy": "baseline:latest",
        "audit-violations": f'would violate PodSecurity "restricted:latest": {NOT_RESTRICTED}',
    }


@pytest.mark.parametrize(
    ("where", "warnings", "told"),
    [
        ("baseline-warn", [f'would violate PodSecurity "baseline:latest": {IS_PRIVILEGED}'], {}),
        ("baseline-audit", [], {"audit-violations": f'would violate PodSecurity "baseline:latest": {IS_PRIVILEGED}'}),
    ],
)
def test_what_is_not_enforced_is_allowed(world: World, where: str, warnings: list[str], told: dict[str, str]) -> None:
    found = validated(world, create(where, PRIVILEGED_POD))
    assert found == (None, warnings, {"enforce-policy": "privileged:latest"} | told)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        (create("exempt", PRIVILEGED_POD), "namespace"),
        (create("restricted", PRIVILEGED_POD, user=UserInfo("root")), "user"),
        (create("restricted", pod(secured("c", privileged=True), runtimeClassName="gvisor")), "runtimeClass"),
        (create("exempt", {"metadata": {"name": "d"}, "spec": {"template": PRIVILEGED_POD}}, what="deployments.apps"), "namespace"),
        (create("missing", PRIVILEGED_POD, user=UserInfo("root")), "user"),
    ],
)
def test_who_is_exempt_is_not_looked_at(world: World, attributes: Attributes, why: str) -> None:
    assert validated(world, attributes) == (None, [], {"exempt": why})


def test_another_runtime_class_exempts_nobody(world: World) -> None:
    assert validated(world, create("restricted", pod(plain("c"), runtimeClassName="runc")))[0] is not None


def test_labels_that_say_nothing_sensible_are_the_strictest(world: World) -> None:
    error, warnings, told = validated(world, create("invalid", BASELINE_POD))
    assert isinstance(error, Forbidden)
    assert warnings == []
    assert told == {
        "enforce-policy": "restricted:latest",
        "error": "Failed to parse policy: metadata.labels[pod-security.kubernetes.io/enforce]: "
        'Invalid value: "not-a-level": must be one of privileged, baseline, restricted',
    }


def test_a_pod_of_no_namespace_is_an_error_of_the_server(world: World) -> None:
    error, _, told = validated(world, create("missing", RESTRICTED_POD))
    assert isinstance(error, InternalError)
    assert error.message == 'Internal error occurred: failed to lookup namespace "missing"'
    assert told == {"error": f'{error.message}: namespaces "missing" not found'}


@pytest.mark.parametrize("subresource", ["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"])
def test_a_subresource_that_changes_no_spec_is_not_looked_at(world: World, subresource: str) -> None:
    attributes = update("restricted", PRIVILEGED_POD, BASELINE_POD, f"pods/{subresource}")
    assert validated(world, attributes) == (None, [], {})


def test_a_subresource_that_nobody_knows_is_refused_where_it_is_no_pod(world: World) -> None:
    attributes = create("restricted", {"metadata": {"name": "p"}}, what="pods/teleport")
    attributes.kind = GroupVersionKind("", "v1", "Teleport")
    error, _, told = validated(world, attributes)
    assert isinstance(error, BadRequest)
    assert (error.message, told) == ("failed to decode pod", {"error": "failed to decode pod"})


def with_image(obj: Object, image: str, name: str = "containers") -> Object:
    changed = copy.deepcopy(obj)
    changed["spec"][name][0]["image"] = image
    return changed


INIT = pod(secured("c", privileged=True), initContainers=[plain("i")])
DEBUGGED = pod(secured("c", privileged=True), ephemeralContainers=[plain("e"), plain("f")])


@pytest.mark.parametrize(
    ("old", "new", "what", "looked_at"),
    [
        (PRIVILEGED_POD, pod(secured("c", privileged=True), tolerations=[{"operator": "Exists"}]), "pods", False),
        (PRIVILEGED_POD, PRIVILEGED_POD, "pods/resize", False),
        (PRIVILEGED_POD, with_image(PRIVILEGED_POD, "other"), "pods", True),
        (PRIVILEGED_POD, with_image(PRIVILEGED_POD, "other"), "pods/resize", True),
        (PRIVILEGED_POD, pod(secured("c", privileged=True), plain("d")), "pods", True),
        (INIT, INIT, "pods", False),
        (INIT, with_image(INIT, "other", "initContainers"), "pods", True),
        (PRIVILEGED_POD, INIT, "pods", True),
        (PRIVILEGED_POD, DEBUGGED, "pods/ephemeralcontainers", True),
        (DEBUGGED, DEBUGGED, "pods/ephemeralcontainers", False),
        (DEBUGGED, pod(secured("c", privileged=True), ephemeralContainers=[plain("f")]), "pods/ephemeralcontainers", False),
        (DEBUGGED, with_image(DEBUGGED, "other", "ephemeralContainers"), "pods/ephemeralcontainers", True),
    ],
)
def test_an_update_is_looked_at_where_it_brings_another_image(world: World, old: Object, new: Object, what: str, looked_at: bool) -> None:
    error, _, told = validated(world, update("restricted", new, old, what))
    assert (isinstance(error, Forbidden), bool(told)) == (looked_at, looked_at)


def templated(steps: tuple[str, ...], template: Object) -> Object:
    made = template
    for step in reversed(steps):
        made = {step: made}
    return {"metadata": {"name": "d"}, **made}


@pytest.mark.parametrize(("resource", "steps"), list(TEMPLATES.items()), ids=[str(each) for each in TEMPLATES])
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_what_makes_pods_is_warned_of_and_not_refused(world: World, resource: Any, steps: tuple[str, ...], operation: str) -> None:
    obj = templated(steps, PRIVILEGED_POD)
    violation = f'would violate PodSecurity "baseline:latest": {IS_PRIVILEGED}'
    attributes = write(operation, str(resource), obj, obj if operation == "UPDATE" else None, namespace="baseline")
    assert validated(world, attributes) == (None, [violation], {"audit-violations": violation})


@pytest.mark.parametrize(
    ("where", "obj", "what", "told"),
    [
        ("restricted", templated(("spec", "template"), RESTRICTED_POD), "deployments.apps", {}),
        ("restricted", templated(("spec", "template"), PRIVILEGED_POD), "deployments.apps/scale", {}),
        ("restricted", {"metadata": {"name": "r"}, "spec": {"replicas": 1}}, "replicationcontrollers", {}),
        ("restricted", {"metadata": {"name": "c"}, "data": {}}, "configmaps", {}),
        ("unlabelled", templated(("spec", "template"), PRIVILEGED_POD), "deployments.apps", {}),
        (
            "missing",
            templated(("spec", "template"), PRIVILEGED_POD),
            "deployments.apps",
            {"error": 'failed to lookup namespace "missing": namespaces "missing" not found'},
        ),
    ],
)
def test_what_is_not_warned_of(world: World, where: str, obj: Object, what: str, told: dict[str, str]) -> None:
    assert validated(world, create(where, obj, what=what)) == (None, [], told)


def test_defaults_hold_where_no_label_says_otherwise(world: World) -> None:
    given = CONFIGURATION | {"defaults": {"enforce": "baseline", "enforce-version": "v1.30", "audit": "restricted"}}
    attributes = create("unlabelled", PRIVILEGED_POD)
    with pytest.raises(Forbidden, match=r'violates PodSecurity "baseline:v1\.30"'):
        PodSecurity(world, given).validate(attributes)
    assert "restricted:latest" in attributes.annotations["pod-security.kubernetes.io/audit-violations"]
    PodSecurity(world, given).validate(create("privileged", PRIVILEGED_POD))


class Watching:
    """An Observer of what is judged."""

    thorough = True

    def __init__(self) -> None:
        self.found: list[Judgement] = []

    def entered(self, phase: str, plugin: str, attributes: Attributes) -> None:
        raise AssertionError("the chain says so, not a plugin")

    def left(self, phase: str, plugin: str, attributes: Attributes, error: StatusError | None) -> None:
        raise AssertionError("the chain says so, not a plugin")

    def judged(self, judgement: Judgement) -> None:
        self.found.append(judgement)


def test_who_observes_is_told_what_each_check_said(world: World) -> None:
    attributes = create("baseline-warn", PRIVILEGED_POD)
    attributes.observer = watching = Watching()
    validated(world, attributes)
    assert {each.binding for each in watching.found} == {"warn"}
    refused = Judgement("PodSecurity", "baseline:latest", "warn", "privileged", "false", IS_PRIVILEGED)
    assert [each for each in watching.found if each.outcome == "false"] == [refused]
    assert Judgement("PodSecurity", "baseline:latest", "warn", "hostPorts", "true") in watching.found


class Counting:
    """An EvaluationObserver that writes down what it is told."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def evaluated(self, attributes: Attributes, mode: str, asked: LevelVersion, allowed: bool) -> None:
        self.found.append(f"{mode} {asked} {'allowed' if allowed else 'denied'}")

    def exempted(self, attributes: Attributes) -> None:
        self.found.append("exempt")

    def failed(self, attributes: Attributes, fatal: bool) -> None:
        self.found.append("fatal" if fatal else "failed")


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (create("unlabelled", PRIVILEGED_POD), ["enforce privileged:latest allowed"]),
        (create("baseline", BASELINE_POD), ["enforce baseline:latest allowed"]),
        (create("baseline", PRIVILEGED_POD), ["enforce baseline:latest denied", "audit baseline:latest denied"]),
        (
            create("mixed", BASELINE_POD),
            ["enforce baseline:latest allowed", "audit restricted:latest denied", "warn restricted:v1.18 denied"],
        ),
        (create("invalid", RESTRICTED_POD), ["failed", "enforce restricted:latest allowed"]),
        (create("missing", RESTRICTED_POD), ["fatal"]),
        (create("missing", templated(("spec", "template"), RESTRICTED_POD), what="deployments.apps"), ["fatal"]),
        (create("exempt", PRIVILEGED_POD), ["exempt"]),
        (create("restricted", PRIVILEGED_POD, user=UserInfo("root")), ["exempt"]),
        (create("restricted", pod(runtimeClassName="gvisor")), ["exempt"]),
        (create("restricted", templated(("spec", "template"), RESTRICTED_POD), what="deployments.apps"), []),
        (update("restricted", PRIVILEGED_POD, PRIVILEGED_POD), []),
    ],
)
def test_evaluations_are_told_to_be_counted(world: World, attributes: Attributes, told: list[str]) -> None:
    counting = Counting()
    validated(world, attributes, observer=counting)
    assert counting.found == told
