"""Signs the config map `cluster-info` with each bootstrap token that may, so that who holds one knows the cluster by it.

Upstream: `pkg/controller/bootstrap/bootstrapsigner.go`, `staging/src/k8s.io/cluster-bootstrap/token/jws`.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from cluster.api import bootstrap_tokens
from cluster.api.errors import Conflict, NotFound
from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Key
from cluster.client.informer import Handler
from cluster.client.resources import CONFIG_MAPS, SECRETS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import copied, name_of
from cluster.controllers.token_cleaner import OF_TYPE

NAMESPACE: Final = "kube-public"
NAME: Final = "cluster-info"
SIGNATURE: Final = "jws-kubeconfig-"
_SIGNED: Final = "kubeconfig"


def detached_signature(content: str, token_id: str, secret: str) -> str:
    """The compact JWS (HS256) of the content, without the content: `<header>..<signature>`."""
    header = _base64url(b'{"alg":"HS256","kid":"%s"}' % token_id.encode())
    message = f"{header}.{_base64url(content.encode())}"
    return f"{header}..{_base64url(hmac.digest(secret.encode(), message.encode(), hashlib.sha256))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signing_tokens(secrets: Iterable[Object], now: datetime.datetime) -> dict[str, str]:
    """Token ID to token secret, of the secrets that are whole, not expired, and meant for signing."""
    found: dict[str, str] = {}
    for secret in secrets:
        token_id, value = bootstrap_tokens.value(secret, "token-id"), bootstrap_tokens.value(secret, "token-secret")
        if not token_id or not value or bootstrap_tokens.token_id_of_name(name_of(secret)) != token_id:
            continue
        if (
            bootstrap_tokens.seconds_left(secret, now.timestamp()) == 0
            or bootstrap_tokens.value(secret, "usage-bootstrap-signing") != "true"
        ):
            continue
        found[token_id] = value
    return found


def wanted(config_map: Object, tokens: dict[str, str]) -> Object | None:
    """The config map with the signatures of these tokens and no others; None where it is right, or has nothing to sign."""
    data = config_map.get("data") or {}
    if _SIGNED not in data:
        return None
    signatures = {SIGNATURE + token_id: detached_signature(data[_SIGNED], token_id, secret) for token_id, secret in tokens.items()}
    right = {key: value for key, value in data.items() if not key.startswith(SIGNATURE)} | signatures
    if right == data:
        return None
    changed = copied(config_map)
    changed["data"] = right
    return changed


def build(context: Context) -> Controller:
    secrets = context.informers.selected(SECRETS, OF_TYPE, namespace=bootstrap_tokens.NAMESPACE)
    config_maps = context.informers.selected(CONFIG_MAPS, f"metadata.name={NAME}", namespace=NAMESPACE)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def reconcile(key: Key) -> None:
        config_map = config_maps.get(*key)
        body = wanted(config_map, signing_tokens(secrets.list(), times.now())) if config_map is not None else None
        if body is None:
            return
        try:
            context.client.update(CONFIG_MAPS, NAMESPACE, body)
        except (Conflict, NotFound):
            return  # the informer will tell

    def touched(*_: Object) -> None:
        queue.add((NAMESPACE, NAME))

    secrets.add_handler(Handler(touched, touched, touched))
    config_maps.add_handler(Handler(touched, touched))
    return Controller(queue, reconcile)
