"""`berth policy explain`: the whole way of one manifest, as values and as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from cluster.api.user import UserInfo
from policies.lab.documents import Broken
from policies.lab.explain import Question, explain
from policies.lab.reports.explanation import explanation
from policies.lab.suite import Identity, Options
from tests.integration.policies.suites import CONFIG, FOLDER

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "team-a"},
    "spec": {
        "replicas": 6,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
    },
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "team-a"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, obj in (("web", DEPLOYMENT), ("pod", POD), ("config", CONFIG)):
        (tmp_path / f"{name}.yaml").write_bytes(orjson.dumps(obj))
    labels = {"tier": "shared"}
    (tmp_path / "world.yaml").write_bytes(
        orjson.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a", "labels": labels}})
    )
    return tmp_path


def policies(*names: str) -> tuple[str, ...]:
    return tuple(str(FOLDER / f"{name}.yaml") for name in names)


def test_a_denial_is_explained_by_the_expression_and_its_values() -> None:
    answer = explain(Question("web.yaml", policies=policies("replicas"), world=("world.yaml",)))
    assert list(answer) == ["request", "authentication", "rbac", "decoding", "admission", "strategy", "result"]
    assert answer["result"]["part"] == "validations[0]"
    assert any("+  strategy:" in line for line in answer["decoding"])
    text = explanation(answer)
    assert "replicas.example.com (replicas.example.com) validations[0] false" in text
    assert "object.spec.replicas = 6" in text
    assert 'result          denied (403) at admission: deployments.apps "web" is forbidden: ValidatingAdmissionPolicy' in text
    assert orjson.loads(orjson.dumps(answer)) == answer


def test_what_changes_the_object_is_shown_before_and_after_with_its_parameters(folder: Path) -> None:
    (folder / "team.yaml").write_bytes(orjson.dumps({**CONFIG, "metadata": {"name": "team", "namespace": "team-a"}, "data": {"team": "a"}}))
    answer = explain(Question("pod.yaml", policies=policies("changes", "limits"), world=("world.yaml", "team.yaml")))
    plugins = [step["plugin"] for step in answer["admission"] if "diff" in step]
    assert plugins == ["LimitRanger", "ServiceAccount", "Priority", "DefaultTolerationSeconds", "MutatingAdmissionPolicy"]
    (first, again) = (step for step in answer["admission"] if step["plugin"] == "MutatingAdmissionPolicy")
    assert "+    team: a" in first["diff"]
    values = [each.get("values") for each in first["judgements"] if each["part"] == "variables[0]"]
    assert values == [{"params.data.team": "a"}]
    assert [each["outcome"] for each in again["judgements"]] == ["matched", "false"], "it is invoked again, and has nothing left to do"
    text = explanation(answer)
    assert text.index("LimitRanger") < text.index("MutatingAdmissionPolicy") < text.index("result          allowed (201)")
    assert text.endswith("qosClass: Burstable\n")


def test_whom_rbac_lets_and_whom_not() -> None:
    group = "rbac.authorization.k8s.io"
    role: dict[str, Any] = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "team-a"}}
    role["rules"] = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
    binding = {**role, "kind": "RoleBinding", "subjects": [{"apiGroup": group, "kind": "User", "name": "jane"}]}
    del binding["rules"]
    binding["roleRef"] = {"apiGroup": group, "kind": "Role", "name": "r"}
    Path("roles.yaml").write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": [role, binding]}))
    jane = explain(Question("config.yaml", Identity(UserInfo("jane")), policies=("roles.yaml",), world=("world.yaml",)))
    assert jane["result"]["allowed"]
    assert jane["rbac"]["rule"] == {"index": 0, "verbs": ["create"], "apiGroups": [""], "resources": ["configmaps"]}
    assert "rules[0] of Role r" in explanation(jane)
    bob = explain(Question("config.yaml", Identity(UserInfo("bob")), policies=("roles.yaml",), world=("world.yaml",)))
    assert (bob["result"]["stage"], bob["rbac"]["allowed"]) == ("rbac", False)
    assert "admission" not in bob


@pytest.mark.parametrize(
    ("question", "method", "path", "code"),
    [
        (Question("config.yaml", world=("world.yaml",), dry_run=True), "POST", "/api/v1/namespaces/team-a/configmaps", 201),
        (Question("config.yaml", verb="update", world=("world.yaml",)), "PUT", "/api/v1/namespaces/team-a/configmaps/c", 200),
        (Question("config.yaml", verb="delete", world=("world.yaml",)), "DELETE", "/api/v1/namespaces/team-a/configmaps/c", 200),
        (Question("config.yaml", verb="get", namespace="other"), "GET", "/api/v1/namespaces/other/configmaps/c", 404),
        (Question("config.yaml", version="1.34", world=("world.yaml",)), "POST", "/api/v1/namespaces/team-a/configmaps", 201),
        (
            Question("pod.yaml", world=("world.yaml",), options=Options(enable=("AlwaysDeny",))),
            "POST",
            "/api/v1/namespaces/team-a/pods",
            403,
        ),
    ],
)
def test_what_may_be_asked(question: Question, method: str, path: str, code: int) -> None:
    answer = explain(question)
    assert (answer["request"]["method"], answer["request"]["path"], answer["result"]["code"]) == (method, path, code)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (Question("none.yaml"), 'none.yaml: no file is named "none.yaml" in "."'),
        (Question("config.yaml#x"), 'config.yaml#x: "config.yaml" has no object "x": it has "ConfigMap/c"'),
        (Question("config.yaml", policies=("x*.yaml",)), "x*.yaml: no file is named like this"),
        (Question("config.yaml", version="1.1"), 'options: no schemas of Kubernetes "1.1"'),
        (Question("config.yaml", options=Options(disable=("Nope",))), 'options: disable-admission-plugins plugin "Nope" is unknown'),
    ],
)
def test_what_can_not_be_asked_is_told(question: Question, told: str) -> None:
    with pytest.raises(Broken) as broken:
        explain(question)
    assert str(broken.value).startswith(told)
