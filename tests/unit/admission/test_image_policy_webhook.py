"""A service that says which images may run: what it is sent, what is made of its answer, what is kept, how it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from admission.attributes import Attributes, Operation
from admission.plugins.image_policy_webhook import CACHE_SIZE, MAX_KEPT_BYTES, ImagePolicyWebhook, Settings, settings
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from cluster.api.protocols import HttpAnswer, HttpCaller, HttpFailure
from tests.unit.admission.writes import write

JSON = {"content-type": "application/json"}
Reply = Callable[[Object], HttpAnswer]


def answering(**status: Any) -> Reply:
    """The review that was sent, with a status."""
    return lambda review: HttpAnswer(200, JSON, orjson.dumps(review | {"status": status}))


def saying(code: int, body: bytes = b"") -> Reply:
    return lambda review: HttpAnswer(code, JSON, body)


@dataclass
class Backend:
    """The service, its caller and who makes that; it answers with each of the replies in turn, and with the last one from then on."""

    replies: list[Reply | Exception]
    sent: list[Object] = field(default_factory=list)
    now: float = 0.0
    slept: list[float] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        assert (method, path) == ("POST", "")
        self.sent.append(orjson.loads(body or b""))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(self.sent[-1])

    def of_url(self, url: str, ca_pem: str = "") -> HttpCaller:
        raise AssertionError("only a kubeconfig is used")

    def of_kubeconfig(self, path: str, context: str = "") -> HttpCaller:
        self.paths.append(path)
        if path == "/gone":
            raise FileNotFoundError(2, "No such file or directory")
        return self

    def plugin(self, **more: object) -> ImagePolicyWebhook:
        configuration = {"imagePolicy": {"kubeConfigFile": "/k", "retryBackoff": 100, **more}}
        return ImagePolicyWebhook(self, configuration, clock=lambda: self.now, sleep=self.slept.append)


def backend(*replies: Reply | Exception) -> Backend:
    return Backend(list(replies))


def pod(*images: str, annotations: Mapping[str, str] | None = None) -> Object:
    metadata: Object = {"name": "web"} | ({"annotations": dict(annotations)} if annotations else {})
    spec: Object = {"containers": [{"name": f"c{place}", "image": image} for place, image in enumerate(images)]}
    return {"metadata": metadata, "spec": spec}


def create(obj: Object | None = None) -> Attributes:
    return write("CREATE", "pods", obj or pod("nginx"), namespace="dev")


def refusal(plugin: ImagePolicyWebhook, attributes: Attributes) -> str:
    """What comes after `pods "web" is forbidden: `; empty where the write goes through."""
    try:
        plugin.validate(attributes)
    except Forbidden as error:
        before, _, why = error.message.partition(" is forbidden: ")
        assert before == 'pods "web"'
        return why
    return ""


def test_the_service_is_sent_images_and_annotations_meant_for_it() -> None:
    service = backend(answering(allowed=True))
    obj = pod("nginx", "redis:7", annotations={"break-glass.image-policy.k8s.io/why": "fire", "other": "x"})
    obj["spec"]["initContainers"] = [{"name": "i", "image": "busybox"}]
    obj["spec"]["ephemeralContainers"] = [{"name": "e", "image": "debug"}]
    assert refusal(service.plugin(), create(obj)) == ""
    assert service.sent == [
        {
            "kind": "ImageReview",
            "apiVersion": "imagepolicy.k8s.io/v1alpha1",
            "metadata": {},
            "spec": {
                "containers": [{"image": "nginx"}, {"image": "redis:7"}, {"image": "busybox"}],
                "annotations": {"break-glass.image-policy.k8s.io/why": "fire"},
                "namespace": "dev",
            },
            "status": {"allowed": False},
        }
    ]


def test_of_ephemeral_containers_only_their_images_are_reviewed() -> None:
    service = backend(answering(allowed=True))
    obj = pod("nginx")
    obj["spec"]["ephemeralContainers"] = [{"name": "e", "image": "debug"}]
    service.plugin().validate(write("UPDATE", "pods/ephemeralcontainers", obj, obj, namespace="dev"))
    assert service.sent[0]["spec"]["containers"] == [{"image": "debug"}]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"allowed": True}, ""),
        ({"allowed": True, "reason": "fine"}, ""),
        ({"allowed": False}, "one or more images rejected by webhook backend"),
        ({}, "one or more images rejected by webhook backend"),
        ({"allowed": False, "reason": "not signed"}, "image policy webhook backend denied one or more images: not signed"),
    ],
)
def test_what_the_service_says_is_done(status: Object, why: str) -> None:
    assert refusal(backend(answering(**status)).plugin(), create()) == why


@pytest.mark.parametrize("allowed", [True, False])
def test_its_annotations_reach_the_audit_event_from_the_cache_too(allowed: bool) -> None:
    service = backend(answering(allowed=allowed, auditAnnotations={"test": "true", "a/b": "x", "-": "y"}))
    plugin = service.plugin()
    for _ in range(2):
        attributes = create()
        refusal(plugin, attributes)
        assert attributes.annotations == {"imagepolicywebhook.image-policy.k8s.io/test": "true"}
    assert len(service.sent) == 1


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (HttpFailure("no route"), "no route"),
        (saying(400, b"{}"), "the server rejected our request for an unknown reason"),
        (saying(200, b'{"kind": "Pod"}'), "expected imagepolicy.k8s.io/v1alpha1 ImageReview, got None Pod"),
        (answering(allowed="yes"), "the answer's status.allowed is no boolean"),
        (answering(allowed=True, reason=1), "the answer's status.reason is no string"),
        (answering(allowed=True, auditAnnotations=[]), "the answer's status.auditAnnotations is no object"),
        (answering(allowed=True, auditAnnotations={"a": 1}), 'the answer\'s status.auditAnnotations of "a" is no string'),
    ],
)
def test_a_service_that_gives_no_answer_denies_or_allows_as_configured(reply: Reply | Exception, why: str) -> None:
    assert refusal(backend(reply).plugin(), create()) == why
    attributes = create()
    assert refusal(backend(reply).plugin(defaultAllow=True), attributes) == ""
    assert attributes.annotations == {"imagepolicywebhook.image-policy.k8s.io/failed-open": "true"}


def test_what_may_pass_is_tried_again_after_the_pauses_configured() -> None:
    service = backend(saying(500), saying(500), answering(allowed=True))
    assert refusal(service.plugin(), create()) == ""
    assert len(service.sent) == 3
    assert [0.1 <= service.slept[0] <= 0.12, 0.15 <= service.slept[1] <= 0.18] == [True, True]


@pytest.mark.parametrize(
    ("allowed", "ttls", "age", "asked"),
    [
        (True, {"allowTTL": 10, "denyTTL": 1}, 9.0, 1),
        (True, {"allowTTL": 10, "denyTTL": 1}, 11.0, 2),
        (False, {"allowTTL": 10, "denyTTL": 1}, 0.5, 1),
        (False, {"allowTTL": 10, "denyTTL": 1}, 9.0, 2),
        (True, {"allowTTL": -1}, 0.0, 2),
        (True, {}, 299.0, 1),
        (False, {}, 31.0, 2),
    ],
)
def test_how_long_an_answer_is_kept(allowed: bool, ttls: dict[str, int], age: float, asked: int) -> None:
    service = backend(answering(allowed=allowed))
    plugin = service.plugin(**ttls)
    refusal(plugin, create())
    service.now += age
    refusal(plugin, create())
    assert len(service.sent) == asked


def test_what_differs_is_asked_anew() -> None:
    service = backend(answering(allowed=True))
    plugin = service.plugin()
    elsewhere = write("CREATE", "pods", pod("nginx"), namespace="prod")
    annotated = create(pod("nginx", annotations={"a.image-policy.k8s.io/b": "c"}))
    for each in (create(), create(pod("redis")), elsewhere, annotated, create()):
        refusal(plugin, each)
    assert len(service.sent) == 4


def test_failures_are_not_kept() -> None:
    service = backend(HttpFailure("no route"), answering(allowed=True))
    plugin = service.plugin()
    assert [refusal(plugin, create()) for _ in range(2)] == ["no route", ""]


def test_the_cache_is_bounded_in_number_and_size() -> None:
    service = backend(answering(allowed=True))
    plugin = service.plugin()
    for number in range(CACHE_SIZE + 1):
        refusal(plugin, create(pod(f"image-{number}")))
    refusal(plugin, create(pod("image-0")))
    assert len(service.sent) == CACHE_SIZE + 2
    service = backend(answering(allowed=True, auditAnnotations={"a": "x" * MAX_KEPT_BYTES}))
    plugin = service.plugin()
    for _ in range(2):
        refusal(plugin, create())
    assert len(service.sent) == 2


@pytest.mark.parametrize("what", ["pods/status", "configmaps"])
def test_only_images_of_pods_are_reviewed(what: str) -> None:
    service = backend(answering(allowed=False))
    plugin = service.plugin()
    plugin.validate(write("UPDATE", what, pod("nginx"), namespace="dev"))
    assert service.sent == []
    assert [each for each in Operation if plugin.handles(each)] == [Operation.CREATE, Operation.UPDATE]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Settings("", 300.0, 30.0, 0.5, False)),
        ({"allowTTL": 0, "denyTTL": 0, "retryBackoff": 0}, Settings("", 300.0, 30.0, 0.5, False)),
        ({"allowTTL": -1, "denyTTL": -1, "retryBackoff": -1}, Settings("", 0.0, 0.0, 0.0, False)),
        (
            {"kubeConfigFile": "/k", "allowTTL": 1800, "denyTTL": 1, "retryBackoff": 300000, "defaultAllow": True},
            Settings("/k", 1800.0, 1.0, 300.0, True),
        ),
    ],
)
def test_what_a_configuration_means(given: Object, expected: Settings) -> None:
    assert settings({"imagePolicy": given}) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"allowTTL": 1801}, "valid value is between 1s and 30m0s, got 30m1s"),
        ({"denyTTL": 3600}, "valid value is between 1s and 30m0s, got 1h0m0s"),
        ({"denyTTL": -2}, "valid value is between 1s and 30m0s, got -2s"),
        ({"retryBackoff": 300001}, "valid value is between 1ns and 5m0s, got 5m0.001s"),
        ({"allowTTL": "5m"}, "imagePolicy.allowTTL is no whole number"),
        ({"allowTTL": 1.5}, "imagePolicy.allowTTL is no whole number"),
        ({"allowTTL": True}, "imagePolicy.allowTTL is no whole number"),
        ({"kubeConfigFile": 7}, "imagePolicy.kubeConfigFile is no string"),
        ({"defaultAllow": "yes"}, "imagePolicy.defaultAllow is neither true nor false"),
        ({}, "imagePolicy.kubeConfigFile is missing: name the kubeconfig of the service that is asked"),
        ({"kubeConfigFile": "k"}, 'imagePolicy.kubeConfigFile "k" is no absolute path: write it as one'),
        ({"kubeConfigFile": "/gone"}, 'kubeconfig "/gone" cannot be read: No such file or directory'),
    ],
)
def test_a_bad_configuration_is_told_of(given: Object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ImagePolicyWebhook(backend(), {"imagePolicy": given})


@pytest.mark.parametrize(
    ("configuration", "message"), [(None, "no config specified"), ({"imagePolicy": []}, "imagePolicy is no object: write")]
)
def test_a_configuration_must_be_given(configuration: Object | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImagePolicyWebhook(backend(), configuration)
