"""Levels, versions, and what a namespace's labels ask for."""

from __future__ import annotations

from typing import Any

import pytest

from admission.pod_security.levels import LATEST, Level, LevelVersion, Version, parse_level, parse_version
from admission.pod_security.policy import FULLY_PRIVILEGED, Policy, ignored, policy_of

BASELINE_23 = LevelVersion(Level.BASELINE, Version(23))
ALL_BASELINE = Policy(BASELINE_23, BASELINE_23, BASELINE_23)
NOT_A_LEVEL = "must be one of privileged, baseline, restricted"
NOT_A_VERSION = 'must be "latest" or "v1.x"'


def labels(**given: str) -> dict[str, str]:
    """`labels(enforce="baseline", warn_version="v1.2")`"""
    return {f"pod-security.kubernetes.io/{name.replace('_', '-')}": value for name, value in given.items()}


def invalid(label: str, value: str, why: str) -> str:
    return f'metadata.labels[pod-security.kubernetes.io/{label}]: Invalid value: "{value}": {why}'


@pytest.mark.parametrize("text", ["privileged", "baseline", "restricted"])
def test_a_level_is_read(text: str) -> None:
    assert str(parse_level(text)) == text


@pytest.mark.parametrize("text", ["", "Baseline", "baseline ", "none"])
def test_what_is_no_level_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{NOT_A_LEVEL}$"):
        parse_level(text)


@pytest.mark.parametrize(
    ("text", "minor"), [("latest", None), ("v1.0", 0), ("v1.36", 36), ("v1.10000", 10000), ("v1.9223372036854775807", 2**63 - 1)]
)
def test_a_version_is_read(text: str, minor: int | None) -> None:
    assert parse_version(text) == Version(minor)
    assert str(Version(minor)) == text


@pytest.mark.parametrize(
    "text", ["", "1.2", "v1", "v2.0", "v1.01", "v1.-1", "v1.1.0", "v1.1\n", "v1.²", "Latest", "v1.9223372036854775808"]
)
def test_what_is_no_version_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{NOT_A_VERSION}$"):
        parse_version(text)


@pytest.mark.parametrize(
    ("one", "other", "older"),
    [("v1.9", "v1.10", True), ("v1.10", "v1.9", False), ("v1.9", "v1.9", False), ("v1.99", "latest", True), ("latest", "v1.99", False)],
)
def test_versions_are_in_order(one: str, other: str, older: bool) -> None:
    assert parse_version(one).older_than(parse_version(other)) is older


def test_levels_are_in_order() -> None:
    levels = list(Level)
    assert [[one.stricter_than(other) for other in levels] for one in levels] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
    ]


@pytest.mark.parametrize(
    ("given", "enforce", "audit", "warn"),
    [
        ({}, "privileged:latest", "privileged:latest", "privileged:latest"),
        ({"enforce": "baseline"}, "baseline:latest", "privileged:latest", "baseline:latest"),
        ({"enforce": "restricted", "enforce_version": "v1.30"}, "restricted:v1.30", "privileged:latest", "restricted:v1.30"),
        (
            {"enforce": "baseline", "enforce_version": "v1.30", "warn_version": "v1.2"},
            "baseline:v1.30",
            "privileged:latest",
            "baseline:v1.2",
        ),
        ({"enforce": "restricted", "warn": "baseline"}, "restricted:latest", "privileged:latest", "baseline:latest"),
        ({"enforce": "restricted", "warn": "privileged"}, "restricted:latest", "privileged:latest", "privileged:latest"),
        ({"enforce_version": "v1.4"}, "privileged:v1.4", "privileged:latest", "privileged:latest"),
        ({"audit": "baseline", "audit_version": "v1.40"}, "privileged:latest", "baseline:v1.40", "privileged:latest"),
    ],
)
def test_labels_say_what_is_asked_for(given: dict[str, str], enforce: str, audit: str, warn: str) -> None:
    policy, errors = policy_of(labels(**given) | {"team": "a"}, FULLY_PRIVILEGED)
    assert [str(each) for each in policy] == [enforce, audit, warn]
    assert errors == ()


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({}, "baseline:v1.23 baseline:v1.23 baseline:v1.23"),
        ({"enforce": "restricted"}, "restricted:v1.23 baseline:v1.23 restricted:v1.23"),
        ({"enforce": "privileged"}, "privileged:v1.23 baseline:v1.23 baseline:v1.23"),
        ({"enforce": "baseline", "enforce_version": "v1.30"}, "baseline:v1.30 baseline:v1.23 baseline:v1.23"),
        ({"audit": "privileged", "warn_version": "latest"}, "baseline:v1.23 privileged:v1.23 baseline:latest"),
    ],
)
def test_what_no_label_says_the_defaults_do(given: dict[str, str], asked: str) -> None:
    assert " ".join(map(str, policy_of(labels(**given), ALL_BASELINE)[0])) == asked


@pytest.mark.parametrize(
    ("given", "asked", "errors"),
    [
        ({"enforce": "x"}, "restricted:latest privileged:latest privileged:latest", [invalid("enforce", "x", NOT_A_LEVEL)]),
        (
            {"enforce": "baseline", "enforce_version": "1"},
            "baseline:latest privileged:latest baseline:latest",
            [invalid("enforce-version", "1", NOT_A_VERSION)],
        ),
        ({"audit": "x"}, "privileged:latest privileged:latest privileged:latest", [invalid("audit", "x", NOT_A_LEVEL)]),
        (
            {"enforce": "restricted", "warn": "", "warn_version": "v1.2"},
            "restricted:latest privileged:latest privileged:v1.2",
            [invalid("warn", "", NOT_A_LEVEL)],
        ),
        (
            {"warn_version": "c", "enforce": "a", "audit_version": "b"},
            "restricted:latest privileged:latest privileged:latest",
            [
                invalid("enforce", "a", NOT_A_LEVEL),
                invalid("audit-version", "b", NOT_A_VERSION),
                invalid("warn-version", "c", NOT_A_VERSION),
            ],
        ),
    ],
)
def test_labels_that_say_nothing_sensible(given: dict[str, str], asked: str, errors: list[str]) -> None:
    policy, found = policy_of(labels(**given), FULLY_PRIVILEGED)
    assert " ".join(map(str, policy)) == asked
    assert [str(each) for each in found] == errors


@pytest.mark.parametrize(
    ("given", "defaults", "shown"),
    [
        ({}, FULLY_PRIVILEGED, None),
        ({"enforce": "privileged", "enforce_version": "v1.24", "warn_version": "v1.25"}, FULLY_PRIVILEGED, None),
        ({"enforce": "baseline"}, FULLY_PRIVILEGED, "enforce=baseline:latest"),
        ({"warn": "baseline"}, FULLY_PRIVILEGED, "warn=baseline:latest"),
        ({"audit": "restricted"}, FULLY_PRIVILEGED, "audit=restricted:latest"),
        (
            {"enforce": "restricted", "enforce_version": "v1.0", "audit": "restricted", "warn": "baseline"},
            FULLY_PRIVILEGED,
            "enforce=restricted:v1.0, audit=restricted:latest, warn=baseline:latest",
        ),
        ({}, ALL_BASELINE, None),
        ({"enforce": "baseline", "enforce_version": "v1.23"}, ALL_BASELINE, None),
        ({"warn_version": "latest"}, ALL_BASELINE, "warn=baseline:latest"),
        ({"enforce": "privileged"}, ALL_BASELINE, ""),
    ],
)
def test_the_labels_of_an_exempt_namespace_are_told_to_be_ignored(given: dict[str, Any], defaults: Policy, shown: str | None) -> None:
    policy, _ = policy_of(labels(**given), defaults)
    warning = ignored("kube-system", policy, defaults, labels(**given) | {"team": "a"})
    expected = f'namespace "kube-system" is exempt from Pod Security, and the policy ({shown}) will be ignored'
    assert warning == ("" if shown is None else expected)


def test_privileged_is_the_same_in_every_version() -> None:
    assert LevelVersion(Level.PRIVILEGED, Version(3)).equivalent(LevelVersion(Level.PRIVILEGED, LATEST))
    assert not BASELINE_23.equivalent(LevelVersion(Level.BASELINE, LATEST))
