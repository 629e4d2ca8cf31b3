"""TokenReview and SelfSubjectReview: who someone is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cluster.api import meta
from cluster.api.errors import BadRequest, Unauthorized
from cluster.api.names import Object
from cluster.api.user import UserInfo

_VERSION: Final = "authentication.k8s.io/v1"
AuthenticateToken = Callable[[str, Sequence[str]], tuple[UserInfo, tuple[str, ...]]]
"""(token, audiences, empty for the API server's) to (user, audiences it is good for); Unauthorized for a bad token."""


def user_info(user: UserInfo) -> Object:
    """A UserInfo as JSON, without what is empty."""
    shown: Object = {}
    if user.name:
        shown["username"] = user.name
    if user.uid:
        shown["uid"] = user.uid
    if user.groups:
        shown["groups"] = list(user.groups)
    if user.extra:
        shown["extra"] = {key: list(values) for key, values in user.extra.items()}
    return shown


def token_review(obj: Object, authenticate: AuthenticateToken) -> Object:
    """What is to be known of a token; a bad one is no error, its review says so.  BadRequest without a token."""
    spec = obj.get("spec") or {}
    token = spec.get("token")
    if not token:
        raise BadRequest("token is required for TokenReview in authentication")
    try:
        user, audiences = authenticate(token, spec.get("audiences") or ())
    except Unauthorized as error:
        return {**obj, "status": {"user": {}, "error": str(error)}}
    return {**obj, "status": {"authenticated": True, "user": user_info(user), "audiences": list(audiences)}}


def self_subject_review(obj: Object, user: UserInfo) -> Object:
    """Who the caller is; what was sent does not matter, but for its version."""
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": obj.get("apiVersion", _VERSION),
        "metadata": {"creationTimestamp": meta.now()},
        "status": {"userInfo": user_info(user)},
    }
