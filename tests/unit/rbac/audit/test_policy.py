"""Which rule a request meets, and which files are policies.  The situations are those of kube-apiserver's own tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cluster.api.authorization import Attributes
from cluster.api.user import UserInfo
from rbac.audit.default_policy import DEFAULT_POLICY, default_policy
from rbac.audit.model import LEVEL_NAMES, PANIC, REQUEST_RECEIVED, RESPONSE_COMPLETE, RESPONSE_STARTED
from rbac.audit.policy_file import build_policy, load_policy, parse_policy

TIM = UserInfo("tim@k8s.io", groups=("humans", "developers"))
POD = Attributes(TIM, "get", "default", "", "v1", "pods", "", "busybox")
CLUSTER_ROLE = Attributes(TIM, "get", "", "rbac.authorization.k8s.io", "v1beta1", "clusterroles", "", "edit")
LOG_FILE = Attributes(TIM, "get", is_resource=False, path="/logs/kubelet.log")
POD_LOG = replace(POD, subresource="log")
UNKNOWN = replace(POD, user=UserInfo(""))
STATUS = Attributes(TIM, "update", "", "rbac.authorization.k8s.io", "v1beta1", "clusterroles", "status", "somerole")

RULES: dict[str, dict[str, Any]] = {
    "default": {"level": "Metadata"},
    "create": {"level": "Request", "verbs": ["create"]},
    "tims": {"level": "Metadata", "users": ["tim@k8s.io"]},
    "humans": {"level": "Metadata", "userGroups": ["humans"]},
    "accounts": {"level": "Request", "userGroups": ["system:serviceaccounts"]},
    "pods": {"level": "RequestResponse", "verbs": ["get"], "resources": [{"resources": ["pods"]}]},
    "pod logs": {"level": "Request", "verbs": ["get"], "resources": [{"resources": ["pods/log"]}]},
    "all": {"level": "Request", "verbs": ["get"], "resources": [{"resources": ["*"]}]},
    "all logs": {"level": "Request", "verbs": ["get"], "resources": [{"resources": ["*/log"]}]},
    "all of pods": {"level": "Request", "verbs": ["get"], "resources": [{"resources": ["pods/*"]}]},
    "cluster roles": {
        "level": "RequestResponse",
        "verbs": ["get"],
        "resources": [{"group": "rbac.authorization.k8s.io", "resources": ["clusterroles"]}],
        "namespaces": [""],
    },
    "statuses": {"level": "RequestResponse", "verbs": ["update"], "resources": [{"group": "*", "resources": ["*/status"]}]},
    "logs": {"level": "RequestResponse", "verbs": ["get"], "nonResourceURLs": ["/logs*"]},
    "metrics": {"level": "Request", "verbs": ["get"], "nonResourceURLs": ["/metrics"]},
    "edit": {
        "level": "Request",
        "resources": [{"group": "rbac.authorization.k8s.io", "resources": ["clusterroles"], "resourceNames": ["edit"]}],
    },
    "other namespace": {"level": "Request", "namespaces": ["other"]},
    "whole group": {"level": "Request", "resources": [{"group": "rbac.authorization.k8s.io"}]},
    "any path": {"level": "Request", "nonResourceURLs": ["*"]},
}

SITUATIONS = [
    (POD, "Metadata", "default"),
    (POD, "None", "create"),
    (POD, "Metadata", "tims"),
    (POD, "Metadata", "humans"),
    (POD, "None", "accounts"),
    (POD, "RequestResponse", "pods"),
    (POD, "None", "cluster roles"),
    (POD, "None", "logs"),
    (POD, "None", "metrics"),
    (POD, "Metadata", "metrics", "accounts", "default"),
    (POD, "RequestResponse", "metrics", "pods", "default"),
    (POD, "RequestResponse", "pod logs", "pods"),
    (POD, "Request", "all of pods"),
    (POD, "None", "all logs"),
    (POD, "None", "other namespace"),
    (POD, "None", "any path"),
    (CLUSTER_ROLE, "Metadata", "default"),
    (CLUSTER_ROLE, "None", "create"),
    (CLUSTER_ROLE, "Metadata", "tims"),
    (CLUSTER_ROLE, "None", "pods"),
    (CLUSTER_ROLE, "RequestResponse", "cluster roles"),
    (CLUSTER_ROLE, "Request", "edit", "cluster roles"),
    (CLUSTER_ROLE, "Request", "whole group"),
    (CLUSTER_ROLE, "None", "logs"),
    (CLUSTER_ROLE, "Metadata", "metrics", "accounts", "default"),
    (CLUSTER_ROLE, "RequestResponse", "metrics", "cluster roles", "default"),
    (replace(CLUSTER_ROLE, name="view"), "None", "edit"),
    (LOG_FILE, "Metadata", "default"),
    (LOG_FILE, "None", "create"),
    (LOG_FILE, "Metadata", "humans"),
    (LOG_FILE, "None", "accounts"),
    (LOG_FILE, "None", "pods"),
    (LOG_FILE, "RequestResponse", "logs"),
    (LOG_FILE, "None", "metrics"),
    (LOG_FILE, "RequestResponse", "logs", "cluster roles", "default"),
    (LOG_FILE, "Request", "any path"),
    (POD_LOG, "Request", "pod logs", "pods"),
    (POD_LOG, "Request", "all"),
    (POD_LOG, "Request", "all logs"),
    (POD_LOG, "Request", "all of pods"),
    (POD_LOG, "None", "pods"),
    (UNKNOWN, "None", "tims"),
    (UNKNOWN, "Metadata", "tims", "default"),
    (UNKNOWN, "None", "humans"),
    (UNKNOWN, "Metadata", "humans", "default"),
    (STATUS, "RequestResponse", "statuses"),
]


def _policy(*names: str, **policy: Any) -> Any:
    return build_policy({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [RULES[name] for name in names]} | policy)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: f"{each[0].resource or each[0].path}-{'-'.join(each[2:])}")
def test_first_rule_that_matches_decides(situation: tuple[Any, ...]) -> None:
    asked, level, *names = situation
    assert LEVEL_NAMES[_policy(*names).evaluate(asked).level] == level


@pytest.mark.parametrize("omitted", [[], [REQUEST_RECEIVED], [REQUEST_RECEIVED, RESPONSE_STARTED]])
def test_stages_of_policy_and_rule_are_omitted_both(omitted: list[str]) -> None:
    rule = {"level": "Request", "omitStages": [RESPONSE_COMPLETE, PANIC]}
    policy = build_policy({"rules": [rule], "omitStages": omitted})
    assert policy.evaluate(POD).omit_stages == {*omitted, RESPONSE_COMPLETE, PANIC}


@pytest.mark.parametrize(("of_policy", "of_rule", "expected"), [
    (False, None, False), (True, None, True), (True, False, False), (False, True, True),
])  # fmt: skip
def test_rule_overrides_whether_managed_fields_are_omitted(of_policy: bool, of_rule: bool | None, expected: bool) -> None:
    rule = {"level": "Metadata"} | ({} if of_rule is None else {"omitManagedFields": of_rule})
    assert build_policy({"rules": [rule], "omitManagedFields": of_policy}).evaluate(POD).omit_managed_fields is expected


HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
BAD = [
    ("", "failed decoding: empty config data"),
    ("rules: [{level: None}]", "failed decoding: Object 'Kind' is missing"),
    ("apiVersion: audit.k8s.io/v1beta1\nkind: Policy", 'no kind "Policy" is registered for version "audit.k8s.io/v1beta1"'),
    (HEAD, "loaded illegal policy with 0 rules"),
    (HEAD + "rules: []", "loaded illegal policy with 0 rules"),
    (HEAD + "rules: [{users: [a]}]", "rules[0].level: Required value"),
    (HEAD + "rules: [{level: All}]", 'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request", "Req'),
    (HEAD + "rules: [{level: None, users: 7}]", "cannot unmarshal number"),
    (
        HEAD + "rules: [{level: None, nonResourceURLs: [healthz]}]",
        "rules[0].nonResourceURLs[0]: Invalid value: \"healthz\": non-resource URL rules must begin with a '/' character",
    ),
    (
        HEAD + "rules: [{level: None, nonResourceURLs: [/a*b]}]",
        "rules[0].nonResourceURLs[0]: Invalid value: \"/a*b\": non-resource URL wildcards '*' must be the final character of the rule",
    ),
    (
        HEAD + "rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]",
        'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
    ),
    (HEAD + "rules: [{level: None, resources: [{group: rbac.authorization.k8s.io/v1}]}]", "rules[0].resources.group: Invalid value"),
    (
        HEAD + "rules: [{level: None, resources: [{resourceNames: [a]}]}]",
        'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource',
    ),
    (
        HEAD + "rules: [{level: None, omitStages: [Never]}]",
        'rules[0].omitStages[0]: Invalid value: "Never": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
    ),
    (HEAD + "omitStages: [x]\nrules: [{level: x}]", '[omitStages[0]: Invalid value: "x": allowed stages are'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_what_is_no_policy_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is compared
        parse_policy(text.encode())
    assert message in str(refused.value)


def test_unknown_and_repeated_fields_are_told_and_ignored() -> None:
    policy, ignored = parse_policy((HEAD + "rules:\n- level: None\n  resources: [{group: a.b, verbs: [get]}]\n").encode())
    assert ignored == ['unknown field "rules[0].resources[0].verbs"']
    assert len(policy.rules) == 1


def test_message_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(HEAD)
    with pytest.raises(ValueError, match=f"^loaded illegal policy with 0 rules: from file {file}$"):
        load_policy(str(file))
    with pytest.raises(ValueError, match=r"failed to read file path .*: No such file or directory"):
        load_policy(str(tmp_path / "none"))


NODE = UserInfo("system:node:n", groups=("system:nodes", "system:authenticated"))
CONTROLLER = UserInfo(
    "system:serviceaccount:kube-system:gc", groups=("system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated")
)
SCHEDULER = UserInfo("system:kube-scheduler", groups=("system:authenticated",))
PERSON = UserInfo("alice", groups=("system:authenticated",))
BUILT_IN = [
    (replace(POD, user=PERSON), "Metadata"),
    (replace(POD, user=PERSON, verb="create"), "Metadata"),
    (replace(POD, user=NODE), "None"),
    (replace(POD, user=CONTROLLER, verb="list"), "None"),
    (replace(POD, user=CONTROLLER, verb="create"), "Metadata"),
    (replace(POD, user=SCHEDULER, verb="watch"), "None"),
    (replace(POD, user=SCHEDULER, verb="create", subresource="binding"), "Metadata"),
    (replace(POD, user=NODE, verb="patch", subresource="status"), "None"),
    (Attributes(NODE, "update", "kube-node-lease", "coordination.k8s.io", "v1", "leases", "", "n"), "None"),
    (Attributes(PERSON, "get", is_resource=False, path="/healthz/ping"), "None"),
    (Attributes(PERSON, "get", is_resource=False, path="/apis/apps/v1"), "None"),
    (Attributes(PERSON, "get", is_resource=False, path="/logs/"), "Metadata"),
    (Attributes(UserInfo(""), "get", is_resource=False, path="/apis"), "Metadata"),
]


@pytest.mark.parametrize(("asked", "level"), BUILT_IN)
def test_built_in_policy_records_people_and_workloads(asked: Attributes, level: str) -> None:
    assert LEVEL_NAMES[default_policy().evaluate(asked).level] == level


def test_built_in_policy_is_a_valid_file_without_unknown_fields() -> None:
    assert parse_policy(json.dumps(DEFAULT_POLICY).encode())[1] == []


def test_failed_authentication_and_sessions_are_told_when_they_begin() -> None:
    policy = default_policy()
    failed = policy.evaluate(UNKNOWN).omit_stages
    session = policy.evaluate(replace(POD, user=PERSON, subresource="exec")).omit_stages
    assert RESPONSE_STARTED not in failed | session
    assert RESPONSE_STARTED in policy.evaluate(replace(POD, user=PERSON, verb="watch")).omit_stages
