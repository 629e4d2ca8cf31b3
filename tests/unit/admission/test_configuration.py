"""The AdmissionConfiguration file and the flags beside it: which plugins run, what they are told, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from admission.configuration import read_configuration
from cluster.assembly.admission import Admission, admission, check_admission
from cluster.assembly.config import Config, Home
from cluster.assembly.files import check
from cluster.assembly.options import AdmissionOptions
from cluster.client.callers import Callers
from rbac.authz.union import UnionAuthorizer
from tests.unit.admission.test_chain import LIMITS, OBJECTS
from tests.unit.rbac.world import World

HEAD = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration"}


def written(folder: Path, *plugins: object, **more: object) -> Path:
    return text(folder, json.dumps(HEAD | {"plugins": list(plugins)} | more))


def text(folder: Path, content: str, name: str = "admission.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_what_is_embedded_is_given_to_the_plugin_as_it_is(tmp_path: Path) -> None:
    anything = {"limits": [{"nested": {"deep": None}}], "x": 1}
    path = written(tmp_path, {"name": "EventRateLimit", "configuration": anything}, {"name": "Other"})
    assert read_configuration(path) == {"EventRateLimit": anything}


@pytest.mark.parametrize("version", ["v1", "v1alpha1"])
def test_both_versions_are_read(tmp_path: Path, version: str) -> None:
    path = written(tmp_path, {"name": "A", "configuration": {"a": 1}}, apiVersion=f"apiserver.config.k8s.io/{version}")
    assert read_configuration(path) == {"A": {"a": 1}}


def test_a_file_of_a_plugin_is_found_beside_the_one_that_names_it(tmp_path: Path) -> None:
    text(tmp_path, "a: 1\n", "own.yaml")
    text(tmp_path, "b: 2\n", "below/own.yaml")
    absolute = text(tmp_path, "c: 3\n", "elsewhere/own.yaml")
    path = written(tmp_path, *({"name": str(each), "path": str(each)} for each in ("own.yaml", "below/own.yaml", absolute)))
    assert read_configuration(path) == {"own.yaml": {"a": 1}, "below/own.yaml": {"b": 2}, str(absolute): {"c": 3}}


def test_what_is_embedded_wins_over_a_path_and_the_first_of_a_name_over_the_second(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"name": "A", "configuration": {"a": 1}, "path": "is-not-there"},
        {"name": "A", "configuration": {"a": 2}},
    )
    assert read_configuration(path) == {"A": {"a": 1}}


@pytest.mark.parametrize("more", [{"plugins": None}, {"plugins": []}])
def test_a_file_may_say_nothing(tmp_path: Path, more: dict[str, Any]) -> None:
    assert read_configuration(written(tmp_path, **more)) == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("imagePolicy: {allowTTL: 5}", {"ImagePolicyWebhook": {"imagePolicy": {"allowTTL": 5}}}),
        ("podNodeSelectorPluginConfig: {dev: a=b}", {"PodNodeSelector": {"podNodeSelectorPluginConfig": {"dev": "a=b"}}}),
        (
            '{"imagePolicy": {}, "podNodeSelectorPluginConfig": {}}',
            {name: {"imagePolicy": {}, "podNodeSelectorPluginConfig": {}} for name in ("ImagePolicyWebhook", "PodNodeSelector")},
        ),
        (
            "kind: Older\napiVersion: v1\nimagePolicy: {}",
            {"ImagePolicyWebhook": {"kind": "Older", "apiVersion": "v1", "imagePolicy": {}}},
        ),
        (
            '{"kind": "AdmissionConfiguration", "imagePolicy": {}}',
            {"ImagePolicyWebhook": {"kind": "AdmissionConfiguration", "imagePolicy": {}}},
        ),
    ],
)
def test_a_file_in_the_form_of_old_is_the_configuration_of_two_plugins(tmp_path: Path, content: str, expected: dict[str, Any]) -> None:
    assert read_configuration(text(tmp_path, content)) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty config data"),
        ("[]", "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct"),
        ("a: [", "yaml: line 1: "),
        ("plugins: []", "Object 'Kind' is missing in 'plugins: []'"),
        ("kind: AdmissionConfiguration", "Object 'apiVersion' is missing in 'kind: AdmissionConfiguration'"),
        (
            json.dumps(HEAD | {"apiVersion": "apiserver.config.k8s.io/v2"}),
            'no kind "AdmissionConfiguration" is registered for version "apiserver.config.k8s.io/v2": write kind "AdmissionConfiguration", '
            'apiVersion "apiserver.config.k8s.io/v1" or "apiserver.config.k8s.io/v1alpha1"',
        ),
        (json.dumps(HEAD | {"plugin": []}), 'strict decoding error: unknown field "plugin"'),
        (json.dumps(HEAD | {"plugins": [{"name": "A", "file": "x"}]}), 'strict decoding error: unknown field "plugins[0].file"'),
        (
            json.dumps(HEAD | {"imagePolicy": {}}),
            'strict decoding error: unknown field "imagePolicy"',
        ),
        (
            json.dumps(HEAD | {"plugins": {}}),
            "json: cannot unmarshal object into Go struct field AdmissionConfiguration.plugins of type []v1.AdmissionPluginConfiguration",
        ),
        (
            json.dumps(HEAD | {"plugins": [{"name": 1}]}),
            "json: cannot unmarshal number into Go struct field AdmissionPluginConfiguration.plugins.name of type string",
        ),
    ],
)
def test_a_bad_file_is_told_of_by_its_name(tmp_path: Path, content: str, message: str) -> None:
    path = text(tmp_path, content)
    with pytest.raises(ValueError, match=re.escape(f'admission control configuration "{path}": {message}')):
        read_configuration(path)


def test_a_file_that_can_not_be_read_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    with pytest.raises(ValueError, match=re.escape(f'unable to read admission control configuration from "{path}" [')):
        read_configuration(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("a: [", "yaml: line 1: "),
        ("- a", "is no object"),
        ("", "is no object"),
        ("a: " + "x" * (10 << 20), "it is larger than 10485760 bytes"),
    ],
)
def test_a_bad_file_of_a_plugin_is_told_of_with_the_plugin(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        text(tmp_path, content, "own.yaml")
    shown = re.escape(f'configuration of admission plugin "PodSecurity" in "{tmp_path / "own.yaml"}"')
    with pytest.raises(ValueError, match=f"{shown}.*{re.escape(message)}"):
        read_configuration(written(tmp_path, {"name": "PodSecurity", "path": "own.yaml"}))


def options(*enable: str, disable: tuple[str, ...] = (), gates: tuple[str, ...] = (), file: Path | None = None) -> AdmissionOptions:
    return AdmissionOptions(
        enable_admission_plugins=enable,
        disable_admission_plugins=disable,
        feature_gates=gates,
        admission_control_config_file=str(file or ""),
    )


def config(given: AdmissionOptions) -> Config:
    return Config(Home(Path("/nowhere")), admission=given)


def running(found: Admission) -> list[str]:
    given = found.dependencies(World(), UnionAuthorizer(()), OBJECTS, Callers())
    return [plugin.name for plugin in found.chain(given).plugins]


def test_flags_say_which_plugins_run() -> None:
    usual = running(admission(config(AdmissionOptions())))
    found = running(admission(config(options("AlwaysDeny", "Priority", disable=("NamespaceLifecycle", "AlwaysAdmit")))))
    assert set(found) - set(usual) == {"AlwaysDeny"}
    assert set(usual) - set(found) == {"NamespaceLifecycle"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (options("Nope"), 'enable-admission-plugins plugin "Nope" is unknown'),
        (options(disable=("Nope",)), 'disable-admission-plugins plugin "Nope" is unknown'),
        (
            options("AlwaysDeny", "Priority", disable=("Priority", "AlwaysDeny")),
            "[AlwaysDeny Priority] in enable-admission-plugins and disable-admission-plugins overlapped",
        ),
        (
            options("Nope", "Priority", disable=("Priority",)),
            'enable-admission-plugins plugin "Nope" is unknown; '
            "[Priority] in enable-admission-plugins and disable-admission-plugins overlapped",
        ),
        (options(gates=("Nope=true",)), "unrecognized feature gate: Nope, known are "),
        (options(gates=("GenericWorkload",)), 'feature gate "GenericWorkload" is no gate: write it as Name=true or Name=false'),
        (options(gates=("GenericWorkload=1",)), 'feature gate "GenericWorkload=1" is no gate: write it as Name=true or Name=false'),
        (options(file=Path("/is/not/there")), 'unable to read admission control configuration from "/is/not/there" ['),
    ],
)
def test_bad_flags_are_told_of(given: AdmissionOptions, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        admission(config(given))


def test_a_gate_switches_what_is_behind_it() -> None:
    found = admission(config(options(gates=("PodTopologyLabelsAdmission=False", "GenericWorkload=TRUE"))))
    assert found.gates == {"PodTopologyLabelsAdmission": False, "GenericWorkload": True}
    assert set(running(admission(config(AdmissionOptions())))) - set(running(found)) <= {"PodTopologyLabels"}


def test_tolerations_have_their_flags() -> None:
    given = AdmissionOptions(default_not_ready_toleration_seconds=5, default_unreachable_toleration_seconds=7)
    found = admission(config(given)).dependencies(World(), UnionAuthorizer(()), OBJECTS, Callers())
    assert (found.not_ready_toleration_seconds, found.unreachable_toleration_seconds) == (5, 7)


def test_a_plugin_is_given_what_the_file_says_for_it(tmp_path: Path) -> None:
    path = written(tmp_path, {"name": "EventRateLimit", "configuration": LIMITS})
    found = admission(config(options("EventRateLimit", file=path)))
    given = found.dependencies(World(), UnionAuthorizer(()), OBJECTS, Callers())
    assert (given.configuration("EventRateLimit"), given.configuration("PodSecurity")) == (LIMITS, None)
    assert "EventRateLimit" in running(found)


def test_before_a_start_every_plugin_is_made_with_its_configuration(tmp_path: Path) -> None:
    path = written(tmp_path, {"name": "EventRateLimit", "configuration": LIMITS | {"limits": []}})
    assert check(config(options(file=path))) == []  # it is off
    message = 'couldn\'t init admission plugin "EventRateLimit": limits: Invalid value: '
    with pytest.raises(ValueError, match=re.escape(message)):
        check(config(options("EventRateLimit", file=path)))


def test_what_a_plugin_needs_is_missed_before_a_start() -> None:
    with pytest.raises(ValueError, match='couldn\'t init admission plugin "ImagePolicyWebhook": no config specified'):
        check_admission(config(options("ImagePolicyWebhook")))
