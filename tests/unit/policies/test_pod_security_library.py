"""The Pod Security Standards as policies: of any pod they say check by check, in the same words, what the built-in evaluator says."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from admission.pod_security.evaluator import Evaluator
from admission.pod_security.levels import LATEST, Level, LevelVersion
from admission.pod_security.pod import Pod
from admission.pod_security.templates import TEMPLATES, is_significant
from cluster.api.names import GroupResource, GroupVersionKind, Object, parse_api_version
from cluster.kinds.core import pod_validation
from tests.support import ROOT
from tests.unit.admission.hooks import Watching, objects
from tests.unit.admission.pod_security_samples import LATEST as NEWEST
from tests.unit.admission.pod_security_samples import SAMPLES
from tests.unit.admission.policy.world import PolicyWorld
from tests.unit.admission.test_pod_security_evaluator import ANNOTATIONS, SPECS
from tests.unit.admission.writes import KINDS, write

LIBRARY = ROOT / "policies" / "library" / "pod-security"
LABEL = "pod-security.berth.io"
LEVELS = (Level.BASELINE, Level.RESTRICTED)
NO_POLICY = "procMount"
"""The one check that needs none: what it refuses is not valid."""
FIXTURES = orjson.loads((ROOT / "tests" / "data" / "pod_security" / "fixtures.json").read_bytes())
EVALUATOR = Evaluator()


def read() -> dict[str, list[Object]]:
    """The objects of each policy's file by its folder, as they are stored."""
    found = {path.parent.name: list(yaml.safe_load_all(path.read_text())) for path in sorted(LIBRARY.glob("*/policy.yaml"))}
    for obj in (each for documents in found.values() for each in documents):
        defaulted(obj)
    return found


def defaulted(obj: Object) -> Object:
    """As a server has it."""
    objects().default(GroupVersionKind(*parse_api_version(obj["apiVersion"]), obj["kind"]), obj)
    return obj


FILES = read()
POLICIES = {documents[0]["metadata"]["name"]: documents[0] for documents in FILES.values()}
CHECKS = {name: policy["metadata"]["labels"][f"{LABEL}/check"] for name, policy in POLICIES.items()}


class Library(PolicyWorld):
    """A cluster with all policies of the library, and a namespace for each level."""

    def __init__(self) -> None:
        super().__init__(*(each for documents in FILES.values() for each in documents))
        for level in LEVELS:
            self.namespace(level, **{f"{LABEL}/enforce": level})

    def asked(self, level: Level, operation: str, resource: str, obj: Object, old: Object | None = None) -> dict[str, str]:
        """The checks whose policies looked at a write, each with what it refuses it for, empty where it does not."""
        attributes = write(operation, resource, obj, old, namespace=level)
        attributes.observer = watching = Watching()
        refused = self.denial(attributes) is not None
        said: dict[str, str] = {}
        for each in watching.judgements:
            assert each.outcome != "error", each
            check = CHECKS[each.policy]
            if each.part == "validations[0]":
                said[check] = "" if each.outcome == "true" else "?"
            elif each.part == "validations[0].messageExpression" and said[check]:
                said[check] = each.message
        assert refused is any(said.values())
        return said


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


def evaluated(level: Level, pod: Object) -> dict[str, str]:
    """What the built-in evaluator says of a pod, likewise."""
    taken = Pod(pod.get("metadata") or {}, pod["spec"])
    judges = EVALUATOR.judges(LevelVersion(level, LATEST))
    return {check: str(judge(taken) or "") for check, judge in judges if check != NO_POLICY}


def pod_of(spec: Object, annotations: Mapping[str, str] | None = None) -> Object:
    metadata: Object = {"name": "p"} | ({"annotations": dict(annotations)} if annotations else {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def made_from(resource: GroupResource, pod: Object) -> Object:
    """What makes such pods."""
    template: Object = {"metadata": {each: value for each, value in pod["metadata"].items() if each != "name"}, "spec": pod["spec"]}
    for step in reversed(TEMPLATES[resource]):
        template = {step: template}
    group = f"{resource.group}/" if resource.group else ""
    return {"apiVersion": f"{group}v1", "kind": KINDS[str(resource)], "metadata": {"name": "p"}, **template}


# What the library has


def test_every_check_has_its_policy_in_its_level() -> None:
    levels = {each["metadata"]["labels"][f"{LABEL}/check"]: each["metadata"]["labels"][f"{LABEL}/level"] for each in POLICIES.values()}
    restricted = dict(EVALUATOR.judges(LevelVersion(Level.RESTRICTED, LATEST)))
    baseline = dict(EVALUATOR.judges(LevelVersion(Level.BASELINE, LATEST)))
    assert levels == {
        check: Level.BASELINE if check in baseline else Level.RESTRICTED for check in baseline | restricted if check != NO_POLICY
    }


@pytest.mark.parametrize("folder", FILES)
def test_policies_differ_in_their_checks_alone(folder: str) -> None:
    """What is matched, what is exempt, and where pods are is said in each anew, as a policy can include nothing."""
    policy, *bindings = FILES[folder]
    first = next(iter(FILES.values()))[0]["spec"]
    spec, name = policy["spec"], f"{folder}.{LABEL}"
    assert [spec[each] for each in ("failurePolicy", "matchConstraints", "matchConditions")] == [
        first[each] for each in ("failurePolicy", "matchConstraints", "matchConditions")
    ]
    known = {each["name"]: each["expression"] for each in first["variables"]}
    own = {each["name"]: each["expression"] for each in spec["variables"]}
    assert own["pod"] == known["pod"]
    assert own.get("containers", known["containers"]) == known["containers"]
    assert policy["metadata"]["name"] == name
    assert [(each["metadata"]["name"], each["spec"]["policyName"], each["spec"]["validationActions"]) for each in bindings] == [
        (f"{folder}.warn.{LABEL}", name, ["Warn", "Audit"]),
        (f"{folder}.enforce.{LABEL}", name, ["Deny"]),
    ]
    warned, enforced = (each["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"] for each in bindings)
    assert [each["key"] for each in (*warned, *enforced)] == [f"{LABEL}/warn", f"{LABEL}/enforce"]
    assert warned[0]["values"] == enforced[0]["values"]


def test_no_policy_has_so_many_variables_that_messages_are_made_of_what_is_allowed() -> None:
    """Each may cost as much as a message: more than eight and a message could be more than the budget has, so that all must be made."""
    assert {name: len(policy["spec"]["variables"]) for name, policy in POLICIES.items() if len(policy["spec"]["variables"]) > 8} == {}


# Pods


@pytest.mark.parametrize(
    "fixture", FIXTURES, ids=lambda each: f"{each['level']}-{'allowed' if each['allowed'] else 'refused'}-{each['name']}"
)
def test_pods_of_upstreams_tests_are_judged_as_the_evaluator_does(library: Library, fixture: Object) -> None:
    level = Level(fixture["level"])
    pod = defaulted(pod_of(copy.deepcopy(fixture["spec"]), fixture.get("annotations")))
    said = library.asked(level, "CREATE", "pods", pod)
    assert said == evaluated(level, pod)
    if fixture["check"] != NO_POLICY:
        assert fixture["allowed"] is not any(said.values())


@pytest.mark.parametrize("level", LEVELS)
def test_samples_are_judged_as_the_evaluator_does(library: Library, level: Level) -> None:
    pods = [pod_of(each.pod["spec"], each.pod["metadata"].get("annotations")) for each in SAMPLES if each.until == NEWEST]
    assert [library.asked(level, "CREATE", "pods", each) for each in pods] == [evaluated(level, each) for each in pods]


@settings(max_examples=40)
@given(SPECS, ANNOTATIONS, st.sampled_from(LEVELS))
def test_pods_are_judged_as_the_evaluator_does(library: Library, spec: Object, annotations: dict[str, str], level: Level) -> None:
    pod = pod_of(spec, annotations)
    assert library.asked(level, "CREATE", "pods", pod) == evaluated(level, pod)


@pytest.mark.parametrize("resource", TEMPLATES, ids=str)
def test_what_makes_pods_is_judged_as_they_are(library: Library, resource: GroupResource) -> None:
    pods = [pod_of(each.pod["spec"], each.pod["metadata"].get("annotations")) for each in SAMPLES[::9] if each.until == NEWEST]
    found = [library.asked(Level.RESTRICTED, "CREATE", str(resource), made_from(resource, each)) for each in pods]
    assert found == [evaluated(Level.RESTRICTED, each) for each in pods]


def test_what_the_check_without_a_policy_refuses_is_not_valid() -> None:
    judge = dict(EVALUATOR.judges(LevelVersion(Level.BASELINE, LATEST)))[NO_POLICY]
    specs = [each["spec"] for each in FIXTURES if each["check"] == NO_POLICY and not each["allowed"]]
    specs += [each.pod["spec"] for each in SAMPLES if each.check == NO_POLICY]
    refused = [spec for spec in specs if judge(Pod({}, spec)) is not None]
    assert len(refused) > 2
    for spec in refused:
        pod = defaulted(pod_of(copy.deepcopy(spec)))
        assert [each for each in pod_validation.validate(pod) if each.path.endswith("securityContext.procMount")], spec


# Updates

IMAGES = st.lists(st.sampled_from("ij"), max_size=2)


def bad(containers: list[str], init: list[str], ephemeral: list[str]) -> Object:
    """A pod that no level but the privileged one allows, by the images of its containers."""

    def named(kind: str, images: list[str]) -> list[Object]:
        return [{"name": f"{kind}{place}", "image": image} for place, image in enumerate(images)]

    lists = {"initContainers": named("i", init), "ephemeralContainers": named("e", ephemeral)}
    return pod_of(
        {"hostPID": True, "containers": named("c", ["i", *containers]), **{each: value for each, value in lists.items() if value}}
    )


PODS = st.builds(bad, IMAGES, IMAGES, IMAGES)


@settings(max_examples=40)
@given(PODS, PODS)
def test_updates_of_pods_are_looked_at_where_pod_security_does(library: Library, pod: Object, old: Object) -> None:
    looked = library.asked(Level.BASELINE, "UPDATE", "pods", pod, old)
    assert looked == (evaluated(Level.BASELINE, pod) if is_significant(pod, old) else {})


def relabelled(obj: Object) -> None:
    obj["metadata"]["labels"] = {"a": "b"}


def of_template(change: Callable[[Object], None], resource: GroupResource) -> Callable[[Object], None]:
    def made(obj: Object) -> None:
        found: Any = obj
        for step in TEMPLATES[resource]:
            found = found[step]
        change(found)

    return made


@pytest.mark.parametrize("resource", TEMPLATES, ids=str)
def test_updates_of_what_makes_pods_are_looked_at_where_the_template_changes(library: Library, resource: GroupResource) -> None:
    old = made_from(resource, bad([], [], []))
    changes = [relabelled, of_template(relabelled, resource), of_template(lambda template: template["spec"].update(hostIPC=True), resource)]
    looked = []
    for change in changes:
        obj = copy.deepcopy(old)
        change(obj)
        looked.append(bool(library.asked(Level.BASELINE, "UPDATE", str(resource), obj, old)))
    assert looked == [False, True, True]
