"""AdmissionReview in both versions: what a webhook is asked, and what its answer says, once that is known to be one.

Upstream: apiserver `pkg/admission/plugin/webhook/request/admissionreview.go`; client-go `rest/request.go` (how an answer is decoded).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import orjson
from msgspec import Struct

from admission.versions import Pair
from admission.webhooks.index import Candidate
from cluster.api.errors import BadRequest
from cluster.api.field import quoted
from cluster.api.names import GroupVersionKind, Object
from cluster.schema.configuration import FLAG, TEXT, TEXTS, definitions, list_of, reference
from cluster.schema.decode import decoder
from cluster.schema.faults import described
from cluster.schema.model import Schema, SchemaSet
from cluster.schema.parse import not_an_object, parse_json, parse_yaml

GROUP: Final = "admission.k8s.io"
KIND: Final = "AdmissionReview"
V1: Final = "v1"
VERSIONS: Final = (V1, "v1beta1")
JSON_PATCH: Final = "JSONPatch"
_INT32: Final[Schema] = {"type": "integer", "format": "int32"}
_STRUCTS: Final[Mapping[str, Mapping[str, Schema]]] = {
    KIND: {"response": reference("AdmissionResponse")},
    "AdmissionResponse": {
        "uid": TEXT,
        "allowed": FLAG,
        "status": reference("Status"),
        "patch": {"type": "string", "format": "byte"},
        "patchType": TEXT,
        "auditAnnotations": {"type": "object", "additionalProperties": TEXT},
        "warnings": TEXTS,
    },
    "Status": {"status": TEXT, "message": TEXT, "reason": TEXT, "details": reference("StatusDetails"), "code": _INT32},
    "StatusDetails": {
        "name": TEXT,
        "group": TEXT,
        "kind": TEXT,
        "uid": TEXT,
        "causes": list_of("StatusCause"),
        "retryAfterSeconds": _INT32,
    },
    "StatusCause": {"reason": TEXT, "message": TEXT, "field": TEXT},
}
_UNREAD: Final = "couldn't get version/kind; json parse error: "
_SCHEME: Final = "pkg/util/webhook/client.go:71"
"""How upstream's messages name the set of the kinds that an answer may be of."""


class BadAnswer(Exception):
    """What came is no answer to what was asked; worded as upstream's."""


class BadDocument(BadAnswer):
    """It is no AdmissionReview at all."""


class Answer(Struct, frozen=True):
    """What a webhook says."""

    allowed: bool
    status: Object | None
    patch: bytes
    patch_type: str
    annotations: Mapping[str, str]
    warnings: tuple[str, ...]


def version_of(candidate: Candidate) -> str | None:
    """The first of the versions that the webhook understands which is known here, too."""
    return next((each for each in candidate.hook.versions if each in VERSIONS), None)


def review_of(version: str, uid: str, request: Object, pair: Pair) -> bytes:
    """The AdmissionReview, encoded."""
    return orjson.dumps(
        {
            "kind": KIND,
            "apiVersion": f"{GROUP}/{version}",
            "request": {"uid": uid, **request, "object": pair[0], "oldObject": pair[1]},
        }
    )


def read(body: bytes, version: str, uid: str, *, mutating: bool) -> Answer:
    """What the answer says to a review of that version and uid; BadDocument, BadAnswer."""
    api_version, kind, response = _decoded(body, version)
    if response is None:
        raise BadAnswer("webhook response was absent")
    patch, patch_type = base64.b64decode(response.get("patch") or ""), response.get("patchType")
    if version == V1:
        _verify(api_version, kind, response, uid)
        _verify_patch(patch, patch_type, mutating)
    else:  # which was never verified, and knows one type alone
        patch, patch_type = (patch, JSON_PATCH if patch else None) if mutating else (b"", None)
    return Answer(
        bool(response.get("allowed")),
        response.get("status"),
        patch,
        patch_type or "",
        response.get("auditAnnotations") or {},
        tuple(response.get("warnings") or ()),
    )


def _decoded(body: bytes, version: str) -> tuple[str, str, Object | None]:
    """(apiVersion, kind, response) of a document of the kind that was asked for, which it need not say."""
    value = _parsed(body)
    api_version, kind = value.get("apiVersion") or "", value.get("kind") or ""
    for name, given in (("apiVersion", api_version), ("kind", kind)):
        if not isinstance(given, str):
            raise BadDocument(f"{_UNREAD}json: cannot unmarshal {described(given)} into Go struct field .{name} of type string")
    _check_kind(api_version, kind, version)
    try:
        shown = decoder(_schemas(version), GroupVersionKind(GROUP, version, KIND)).decode({"response": value.get("response")})
    except BadRequest as error:
        raise BadDocument(error.message.rpartition(f" cannot be handled as a {KIND}: ")[2]) from None
    return api_version, kind, shown.object.get("response")


def _parsed(body: bytes) -> Object:
    is_json = body.lstrip()[:1] == b"{"
    try:
        value, _ = (parse_json if is_json else parse_yaml)(body)
    except BadRequest as error:
        raise BadDocument(f"{_UNREAD}{error.message}" if is_json else error.message) from None
    if not isinstance(value, dict):
        raise BadDocument(f"{_UNREAD}{not_an_object(value)}")
    return value


def _check_kind(api_version: str, kind: str, version: str) -> None:
    """BadDocument for what says that it is something else."""
    asked = f"{GROUP}/{version}"
    if (api_version or asked, kind or KIND) == (asked, KIND):
        return
    if kind in ("", KIND) and api_version in [f"{GROUP}/{each}" for each in VERSIONS]:
        other = f"{api_version.rpartition('/')[2]}.{KIND}"
        raise BadDocument(f"converting ({other}) to ({version}.{KIND}): unknown conversion")
    if (api_version, kind) == ("v1", "Status"):
        raise BadDocument(f"converting (v1.Status) to ({version}.{KIND}): unknown conversion")
    raise BadDocument(
        f"no kind {quoted(kind or KIND)} is registered for version {quoted(api_version or asked)} in scheme {quoted(_SCHEME)}"
    )


def _verify(api_version: str, kind: str, response: Object, uid: str) -> None:
    given = response.get("uid") or ""
    if given != uid:
        raise BadAnswer(f"expected response.uid={quoted(uid)}, got {quoted(given)}")
    if (api_version, kind) != (f"{GROUP}/{V1}", KIND):
        group, _, version = api_version.rpartition("/")
        raise BadAnswer(f"expected webhook response of {GROUP}/{V1}, Kind={KIND}, got {group}/{version}, Kind={kind}")


def _verify_patch(patch: bytes, patch_type: Any, mutating: bool) -> None:
    if not mutating:
        if patch:
            raise BadAnswer("validating webhook may not return response.patch")
        if patch_type is not None:
            raise BadAnswer("validating webhook may not return response.patchType")
        return
    if patch and patch_type is None:
        raise BadAnswer("webhook returned response.patch but not response.patchType")
    if not patch and patch_type is not None:
        raise BadAnswer("webhook returned response.patchType but not response.patch")
    if patch_type is not None and not patch_type:
        raise BadAnswer(f"webhook returned invalid response.patchType of {quoted(patch_type)}")


@cache
def _schemas(version: str) -> SchemaSet:
    return definitions(GROUP, version, (KIND,), _STRUCTS)
