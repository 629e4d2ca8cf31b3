"""Plugins that are off by default, enabled by flags and configured by a file, before a real server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.api.names import Object
from cluster.assembly.options import AdmissionOptions
from tests.support import Answer, ApiServer, eventually, start_api_server
from tests.support_https import Reply, Request, Service, https_service

ENABLED = (
    "AlwaysAdmit",
    "AlwaysPullImages",
    "EventRateLimit",
    "ExtendedResourceToleration",
    "ImagePolicyWebhook",
    "LimitPodHardAntiAffinityTopology",
    "NamespaceAutoProvision",
    "NamespaceExists",
    "PodNodeSelector",
    "PodTolerationRestriction",
)
BURST = 5


def answer(request: Request) -> Reply:
    """Images named `bad` are refused, `broken` ones not judged at all; what was asked is told to the audit event."""
    review = json.loads(request.body)
    images = [each.get("image", "") for each in review["spec"].get("containers", ())]
    if "broken" in images:
        return Reply(b"gone fishing", 503, {"Content-Type": "text/plain"})
    refused = [each for each in images if each == "bad"]
    status = {"allowed": not refused, "auditAnnotations": {"images": ",".join(images)}} | ({"reason": "bad is bad"} if refused else {})
    return Reply(json.dumps(review | {"status": status}).encode())


@dataclass
class Guarded:
    server: ApiServer
    service: Service

    def namespace(self, prefix: str, **annotations: str) -> str:
        """A new one with a default service account; `node_selector` and the like are annotations of the scheduler."""
        name = self.server.namespace(prefix)
        made = {f"scheduler.alpha.kubernetes.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
        patch = {"metadata": {"annotations": made}}
        kind = "application/merge-patch+json"
        assert self.server.request("PATCH", f"/api/v1/namespaces/{name}", patch, content_type=kind).code == 200
        return name

    def pod(self, namespace: str, image: str = "good", query: str = "", **spec: Any) -> Answer:
        container = {"name": "c", "image": image, "imagePullPolicy": "Never"} | spec.pop("container", {})
        body = {"metadata": {"name": "web"}, "spec": {"containers": [container], **spec}}
        return self.server.request("POST", f"/api/v1/namespaces/{namespace}/pods{query}", body)

    def audited(self, namespace: str) -> list[Object]:
        """The audit events of pods in a namespace."""
        lines = (self.server.config.home.logs / "audit.log").read_text().splitlines()
        found = [json.loads(line) for line in lines]
        return [
            each
            for each in found
            if (each.get("objectRef") or {}).get("namespace") == namespace and each["objectRef"]["resource"] == "pods"
        ]


def _kubeconfig(folder: Path, service: Service) -> Path:
    (folder / "images.crt").write_text(service.ca)
    cluster = {"server": f"{service.url}/policy", "certificate-authority": str(folder / "images.crt")}
    named = {"clusters": [{"name": "c", "cluster": cluster}], "contexts": [{"name": "c", "context": {"cluster": "c"}}]}
    path = folder / "images.kubeconfig"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "c", **named}))
    return path


def _configuration(folder: Path, service: Service) -> Path:
    """One plugin configured in the file, one by a file beside it in each of the forms that there are."""
    limits = [{"type": "Namespace", "qps": 1, "burst": BURST}]
    embedded = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration", "limits": limits}
    policy = {"imagePolicy": {"kubeConfigFile": str(_kubeconfig(folder, service)), "allowTTL": 60, "denyTTL": 60, "retryBackoff": 1}}
    (folder / "images.json").write_text(json.dumps(policy))
    (folder / "selectors.yaml").write_text("podNodeSelectorPluginConfig:\n  clusterDefaultNodeSelector: env=test\n")
    (folder / "tolerations.yaml").write_text(
        "apiVersion: podtolerationrestriction.admission.k8s.io/v1alpha1\nkind: Configuration\n"
        "default:\n- {key: team, operator: Exists, effect: NoSchedule}\n"
    )
    plugins = [
        {"name": "EventRateLimit", "configuration": embedded},
        {"name": "ImagePolicyWebhook", "path": "images.json"},
        {"name": "PodNodeSelector", "path": "selectors.yaml"},
        {"name": "PodTolerationRestriction", "path": "tolerations.yaml"},
    ]
    path = folder / "admission.json"
    path.write_text(json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins}))
    return path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    with https_service(folder, answer) as service:
        options = AdmissionOptions(
            enable_admission_plugins=ENABLED,
            admission_control_config_file=str(_configuration(folder, service)),
            default_not_ready_toleration_seconds=11,
            default_unreachable_toleration_seconds=12,
        )
        server = start_api_server(folder / "home", workers=1, admission=options)
        yield Guarded(server, service)
        server.stop()


def test_a_pod_gets_what_flags_file_and_namespace_say(guarded: Guarded) -> None:
    namespace = guarded.namespace("whole")
    made = guarded.pod(namespace, container={"resources": {"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}}})
    assert made.code == 201, made.body
    spec = made.body["spec"]
    assert (spec["containers"][0]["imagePullPolicy"], spec["nodeSelector"]) == ("Always", {"env": "test"})
    shown = [(each["key"], each["effect"], each.get("tolerationSeconds")) for each in spec["tolerations"]]
    assert shown == [
        ("node.kubernetes.io/not-ready", "NoExecute", 11),
        ("node.kubernetes.io/unreachable", "NoExecute", 12),
        ("team", "NoSchedule", None),
        ("example.com/gpu", "NoSchedule", None),
    ]


def test_annotations_of_the_namespace_win_over_the_file(guarded: Guarded) -> None:
    own = json.dumps([{"key": "own", "operator": "Exists"}])
    wide = json.dumps([{"operator": "Exists"}])
    namespace = guarded.namespace("annotated", node_selector="disk=ssd", defaultTolerations=own, tolerationsWhitelist=wide)
    spec = guarded.pod(namespace, nodeSelector={"a": "b"}).body["spec"]
    assert spec["nodeSelector"] == {"a": "b", "disk": "ssd"}
    assert [each["key"] for each in spec["tolerations"] if "node.kubernetes.io" not in each["key"]] == ["own"]


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        (
            {"nodeSelector": {"env": "prod"}},
            403,
            'pods "web" is forbidden: pod node label selector conflicts with its namespace node label selector',
        ),
        (
            {
                "affinity": {
                    "podAntiAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": {}}],
                    }
                }
            },
            403,
            'pods "web" is forbidden: affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone '
            "but only key kubernetes.io/hostname is allowed",
        ),
        (
            {"image": "bad"},
            403,
            'pods "web" is forbidden: image policy webhook backend denied one or more images: bad is bad',
        ),
        (
            {"image": "broken"},
            403,
            'pods "web" is forbidden: the server is currently unable to handle the request',
        ),
    ],
)
def test_a_pod_is_refused_by_each_in_its_words(guarded: Guarded, spec: Object, code: int, message: str) -> None:
    refused = guarded.pod(guarded.namespace("refused"), **spec)
    assert (refused.code, refused.body["message"]) == (code, message)


def test_a_whitelist_that_a_pod_does_not_keep_to_is_an_error_of_the_server(guarded: Guarded) -> None:
    whitelist = json.dumps([{"key": "nothing", "operator": "Exists"}])
    refused = guarded.pod(guarded.namespace("listed", tolerationsWhitelist=whitelist))
    message = "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist"
    assert (refused.code, refused.body["message"], refused.body.get("reason")) == (500, message, None)


def test_images_are_reviewed_once_and_the_audit_log_says_so(guarded: Guarded) -> None:
    namespace = guarded.namespace("images")
    before = len(guarded.service.seen)
    assert [guarded.pod(namespace, "once", query="?dryRun=All").code for _ in range(3)] == [201] * 3
    assert len(guarded.service.seen) - before == 1
    assert json.loads(guarded.service.seen[-1].body)["spec"] == {"containers": [{"image": "once"}], "namespace": namespace}
    assert guarded.pod(namespace, "bad").code == 403

    def told() -> list[Object]:
        return [each["annotations"] for each in guarded.audited(namespace) if "imagepolicywebhook" in json.dumps(each.get("annotations"))]

    key = "imagepolicywebhook.image-policy.k8s.io/images"
    found = eventually(lambda: told() if len(told()) == 4 else None, "all four are in the log")
    assert [each[key] for each in found] == ["once", "once", "once", "bad"]
    assert found[3]["admission.berth.io/plugin"] == "ImagePolicyWebhook"


def test_a_missing_namespace_is_made_unless_it_is_a_dry_run(guarded: Guarded) -> None:
    name = f"new-{secrets.token_hex(3)}"
    where, body = f"/api/v1/namespaces/{name}/configmaps", {"metadata": {"name": "c"}}
    refused = guarded.server.request("POST", f"{where}?dryRun=All", body)
    assert (refused.code, refused.body["message"]) == (404, f'namespaces "{name}" not found')
    assert guarded.server.request("POST", where, body).code == 201
    made = guarded.server.request("GET", f"/api/v1/namespaces/{name}").body
    assert (made["status"]["phase"], made["spec"], made["metadata"]["labels"]) == (
        "Active",
        {"finalizers": ["kubernetes"]},
        {"kubernetes.io/metadata.name": name},
    )


def test_a_name_that_no_namespace_may_have_makes_none(guarded: Guarded) -> None:
    refused = guarded.server.request("POST", "/api/v1/namespaces/Not_A_Name/configmaps", {"metadata": {"name": "c"}})
    assert refused.code == 403
    assert refused.body["message"].startswith('configmaps "c" is forbidden: Namespace "Not_A_Name" is invalid: metadata.name: ')
    assert guarded.server.request("GET", "/api/v1/namespaces/Not_A_Name").code == 404


def test_events_beyond_the_burst_are_429(guarded: Guarded) -> None:
    namespace = guarded.namespace("noisy")
    about = {"kind": "Pod", "namespace": namespace, "name": "web"}

    def sent(number: int) -> Answer:
        event = {"metadata": {"name": f"e{number}"}, "involvedObject": about}
        return guarded.server.request("POST", f"/api/v1/namespaces/{namespace}/events", event)

    answers = [sent(number) for number in range(BURST * 2)]
    assert [each.code for each in answers[:BURST]] == [201] * BURST
    refused = next(each for each in answers if each.code != 201)
    assert (refused.code, refused.body["reason"]) == (429, "TooManyRequests")
    assert refused.body["message"] == f"Too many requests: limit reached on type Namespace for key {namespace}"


def test_a_new_node_is_not_ready(guarded: Guarded) -> None:
    made = guarded.server.request("POST", "/api/v1/nodes", {"metadata": {"name": f"n-{secrets.token_hex(3)}"}})
    assert made.body["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]
