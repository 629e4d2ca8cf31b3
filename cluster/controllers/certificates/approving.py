"""Approves a kubelet's client certificate where whoever asks for it may have one.

Upstream: `pkg/controller/certificates/approver/sarapprove.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api.certificates import KUBELET_CLIENT
from cluster.api.errors import Conflict, InternalError, NotFound
from cluster.api.names import Object
from cluster.client.cache import Cache, Key
from cluster.client.http import ApiClient
from cluster.client.resources import CERTIFICATE_SIGNING_REQUESTS, SUBJECT_ACCESS_REVIEWS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.certificates.requests import conditions, has_condition, parsed
from cluster.controllers.certificates.rules import common_name, kubelet_client
from cluster.controllers.certificates.signing import FIRST_PAUSE
from cluster.controllers.framework import BackOff, Context, Controller, enqueue_by
from cluster.controllers.objects import copied, name_of

MESSAGES: Final = {
    "selfnodeclient": "Auto approving self kubelet client certificate after SubjectAccessReview.",
    "nodeclient": "Auto approving kubelet client certificate after SubjectAccessReview.",
}
"""The subresource that the requester must be allowed to create, to what the approval says."""


class Approver:
    """`sync` approves one request, or leaves it to people."""

    def __init__(self, client: ApiClient, requests: Cache) -> None:
        self._client = client
        self._requests = requests

    def sync(self, key: Key) -> None:
        request = self._requests.get(*key)
        if request is None or (request.get("status") or {}).get("certificate"):
            return
        if has_condition(request, "Approved") or has_condition(request, "Denied"):
            return
        recognized = permissions(request)
        for permission in recognized:
            if self._allowed(request, permission):
                self._approve(request, MESSAGES[permission])
                return
        if recognized:
            raise BackOff(f'recognized csr "{name_of(request)}" as {recognized} but subject access review was not approved')

    def _allowed(self, request: Object, permission: str) -> bool:
        spec = request["spec"]
        asked = {"user": spec.get("username"), "uid": spec.get("uid"), "groups": spec.get("groups"), "extra": spec.get("extra")}
        attributes = {
            "group": "certificates.k8s.io",
            "version": "*",
            "resource": "certificatesigningrequests",
            "subresource": permission,
            "verb": "create",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {name: value for name, value in asked.items() if value} | {"resourceAttributes": attributes},
        }
        answer = self._client.create(SUBJECT_ACCESS_REVIEWS, "", review)
        return bool(answer["status"].get("allowed"))

    def _approve(self, request: Object, message: str) -> None:
        made = copied(request)
        approval = {"type": "Approved", "status": "True", "reason": "AutoApproved", "message": message}
        made.setdefault("status", {})["conditions"] = [*conditions(made), approval]
        try:
            self._client.update(CERTIFICATE_SIGNING_REQUESTS, "", made, subresource="approval")
        except (Conflict, NotFound):
            return  # the informer will tell


def permissions(request: Object) -> list[str]:
    """What the requester may be allowed by, in order; none for what is no kubelet's client certificate.  InternalError for no request."""
    spec = request["spec"]
    try:
        asked = parsed(request)
    except ValueError as error:
        raise InternalError(f'unable to parse csr "{name_of(request)}": {error}') from error
    if spec.get("signerName") != KUBELET_CLIENT or kubelet_client(asked, spec.get("usages") or []):
        return []
    return ["selfnodeclient", "nodeclient"] if spec.get("username") == common_name(asked) else ["nodeclient"]


def build(context: Context) -> Controller:
    requests = context.informers.of(CERTIFICATE_SIGNING_REQUESTS)
    queue: WorkQueue[Key] = WorkQueue(base_seconds=FIRST_PAUSE)
    requests.add_handler(enqueue_by(queue))
    return Controller(queue, Approver(context.client, requests.cache).sync)
