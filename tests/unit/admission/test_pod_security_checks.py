"""What each check of the Pod Security Standards says, in the versions that it changed in."""

from __future__ import annotations

import itertools

import pytest

from admission.pod_security.check import Check, Revision
from admission.pod_security.checks import CHECKS
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from tests.support import ROOT
from tests.unit.admission.pod_security_samples import LATEST, SAMPLES, Sample

BY_ID = {check.id: check for check in CHECKS}
REVISIONS = [(check, revision) for check in CHECKS for revision in check.revisions]
SETS_OF_LEVELS = {
    Level.BASELINE: {
        "appArmorProfile",
        "capabilities_baseline",
        "hostNamespaces",
        "hostPathVolumes",
        "hostPorts",
        "hostProbesAndHostLifecycle",
        "privileged",
        "procMount",
        "seLinuxOptions",
        "seccompProfile_baseline",
        "sysctls",
        "windowsHostProcess",
    },
    Level.RESTRICTED: {
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "procMount_restricted",
        "restrictedVolumes",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile_restricted",
    },
}


def revision_in(check: Check, minor: int) -> Revision | None:
    return next((each for each in reversed(check.revisions) if each.since <= minor), None)


@pytest.mark.parametrize(
    "sample", SAMPLES, ids=lambda sample: f"{sample.check}-v1.{sample.since}-{'refused' if sample.said else 'allowed'}"
)
def test_a_check_says_what_upstream_says(sample: Sample) -> None:
    check = BY_ID[sample.check]
    for minor in (sample.since, sample.until):
        revision = revision_in(check, minor)
        assert revision is not None
        found = revision.judge(Pod(sample.pod["metadata"], sample.pod["spec"]))
        assert (str(found) if found else "") == sample.said


@pytest.mark.parametrize("refused", [True, False], ids=["refused", "allowed"])
@pytest.mark.parametrize(("check", "revision"), REVISIONS, ids=[f"{check.id}-v1.{revision.since}" for check, revision in REVISIONS])
def test_every_revision_has_samples(check: Check, revision: Revision, refused: bool) -> None:
    samples = [each for each in SAMPLES if each.check == check.id and bool(each.said) is refused]
    assert [each for each in samples if revision_in(check, each.since) is revision or revision_in(check, each.until) is revision]


@pytest.mark.parametrize("level", list(SETS_OF_LEVELS))
def test_the_table_has_the_checks_of_a_level(level: Level) -> None:
    assert {check.id for check in CHECKS if check.level is level} == SETS_OF_LEVELS[level]


def test_the_table_holds_each_check_once() -> None:
    assert len(BY_ID) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_revisions_are_in_order_and_not_of_the_future(check: Check) -> None:
    since = [each.since for each in check.revisions]
    assert all(one < other for one, other in itertools.pairwise(since))
    assert since[0] >= 0
    assert since[-1] <= LATEST


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_only_a_restricted_check_overrides_and_only_baseline_ones(check: Check) -> None:
    overridden = {each for revision in check.revisions for each in revision.overrides}
    assert {BY_ID[each].level for each in overridden} <= {Level.BASELINE}
    assert not overridden or check.level is Level.RESTRICTED


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_is_documented(check: Check) -> None:
    row = f"| `{check.id}` | {check.level} | v1.{check.revisions[0].since} |"
    assert row in (ROOT / "docs" / "pod-security.md").read_text()
