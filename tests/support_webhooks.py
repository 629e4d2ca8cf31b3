"""A service of admission webhooks on loopback, which answers as the one of Kubernetes' conformance tests does, and worse.

Upstream: `test/images/agnhost/webhook`.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.support_https import Reply, Request

Review = dict[str, Any]
Respond = Callable[[Review], Any]
"""From an AdmissionRequest to the response without its uid, or to a whole Reply."""

LABEL, FORBIDDEN = "webhook-e2e-test", "webhook-disallow"
MAX_WAIT = 15.0


def patched(*operations: dict[str, Any], **more: Any) -> Review:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": patch, **more}


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def denied(message: str, **status: Any) -> Review:
    return {"allowed": False, "status": {"message": message, **status}}


@dataclass
class Webhooks:
    """What is answered at each path; reviews are kept by path."""

    paths: dict[str, Respond] = field(default_factory=dict)
    reviews: dict[str, list[Review]] = field(default_factory=dict)
    requests: dict[str, list[Request]] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)
    """Until it is set, what hangs hangs."""

    def __post_init__(self) -> None:
        self.paths |= {
            "/always-allow": lambda request: {"allowed": True},
            "/always-deny": lambda request: denied("this webhook denies all requests"),
            "/hang": self._hang,
            "/pods": self._pods,
            "/pods/attach": lambda request: denied(f"attaching to pod '{request['name']}' is not allowed"),
            "/mutating-pods": _mutating_pods,
            "/configmaps": _config_maps,
            "/mutating-configmaps": _mutating_config_maps,
            "/add-label": _add_label,
            "/crd": lambda request: (
                denied("the custom resource definition contains unwanted label")
                if (request["object"]["metadata"].get("labels") or {}).get(LABEL) == FORBIDDEN
                else {"allowed": True}
            ),
        }

    def answer(self, request: Request) -> Reply:
        path = urlsplit(request.path).path
        review = json.loads(request.body)
        asked = review["request"]
        self.reviews.setdefault(path, []).append(review)
        self.requests.setdefault(path, []).append(request)
        respond = self.paths.get(path)
        if respond is None:
            return Reply(b"404 page not found\n", 404, {"Content-Type": "text/plain; charset=utf-8"})
        response = respond(asked)
        if isinstance(response, Reply):
            return response
        whole = {"kind": "AdmissionReview", "apiVersion": review["apiVersion"], "response": {"uid": asked["uid"], **response}}
        return Reply(json.dumps(whole).encode())

    def _hang(self, request: Review) -> Review:
        self.released.wait(MAX_WAIT)
        return {"allowed": True}

    def _pods(self, request: Review) -> Review:
        pod = request["object"]
        if (pod["metadata"].get("labels") or {}).get(LABEL) == "wait-forever":
            return self._hang(request)
        wrong = []
        if any(FORBIDDEN in each["name"] for each in pod["spec"]["containers"]):
            wrong.append("the pod contains unwanted container name; ")
        if (pod["metadata"].get("labels") or {}).get(LABEL) == FORBIDDEN:
            wrong.append("the pod contains unwanted label; ")
        return denied("".join(wrong).strip()) if wrong else {"allowed": True}


def _config_maps(request: Review) -> Review:
    shown = request["oldObject"] if request["operation"] == "DELETE" else request["object"]
    unwanted = (shown.get("data") or {}).get(LABEL) == FORBIDDEN
    return denied("the configmap contains unwanted key and value") if unwanted else {"allowed": True}


def _mutating_config_maps(request: Review) -> Review:
    data = request["object"].get("data") or {}
    operations = [add("/data/mutation-stage-1", "yes")] if data.get("mutation-start") == "yes" else []
    operations += [add("/data/mutation-stage-2", "yes")] if data.get("mutation-stage-1") == "yes" else []
    return patched(*operations) if operations else {"allowed": True}


def _mutating_pods(request: Review) -> Review:
    if request["object"]["metadata"]["name"] != "webhook-to-be-mutated":
        return {"allowed": True}
    container = {"image": "webhook-added-image", "name": "webhook-added-init-container", "resources": {}}
    return patched(add("/spec/initContainers", [container]))


def _add_label(request: Review) -> Review:
    labels = request["object"]["metadata"].get("labels")
    return patched(add("/metadata/labels", {"added-label": "yes"}) if not labels else add("/metadata/labels/added-label", "yes"))
