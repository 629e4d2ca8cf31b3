"""The AuthorizationConfiguration file, and the flags that stand for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from rbac.authz.configuration import AuthorizerConfiguration, BadConfiguration, Configuration, WebhookConfiguration, of_modes
from rbac.authz.configuration_file import parse

NO_WEBHOOK = WebhookConfiguration("")


def webhook(kubeconfig: Path | str = "", **changes: Any) -> dict[str, Any]:
    """A webhook's settings; None takes one away."""
    settings = {
        "timeout": "3s",
        "subjectAccessReviewVersion": "v1",
        "failurePolicy": "Deny",
        "connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": str(kubeconfig)},
    } | changes
    return {name: value for name, value in settings.items() if value is not None}


def file(*authorizers: dict[str, Any], version: str = "v1", **more: Any) -> bytes:
    head = {"apiVersion": f"apiserver.config.k8s.io/{version}", "kind": "AuthorizationConfiguration"}
    return orjson.dumps(head | {"authorizers": list(authorizers)} | more)


def hook(name: str = "hook", **settings: Any) -> dict[str, Any]:
    return {"type": "Webhook", "name": name, "webhook": settings}


NODE, RBAC = {"type": "Node", "name": "node"}, {"type": "RBAC", "name": "rbac"}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.touch()
    return path


def refusal(data: bytes, *required: str) -> str:
    with pytest.raises(BadConfiguration) as caught:
        parse(data, required)
    return str(caught.value)


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_every_version_is_read(version: str) -> None:
    assert parse(file(NODE, RBAC, version=version)) == (AuthorizerConfiguration("Node", "node"), AuthorizerConfiguration("RBAC", "rbac"))


def test_yaml_is_read_too() -> None:
    text = b"apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n- type: RBAC\n  name: rbac\n"
    assert parse(text) == (AuthorizerConfiguration("RBAC", "rbac"),)


def test_a_webhook_has_the_lifetimes_of_its_answers_by_default(kubeconfig: Path) -> None:
    (found,) = parse(file(hook(**webhook(kubeconfig))))
    assert found.webhook == WebhookConfiguration(str(kubeconfig), "v1", 300.0, 30.0, 3.0, "Deny")


def test_a_webhook_is_as_its_settings_say(kubeconfig: Path) -> None:
    settings = webhook(
        kubeconfig,
        authorizedTTL="1m30s",
        unauthorizedTTL="10s",
        cacheAuthorizedRequests=True,
        cacheUnauthorizedRequests=False,
        subjectAccessReviewVersion="v1beta1",
        matchConditionSubjectAccessReviewVersion="v1",
        failurePolicy="NoOpinion",
        matchConditions=[],
    )
    (found,) = parse(file(hook(**settings)))
    assert found.webhook == WebhookConfiguration(str(kubeconfig), "v1beta1", 90.0, 0.0, 3.0, "NoOpinion")


def test_webhooks_come_as_often_as_one_likes(kubeconfig: Path) -> None:
    found = parse(file(hook("a", **webhook(kubeconfig)), RBAC, hook("b", **webhook(kubeconfig))))
    assert [each.name for each in found] == ["a", "rbac", "b"]


@pytest.mark.parametrize(
    ("authorizers", "message"),
    [
        ([], "authorizers: Required value: at least one authorization mode must be defined"),
        ([{"name": "x"}], "authorizers[0].type: Required value"),
        (
            [{"type": "Foo", "name": "foo"}],
            'authorizers[0].type: Unsupported value: "Foo": supported values: "AlwaysAllow", "AlwaysDeny", "Node", "RBAC", "Webhook"',
        ),
        ([{"type": "ABAC", "name": "abac"}], "authorizers[0].type: Forbidden: ABAC is not supported: use RBAC"),
        ([RBAC, RBAC], 'authorizers[1].type: Duplicate value: "RBAC"'),
        ([{"type": "RBAC"}], "authorizers[0].name: Required value"),
        ([{"type": "Node", "name": "x"}, {"type": "RBAC", "name": "x"}], 'authorizers[1].name: Duplicate value: "x"'),
        ([{"type": "RBAC", "name": "x.-y"}], 'authorizers[0].name: Invalid value: "x.-y": authorizer name is invalid: '),
        ([{"type": "RBAC", "name": "mine"}], "expected name rbac for authorizer RBAC instead of mine"),
        ([RBAC | {"webhook": {}}], 'authorizers[0].webhook: Invalid value: "non-null": may only be specified when type=Webhook'),
        ([{"type": "Webhook", "name": "x"}], "authorizers[0].webhook: Required value: required when type=Webhook"),
    ],
)
def test_what_is_wrong_with_authorizers_is_told_as_upstream_tells_it(authorizers: list[dict[str, Any]], message: str) -> None:
    assert message in refusal(file(*authorizers))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timeout": None}, "authorizers[0].timeout: Required value"),
        ({"timeout": "-1s"}, 'authorizers[0].timeout: Invalid value: "-1s": must be > 0s and <= 30s'),
        ({"timeout": "31s"}, 'authorizers[0].timeout: Invalid value: "31s": must be > 0s and <= 30s'),
        ({"timeout": "soon"}, 'time: invalid duration "soon"'),
        ({"timeout": 3}, "cannot unmarshal number into Go struct field WebhookConfiguration.authorizers.webhook.timeout"),
        ({"authorizedTTL": "-1s"}, 'authorizers[0].authorizedTTL: Invalid value: "-1s": must be > 0s'),
        ({"unauthorizedTTL": "-1m"}, 'authorizers[0].unauthorizedTTL: Invalid value: "-1m0s": must be > 0s'),
        ({"subjectAccessReviewVersion": None}, "authorizers[0].subjectAccessReviewVersion: Required value"),
        (
            {"subjectAccessReviewVersion": "v2"},
            'authorizers[0].subjectAccessReviewVersion: Unsupported value: "v2": supported values: "v1", "v1beta1"',
        ),
        (
            {"matchConditionSubjectAccessReviewVersion": "v1beta1"},
            'authorizers[0].matchConditionSubjectAccessReviewVersion: Unsupported value: "v1beta1": supported values: "v1"',
        ),
        ({"failurePolicy": None}, "authorizers[0].failurePolicy: Required value"),
        ({"failurePolicy": "Allow"}, 'authorizers[0].failurePolicy: Unsupported value: "Allow": supported values: "NoOpinion", "Deny"'),
        ({"connectionInfo": None}, "authorizers[0].connectionInfo.type: Required value"),
        ({"connectionInfo": {"type": "InClusterConfig"}}, "authorizers[0].connectionInfo.type: Forbidden: "),
        (
            {"connectionInfo": {"type": "Foo"}},
            'authorizers[0].connectionInfo.type: Unsupported value: "Foo": supported values: "InClusterConfig", "KubeConfigFile"',
        ),
        ({"connectionInfo": {"type": "KubeConfigFile"}}, "authorizers[0].connectionInfo.kubeConfigFile: Required value"),
        (
            {"connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "a/b"}},
            'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "a/b": must be an absolute path',
        ),
        (
            {"connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "/none/such"}},
            '"/none/such": error loading file: stat /none/such: no such file or directory',
        ),
        ({"connectionInfo": {"type": "KubeConfigFile", "kubeConfigFile": "/"}}, '"/": must be a regular file'),
        (
            {"matchConditions": [{"expression": "true"}]},
            "authorizers[0].matchConditionSubjectAccessReviewVersion: Required value: required if match conditions are specified",
        ),
        ({"matchConditions": [{"expression": " "}]}, "authorizers[0].matchConditions[0].expression: Required value"),
        ({"matchConditions": [{"expression": "x"}] * 65}, "authorizers[0].matchConditions: Too many: 65: must have at most 64 items"),
        ({"timeOut": "3s"}, 'strict decoding error: unknown field "authorizers[0].webhook.timeOut"'),
    ],
)
def test_what_is_wrong_with_a_webhook_is_told_as_upstream_tells_it(kubeconfig: Path, changes: dict[str, Any], message: str) -> None:
    assert message in refusal(file(hook(**webhook(kubeconfig, **changes))))


def conditions(*expressions: str) -> dict[str, Any]:
    found = [{"expression": each} for each in expressions]
    return {"matchConditionSubjectAccessReviewVersion": "v1", "matchConditions": found}


AT: Final = "authorizers[0].matchConditions"
DENIED: Final = "undeclared reference to 'user' (in container '')"


@pytest.mark.parametrize(
    ("expressions", "message"),
    [
        ((" ", ""), f"[{AT}[0].expression: Required value, {AT}[1].expression: Required value]"),
        (("true", "false", "true"), f'{AT}[2].expression: Duplicate value: "true"'),
        (("request.user",), f'{AT}[0].expression: Invalid value: "request.user": must evaluate to bool but got string'),
        (
            ("1", "request"),
            f'[{AT}[0].expression: Invalid value: "1": must evaluate to bool but got int, '
            f'{AT}[1].expression: Invalid value: "request": must evaluate to bool but got kubernetes.SubjectAccessReviewSpec]',
        ),
        (("dyn(true)",), f'{AT}[0].expression: Invalid value: "dyn(true)": must evaluate to bool but got dyn'),
        (
            ("user == 'a'",),
            f"{AT}[0].expression: Invalid value: \"user == 'a'\": compilation failed: ERROR: <input>:1:1: {DENIED}\n | user == 'a'\n | ^",
        ),
        (("request.resourceAttributes.kind == 'a'",), "compilation failed: ERROR: <input>:1:27: undefined field 'kind'"),
        (("request.user ==",), "compilation failed: ERROR: <input>:1:16: Syntax error: mismatched input '<EOF>' expecting "),
        (
            ("int('x') == 1",),
            f"{AT}[0].expression: Internal error: program instantiation failed: type conversion error from 'string' to 'int'",
        ),
        (("x",) * 65, f"{AT}: Too many: 65: must have at most 64 items"),
    ],
)
def test_what_is_wrong_with_match_conditions_is_told_as_upstream_tells_it(
    kubeconfig: Path, expressions: tuple[str, ...], message: str
) -> None:
    said = refusal(file(hook(**webhook(kubeconfig, **conditions(*expressions)))))
    assert said == message if message.startswith(("[", "authorizers")) else message in said


def test_match_conditions_are_compiled_and_files_that_say_the_same_are_the_same(kubeconfig: Path) -> None:
    def read(*expressions: str) -> Configuration:
        return parse(file(hook(**webhook(kubeconfig, **conditions(*expressions)))))

    texts = [f"request.user != '{number}'" for number in range(64)]
    (found,) = read(*texts)
    assert found.webhook is not None
    assert [each.text for each in found.webhook.match_conditions] == texts
    assert read(*texts) == (found,)
    assert read(*texts[1:]) != (found,)


@pytest.mark.parametrize("data", [b"", b"apiVersion: apiserver.config.k8s.io", b"{", b"[]", file(RBAC, version="v9"), b"\xff\xfe"])
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("failed to load AuthorizationConfiguration from file: ")


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert refusal(file({"name": "x"}, {"type": "RBAC"})) == "[authorizers[0].type: Required value, authorizers[1].name: Required value]"


def test_a_file_that_is_read_again_has_to_name_what_the_first_one_named() -> None:
    assert refusal(file({"type": "AlwaysDeny", "name": "alwaysdeny"}), "RBAC", "Node") == "missing required types: [Node RBAC]"


def test_flags_name_authorizers_in_order() -> None:
    hooked = WebhookConfiguration("/k", "v1beta1")
    assert of_modes(("RBAC", "Webhook"), hooked) == (
        AuthorizerConfiguration("RBAC", "rbac"),
        AuthorizerConfiguration("Webhook", "default", hooked),
    )


@pytest.mark.parametrize(
    ("modes", "settings", "message"),
    [
        ((), NO_WEBHOOK, "at least one authorization-mode must be passed"),
        (("RBAC", "Magic"), NO_WEBHOOK, 'authorization-mode "Magic" is not a valid mode'),
        (("ABAC",), NO_WEBHOOK, "ABAC is not supported: use RBAC"),
        (("Webhook",), NO_WEBHOOK, "authorization-mode Webhook's authorization config file not passed"),
        (("RBAC",), WebhookConfiguration("/k"), "cannot specify --authorization-webhook-config-file without mode Webhook"),
        (("RBAC", "RBAC"), NO_WEBHOOK, 'authorization-mode ["RBAC" "RBAC"] has mode specified more than once'),
        (
            ("Webhook",),
            WebhookConfiguration("/k", "v2"),
            'unsupported webhook authorizer version "v2", supported versions are "v1", "v1beta1"',
        ),
    ],
)
def test_flags_that_make_no_sense_are_refused(modes: tuple[str, ...], settings: WebhookConfiguration, message: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        of_modes(modes, settings)
    assert str(caught.value) == message
