"""The PodSecurityConfiguration: its versions, its defaults, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from admission.pod_security.configuration import Configuration, read_configuration
from cluster.api.names import Object

GROUP = "pod-security.admission.config.k8s.io"
NOT_A_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def configured(version: str = "v1", **fields: Any) -> Object:
    return {"apiVersion": f"{GROUP}/{version}", "kind": "PodSecurityConfiguration", **fields}


def read(**fields: Any) -> Configuration:
    return read_configuration(configured(**fields))


@pytest.mark.parametrize("given", [None, configured(), configured(defaults={}, exemptions={}), configured(defaults=None)])
def test_what_is_not_said_is_privileged_and_exempts_nobody(given: Object | None) -> None:
    made = read_configuration(given)
    assert " ".join(map(str, made.defaults)) == "privileged:latest privileged:latest privileged:latest"
    assert made == Configuration()


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_every_version_is_read(version: str) -> None:
    defaults = {"enforce": "baseline", "enforce-version": "v1.7", "audit": "restricted", "warn": "", "warn-version": "v1.99"}
    exemptions = {"usernames": ["alice", "system:bob"], "namespaces": ["kube-system"], "runtimeClasses": ["special.io"]}
    made = read(version=version, defaults=defaults, exemptions=exemptions)
    assert " ".join(map(str, made.defaults)) == "baseline:v1.7 restricted:latest privileged:v1.99"
    exempt = frozenset({"alice", "system:bob"}), frozenset({"kube-system"}), frozenset({"special.io"})
    assert (made.usernames, made.namespaces, made.runtime_classes) == exempt


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "PodSecurityConfiguration"}, "Object 'apiVersion' is missing in '{\"kind\":\"PodSecurityConfiguration\"}'"),
        ({"apiVersion": f"{GROUP}/v1"}, f"Object 'Kind' is missing in '{{\"apiVersion\":\"{GROUP}/v1\"}}'"),
        (configured("v99"), f'no kind "PodSecurityConfiguration" is registered for version "{GROUP}/v99"'),
        ({"apiVersion": "apps/v1", "kind": "PodSecurityConfiguration"}, 'is registered for version "apps/v1"'),
        ({"apiVersion": f"{GROUP}/v1", "kind": "SomeConfiguration"}, 'no kind "SomeConfiguration" is registered'),
        (configured(deflaults={}), 'strict decoding error: unknown field "deflaults"'),
        (configured(defaults={"warnVersion": "latest"}), 'strict decoding error: unknown field "defaults.warnVersion"'),
        (configured(exemptions={"usernames": "alice"}), "cannot unmarshal string"),
        (configured(defaults={"enforce": "baslein"}), "enforce: must be one of privileged, baseline, restricted"),
        (
            configured(defaults={"enforce": "x", "enforce-version": "v.1", "audit-version": "y", "warn": "z"}),
            "PodSecurity configuration error: [enforce: must be one of privileged, baseline, restricted, "
            'enforce-version: must be "latest" or "v1.x", audit-version: must be "latest" or "v1.x", '
            "warn: must be one of privileged, baseline, restricted]",
        ),
        (
            configured(exemptions={"usernames": ["a", "", "a"]}),
            'PodSecurity invalid: [exemptions.usernames[1]: Invalid value: "": username must not be empty, '
            'exemptions.usernames[2]: Duplicate value: "a"]',
        ),
        (
            configured(exemptions={"namespaces": ["Dev", "dev", "dev"], "runtimeClasses": ["ok", "ok"]}),
            f'PodSecurity invalid: [exemptions.namespaces[0]: Invalid value: "Dev": {NOT_A_LABEL}, '
            'exemptions.namespaces[2]: Duplicate value: "dev", exemptions.runtimeClasses[1]: Duplicate value: "ok"]',
        ),
        (
            configured(exemptions={"runtimeClasses": ["_"]}),
            'PodSecurity invalid: exemptions.runtimeClasses[0]: Invalid value: "_": a lowercase RFC 1123 subdomain must consist of',
        ),
        (
            configured(exemptions={"namespaces": ["n" * 64]}),
            f'exemptions.namespaces[0]: Invalid value: "{"n" * 64}": must be no more than 63',
        ),
    ],
)
def test_what_is_wrong_is_told(given: Object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        read_configuration(given)
