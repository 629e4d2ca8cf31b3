"""Which checks a level has in a version, and laws that hold for any pod."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admission.pod_security.check import Check, Revision, Violation
from admission.pod_security.evaluator import Evaluator, details, reasons
from admission.pod_security.levels import LATEST, Level, LevelVersion, Version, parse_version
from admission.pod_security.pod import Pod
from cluster.api.names import Object
from tests.unit.admission import pod_security_samples as samples
from tests.unit.admission.pod_security_samples import plain, pod

EVALUATOR = Evaluator()
EMPTY = Pod({}, {})


def made(name: str, level: Level, *since: int, overrides: Sequence[frozenset[str]] = ()) -> Check:
    """A check that refuses everything, with its name and version as the reason."""
    revisions = [
        Revision(minor, lambda _, minor=minor: Violation(f"{name}:{minor}", ""), overrides[place] if overrides else frozenset())  # type: ignore[misc]
        for place, minor in enumerate(since)
    ]
    return Check(name, level, tuple(revisions))


def refused(evaluator: Evaluator, level: Level, version: str) -> str:
    return " ".join(each.reason for each in evaluator.evaluate(LevelVersion(level, parse_version(version)), EMPTY))


B, R = Level.BASELINE, Level.RESTRICTED
TABLE = (
    made("c", B, 0, 5, 10),
    made("a", B, 0),
    made("b", B, 10),
    made("d", B, 11, 15, 20),
    made("f", R, 12, 16, 21),
    made("e", R, 0),
    made("g", R, 10, overrides=[frozenset({"a"})]),
    made("h", R, 0, overrides=[frozenset({"b", "gone"})]),
    made("i", R, 10, 21, overrides=[frozenset({"c"}), frozenset({"d"})]),
)


@pytest.mark.parametrize(
    ("level", "version", "expected"),
    [
        (Level.PRIVILEGED, "v1.0", ""),
        (Level.PRIVILEGED, "latest", ""),
        (B, "v1.0", "a:0 c:0"),
        (B, "v1.4", "a:0 c:0"),
        (B, "v1.5", "a:0 c:5"),
        (B, "v1.10", "a:0 b:10 c:10"),
        (B, "v1.11", "a:0 b:10 c:10 d:11"),
        (B, "latest", "a:0 b:10 c:10 d:20"),
        (R, "v1.0", "a:0 c:0 e:0 h:0"),
        (R, "v1.5", "a:0 c:5 e:0 h:0"),
        (R, "v1.10", "e:0 g:10 h:0 i:10"),
        (R, "v1.11", "d:11 e:0 g:10 h:0 i:10"),
        (R, "v1.21", "c:10 e:0 f:21 g:10 h:0 i:21"),
        (R, "latest", "c:10 e:0 f:21 g:10 h:0 i:21"),
        (R, "v1.10000", "c:10 e:0 f:21 g:10 h:0 i:21"),
    ],
)
def test_checks_are_those_of_the_version_less_what_stricter_ones_override(level: Level, version: str, expected: str) -> None:
    assert refused(Evaluator(TABLE), level, version) == expected


@pytest.mark.parametrize(("version", "expected"), [("v1.4", "a:0 c:0"), ("v1.12", "a:0 b:10 c:10"), ("latest", "a:0 b:10 c:10")])
def test_an_older_server_knows_no_newer_rules(version: str, expected: str) -> None:
    assert refused(Evaluator(TABLE, newest=10), B, version) == expected


def test_a_newer_server_has_the_newest_rules() -> None:
    assert refused(Evaluator(TABLE, newest=99), B, "v1.50") == "a:0 b:10 c:10 d:20"


def test_a_table_without_baseline_checks() -> None:
    evaluator = Evaluator([each for each in TABLE if each.level is R])
    assert [refused(evaluator, level, "v1.10") for level in Level] == ["", "", "e:0 g:10 h:0 i:10"]


def test_a_table_without_checks_refuses_nothing() -> None:
    assert [refused(Evaluator([]), level, version) for level in Level for version in ("v1.0", "latest")] == [""] * 6


def test_reasons_are_listed_with_their_details() -> None:
    web = pod(plain("nginx"), hostNetwork=True)
    found = EVALUATOR.evaluate(LevelVersion(R, LATEST), Pod(web["metadata"], web["spec"]))
    assert details(found) == (
        "host namespaces (hostNetwork=true), "
        'allowPrivilegeEscalation != false (container "nginx" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "nginx" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "nginx" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "nginx" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )
    assert reasons(found) == (
        "host namespaces, allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    )


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries({}, optional=fields)


PROFILES = st.sampled_from([{"type": "RuntimeDefault"}, {"type": "Localhost"}, {"type": "Unconfined"}])
NAMES = st.sampled_from(["ALL", "CHOWN", "NET_BIND_SERVICE", "NET_RAW"])
SELINUX = maybe(type=st.sampled_from(["", "container_t", "container_engine_t", "spc_t"]), user=st.sampled_from(["", "u"]))
HOSTS = maybe(httpGet=maybe(host=st.sampled_from(["", "10.0.0.1"])), tcpSocket=maybe(host=st.sampled_from(["", "h"])))
PORTS = st.lists(maybe(hostPort=st.sampled_from([0, 80, 443])), max_size=2)
WINDOWS_OPTIONS = maybe(hostProcess=st.booleans())
POD_SECURITY = {"runAsNonRoot": st.booleans(), "runAsUser": st.sampled_from([0, 1000]), "seccompProfile": PROFILES}
CONTAINER_SECURITY = {
    **POD_SECURITY,
    "allowPrivilegeEscalation": st.booleans(),
    "appArmorProfile": PROFILES,
    "capabilities": maybe(add=st.lists(NAMES, max_size=2), drop=st.lists(NAMES, max_size=2)),
    "privileged": st.booleans(),
    "procMount": st.sampled_from(["Default", "Unmasked"]),
    "seLinuxOptions": SELINUX,
}

GOOD: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def good_but(field: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    """What may run anywhere, but for one field."""
    return values.map(lambda value: GOOD | {field: value})


CONTAINER = st.one_of(maybe(**CONTAINER_SECURITY), *(good_but(field, values) for field, values in CONTAINER_SECURITY.items()))


def containers(security: st.SearchStrategy[Object]) -> st.SearchStrategy[list[Object]]:
    optional = {"securityContext": security, "ports": PORTS, "livenessProbe": HOSTS, "lifecycle": maybe(preStop=HOSTS)}
    one = st.fixed_dictionaries({"name": st.sampled_from("abcd")}, optional=optional)
    return st.lists(one, max_size=2)


def specs(system: str, pod_security: st.SearchStrategy[Object], security: st.SearchStrategy[Object]) -> st.SearchStrategy[Object]:
    kinds = st.sampled_from([*samples.ALLOWED_VOLUMES, *samples.REFUSED_VOLUMES])
    volumes = st.lists(kinds.map(lambda kind: samples.volume("v", kind)), max_size=2)
    optional = {
        "hostNetwork": st.booleans(),
        "hostUsers": st.booleans(),
        "initContainers": containers(security),
        "ephemeralContainers": containers(security),
        "securityContext": pod_security,
        "volumes": volumes,
    }
    required: dict[str, st.SearchStrategy[Any]] = {"containers": containers(security), "os": st.just({"name": system})}
    return st.fixed_dictionaries(required, optional=optional)


SPECS = st.one_of(
    specs("linux", maybe(**POD_SECURITY, seLinuxOptions=SELINUX, windowsOptions=WINDOWS_OPTIONS), CONTAINER),
    specs("windows", maybe(windowsOptions=WINDOWS_OPTIONS), maybe(windowsOptions=WINDOWS_OPTIONS)),
)
"""A Windows pod has none of Linux' fields: its validation sees to that."""
ANNOTATIONS = st.dictionaries(
    st.sampled_from(
        [
            "container.apparmor.security.beta.kubernetes.io/a",
            "container.seccomp.security.alpha.kubernetes.io/a",
            "seccomp.security.alpha.kubernetes.io/pod",
        ]
    ),
    st.sampled_from(["runtime/default", "localhost/x", "unconfined"]),
    max_size=2,
)
MINORS = st.integers(0, 40)
LEVELS = st.sampled_from(list(Level))


def allowed(level: Level, minor: int, annotations: dict[str, str], spec: Object) -> bool:
    return not EVALUATOR.evaluate(LevelVersion(level, Version(minor)), Pod({"annotations": annotations}, spec))


@settings(max_examples=200)
@given(SPECS, ANNOTATIONS, MINORS)
def test_what_a_stricter_level_allows_all_others_do(spec: Object, annotations: dict[str, str], minor: int) -> None:
    found = [allowed(level, minor, annotations, spec) for level in (R, B, Level.PRIVILEGED)]
    assert found == sorted(found)


@settings(max_examples=100)
@given(SPECS, ANNOTATIONS, MINORS, LEVELS)
def test_a_pod_with_a_container_less_is_allowed_where_it_was(spec: Object, annotations: dict[str, str], minor: int, level: Level) -> None:
    fewer = {name: value[1:] if name.endswith("ontainers") else value for name, value in spec.items()}
    assert allowed(level, minor, annotations, fewer) or not allowed(level, minor, annotations, spec)


@settings(max_examples=100)
@given(SPECS, ANNOTATIONS, MINORS, LEVELS)
def test_looking_at_a_pod_changes_nothing(spec: Object, annotations: dict[str, str], minor: int, level: Level) -> None:
    before = copy.deepcopy((spec, annotations))
    first = allowed(level, minor, annotations, spec)
    assert (spec, annotations) == before
    assert allowed(level, minor, annotations, spec) is first
