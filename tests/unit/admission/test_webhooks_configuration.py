"""What the plugins of webhooks are configured with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from admission.webhooks.configuration import kubeconfig_of
from cluster.api.names import Object
from cluster.client.callers import Callers

KIND = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "WebhookAdmissionConfiguration"}


@pytest.mark.parametrize(("given", "path"), [(None, ""), (KIND, ""), ({**KIND, "kubeConfigFile": "/foo"}, "/foo")])
def test_a_configuration_names_a_kubeconfig(given: Object | None, path: str) -> None:
    assert kubeconfig_of(given) == path


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Object 'Kind' is missing in '{}'"),
        ({"apiVersion": "v1", "kind": "Unknown"}, 'no kind "Unknown" is registered for version "v1"'),
        ({**KIND, "apiVersion": "apiserver.config.k8s.io/v1alpha1"}, "no kind"),
        ({**KIND, "kubeConfigFile": "foo"}, 'kubeConfigFile: Invalid value: "foo": must be an absolute file path'),
        (
            {**KIND, "staticManifestsDir": "/manifests"},
            "staticManifestsDir: Forbidden: staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled",
        ),
        ({**KIND, "kubeconfig": "/foo"}, 'unknown field "kubeconfig"'),
        ({**KIND, "kubeConfigFile": 3}, "cannot unmarshal number"),
    ],
)
def test_a_configuration_that_is_not_good_is_told_of(given: Object, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        kubeconfig_of(given)


def test_a_kubeconfig_is_read_when_the_server_starts(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(json.dumps({"users": [{"name": "*", "user": {"token": "t"}}]}))
    bad.write_text("[]")
    Callers().for_webhooks(str(good))
    with pytest.raises(ValueError, match="kubeconfig"):
        Callers().for_webhooks(str(bad))
    with pytest.raises(FileNotFoundError):
        Callers().for_webhooks(str(tmp_path / "none"))
