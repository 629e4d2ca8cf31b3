"""kubectl validates what nobody patches by the OpenAPI document in protobuf, which it reads in no other form."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import ApiServer
from tests.support_needs import need_kubectl

QUESTION = {"user": "alice", "resourceAttributes": {"verb": "get", "resource": "pods"}}


def _create(server: ApiServer, folder: Path, review: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    file = folder / "review.json"
    file.write_text(json.dumps({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"} | review))
    command = [need_kubectl(), "--kubeconfig", str(server.kubeconfig(folder / "kubeconfig")), "--cache-dir", str(folder / "cache")]
    return subprocess.run([*command, "create", "-f", str(file), "-o", "json"], capture_output=True, text=True, check=False, timeout=60)


def test_kubectl_creates_an_access_review(api_server: ApiServer, tmp_path: Path) -> None:
    done = _create(api_server, tmp_path, {"spec": QUESTION})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == {"allowed": False}


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (QUESTION | {"usr": "bob"}, 'unknown field "usr" in io.k8s.api.authorization.v1.SubjectAccessReviewSpec'),
        (
            QUESTION | {"groups": "ops"},
            'invalid type for io.k8s.api.authorization.v1.SubjectAccessReviewSpec.groups: got "string", expected "array"',
        ),
    ],
)
def test_kubectl_finds_faults_by_its_schema(api_server: ApiServer, tmp_path: Path, spec: dict[str, Any], complaint: str) -> None:
    done = _create(api_server, tmp_path, {"spec": spec})
    assert done.returncode == 1
    assert complaint in done.stderr


def test_the_document_is_json_unless_protobuf_is_asked_for_first(api_server: ApiServer) -> None:
    protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    for accept, sent in (
        (protobuf, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"),
        (f"application/json, {protobuf}", "application/json"),
        ("*/*", "application/json"),
    ):
        answer = api_server.request("GET", "/openapi/v2", headers={"Accept": accept})
        assert (answer.code, answer.headers["Content-Type"]) == (200, sent)
