"""Fills secrets of type service-account-token, and removes those whose service account is gone.

Upstream: `pkg/controller/serviceaccount/tokens_controller.go`; the claims: `pkg/serviceaccount/legacy.go`.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cluster.api.errors import Conflict, InternalError, NotFound
from cluster.api.names import Object
from cluster.api.token_keys import algorithm_and_id, legacy_claims
from cluster.client.cache import Cache, Key, key_of
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.resources import SECRETS, SERVICE_ACCOUNTS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import annotations_of, copied, name_of, namespace_of, uid_of

OF_TYPE: Final = "type=kubernetes.io/service-account-token"
"""Selects the secrets that hold tokens."""
ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
_WORKERS: Final = 2


def account_key(secret: Object) -> Key:
    """The service account that a token secret names; its name is empty where the secret names none."""
    return namespace_of(secret), annotations_of(secret).get(ACCOUNT_NAME) or ""


def by_account(secret: Object) -> Iterable[str]:
    """Indexer of token secrets: `namespace/account`."""
    return ("/".join(account_key(secret)),)


def is_of(secret: Object, account: Object) -> bool:
    """Whether the secret is this account's, and not one's that had its name before."""
    uid = annotations_of(secret).get(ACCOUNT_UID)
    return account_key(secret) == key_of(account) and uid in (None, "", uid_of(account))


def signed_token(key: Path, account: Object, secret: str) -> str:
    """A token without end for the account, good while the secret of that name is there.  InternalError for a bad key."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key.read_bytes(), None)
        algorithm, key_id = algorithm_and_id(private.public_key())
    except (OSError, ValueError, TypeError) as error:
        raise InternalError(f'the key of service-account tokens, "{key}", cannot sign: {error}') from error
    assert isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey)
    claims = legacy_claims(account, secret)
    return jwt.encode(dict(claims), private, algorithm=algorithm, headers={"kid": key_id, "typ": None})


class TokenSecrets:
    """`sync` puts one service account's token secrets right."""

    def __init__(self, client: ApiClient, accounts: Cache, secrets: Cache, key: Path, ca_pem: str) -> None:
        self._client = client
        self._accounts = accounts
        self._secrets = secrets
        self._key = key
        self._ca = ca_pem
        self._lock = threading.Lock()
        self._deleted: dict[Key, dict[str, str]] = {}

    def secret_deleted(self, secret: Object) -> None:
        """Remembers that the account must not name it any more."""
        with self._lock:
            names = self._deleted.setdefault(account_key(secret), {})
            names[name_of(secret)] = annotations_of(secret).get(ACCOUNT_UID) or ""

    def sync(self, key: Key) -> None:
        for secret in self._secrets.by_index("account", "/".join(key)):
            account = self._account(key, secret)
            if account is None:
                self._delete(secret)
            else:
                self._fill(account, secret)
        with self._lock:
            names = dict(self._deleted.get(key, {}))
        if names:
            self._forget_references(key, names)
            with self._lock:
                left = self._deleted.pop(key, {})
                left = {name: uid for name, uid in left.items() if name not in names}
                if left:
                    self._deleted[key] = left

    def _account(self, key: Key, secret: Object) -> Object | None:
        """The secret's account; the server is asked before it counts as gone."""
        account = self._accounts.get(*key)
        if account is not None and is_of(secret, account):
            return account
        try:
            account = self._client.get(SERVICE_ACCOUNTS, *key)
        except NotFound:
            return None
        return account if is_of(secret, account) else None

    def _delete(self, secret: Object) -> None:
        try:
            self._client.delete(SECRETS, *key_of(secret), options={"preconditions": {"uid": uid_of(secret)}})
        except (NotFound, Conflict):
            return  # it is gone, or another one already

    def _fill(self, account: Object, secret: Object) -> None:
        """Writes what is missing into the newest version of the secret, and nothing where the informer is behind."""
        if not self._missing(secret):
            return
        namespace, name = key_of(secret)
        try:
            current = self._client.get(SECRETS, namespace, name)
            missing = self._missing(current)
            if not missing or current["metadata"]["resourceVersion"] != secret["metadata"]["resourceVersion"]:
                return
            values = {"ca.crt": self._ca, "namespace": namespace}
            if "token" in missing:
                values["token"] = signed_token(self._key, account, name)
            current["data"] = (current.get("data") or {}) | {each: _encoded(values[each]) for each in missing}
            own = {ACCOUNT_NAME: name_of(account), ACCOUNT_UID: uid_of(account)}
            current["metadata"]["annotations"] = annotations_of(current) | own
            self._client.update(SECRETS, namespace, current)
        except (NotFound, Conflict):
            return  # the informer will tell

    def _missing(self, secret: Object) -> list[str]:
        data = secret.get("data") or {}
        missing = [key for key in ("namespace", "token") if not data.get(key)]
        return missing if not self._ca or data.get("ca.crt") == _encoded(self._ca) else ["ca.crt", *missing]

    def _forget_references(self, key: Key, names: dict[str, str]) -> None:
        """Takes secrets that were deleted from what the account names.  Conflict where somebody else writes it."""
        account = self._accounts.get(*key)
        if account is None:
            return
        try:
            account = copied(self._client.get(SERVICE_ACCOUNTS, *key))
            gone = {name for name, uid in names.items() if uid in ("", uid_of(account))}
            named = account.get("secrets") or []
            kept = [each for each in named if each.get("name") not in gone]
            if len(kept) < len(named):
                account["secrets"] = kept
                self._client.update(SERVICE_ACCOUNTS, key[0], account)
        except NotFound:
            return


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def build(context: Context) -> Controller:
    options = context.options
    if options.service_account_key is None:
        return Controller()
    accounts = context.informers.of(SERVICE_ACCOUNTS)
    secrets = context.informers.selected(SECRETS, OF_TYPE)
    secrets.cache.add_indexer("account", by_account)
    made = TokenSecrets(context.client, accounts.cache, secrets.cache, options.service_account_key, options.ca_pem)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def touched(secret: Object) -> None:
        """One that names no account is nobody's, and stays as it is."""
        key = account_key(secret)
        if key[1]:
            queue.add(key)

    def updated(old: Object, new: Object) -> None:
        touched(old)
        touched(new)

    def deleted(secret: Object) -> None:
        if account_key(secret)[1]:
            made.secret_deleted(secret)
            touched(secret)

    def account_changed(account: Object) -> None:
        queue.add(key_of(account))

    accounts.add_handler(Handler(added=account_changed, deleted=account_changed))
    secrets.add_handler(Handler(touched, updated, deleted))
    return Controller(queue, made.sync, workers=_WORKERS)
