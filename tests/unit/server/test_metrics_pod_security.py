"""How Pod Security admission is counted."""

from __future__ import annotations

import pytest

from admission.attributes import Attributes
from admission.pod_security.levels import LevelVersion, parse_level, parse_version
from cluster.server.counters import Counters
from cluster.server.metrics_pod_security import PodSecurityObserver
from tests.unit.admission.writes import write


@pytest.fixture
def counters() -> Counters:
    made = Counters(1)
    made.join()
    return made


def asked(text: str) -> LevelVersion:
    level, _, version = text.partition(":")
    return LevelVersion(parse_level(level), parse_version(version))


CREATE = write("CREATE", "pods", {})
DEBUG = write("UPDATE", "pods/ephemeralcontainers", {}, {})


@pytest.mark.parametrize(
    ("attributes", "mode", "level", "allowed", "series"),
    [
        (
            CREATE,
            "enforce",
            "privileged:v1.99",
            True,
            'decision="allow",mode="enforce",policy_level="privileged",policy_version="latest",request_operation="create",resource="pod",'
            'subresource=""',
        ),
        (
            DEBUG,
            "audit",
            "baseline:v1.36",
            False,
            'decision="deny",mode="audit",policy_level="baseline",policy_version="v1.36",request_operation="update",resource="pod",'
            'subresource="ephemeralcontainers"',
        ),
        (
            write("CREATE", "deployments.apps", {}),
            "warn",
            "restricted:v1.37",
            False,
            'decision="deny",mode="warn",policy_level="restricted",policy_version="future",request_operation="create",'
            'resource="controller",subresource=""',
        ),
        (
            CREATE,
            "enforce",
            "restricted:latest",
            True,
            'decision="allow",mode="enforce",policy_level="restricted",policy_version="latest",request_operation="create",resource="pod",'
            'subresource=""',
        ),
    ],
)
def test_evaluations_are_counted(counters: Counters, attributes: Attributes, mode: str, level: str, allowed: bool, series: str) -> None:
    observer = PodSecurityObserver(counters, "1.36")
    for _ in range(2):
        observer.evaluated(attributes, mode, asked(level), allowed)
    assert {name: value for name, value in counters.totals().items() if value} == {f"pod_security_evaluations_total{{{series}}}": 2}


def test_exemptions_and_errors_are_counted(counters: Counters) -> None:
    observer = PodSecurityObserver(counters, "1.36")
    observer.exempted(CREATE)
    observer.failed(DEBUG, True)
    observer.failed(CREATE, False)
    of_create = 'request_operation="create",resource="pod",subresource=""'
    of_debug = 'request_operation="update",resource="pod",subresource="ephemeralcontainers"'
    assert {name: value for name, value in counters.totals().items() if value} == {
        f"pod_security_exemptions_total{{{of_create}}}": 1,
        f'pod_security_errors_total{{fatal="true",{of_debug}}}': 1,
        f'pod_security_errors_total{{fatal="false",{of_create}}}': 1,
    }


def test_what_is_usual_is_there_before_it_happens(counters: Counters) -> None:
    PodSecurityObserver(counters, "1.36")
    assert len(counters.totals()) == 6
    assert set(counters.totals().values()) == {0}
