"""TokenRequest: a token for a service account, bound to it and, if asked, to a pod, a secret or a node."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from cluster.api import field
from cluster.api.errors import BadRequest, Conflict, Invalid, NotFound
from cluster.api.field import FieldError, quoted
from cluster.api.meta import format_epoch, new_uid
from cluster.api.names import GroupKind, GroupResource, Object, parse_api_version
from cluster.api.protocols import Reader
from rbac.authn.service_accounts import SERVICE_ACCOUNTS, TokenSigner

DEFAULT_SECONDS: Final = 3600
SHORTEST: Final = 600
LONGEST: Final = 1 << 32
POD_SECONDS: Final = 3607
"""What token volumes ask for unless told: such a token is stale after that, but lives a year, as upstream has it."""
EXTENDED_SECONDS: Final = 365 * 24 * 3600
ISSUED: Final = "authentication.kubernetes.io/issued-credential-id"
"""Annotates the audit event of a request with which token it was given."""
_KIND: Final = GroupKind("authentication.k8s.io", "TokenRequest")
_BOUND: Final = {"Pod": "pods", "Node": "nodes", "Secret": "secrets"}


def token_request(
    obj: Object,
    namespace: str,
    name: str,
    signer: TokenSigner,
    reader: Reader,
    *,
    admit: Callable[[Object], None] = lambda _obj: None,
    warnings: list[str] | None = None,
    annotations: dict[str, str] | None = None,
    clock: Callable[[], float] = time.time,
) -> Object:
    """The request with its token.  NotFound, Invalid, BadRequest or Conflict where it cannot be granted.

    `namespace` and `name` are the service account's, from the URL.  Mutating admission comes before this; `admit` is validating
    admission, of the request with its defaults.  `warnings` are for the caller, `annotations` for the audit event.
    """
    metadata, spec = dict(obj.get("metadata") or {}), dict(obj.get("spec") or {})
    _check_metadata(metadata, namespace, name)
    account = reader.get(SERVICE_ACCOUNTS, namespace, name)
    if account is None:
        raise NotFound.of(SERVICE_ACCOUNTS, name)
    uid = account["metadata"].get("uid", "")
    if metadata.get("uid") and metadata["uid"] != uid:
        why = f"the UID in the token request ({metadata['uid']}) does not match the UID of the service account ({uid})"
        raise Conflict.of(GroupResource(_KIND.group, _KIND.kind), name, why)
    spec["audiences"] = spec.get("audiences") or list(signer.audiences)
    seconds = spec.get("expirationSeconds")
    seconds = spec["expirationSeconds"] = DEFAULT_SECONDS if seconds is None else seconds
    _check_seconds(seconds)
    spec.setdefault("boundObjectRef", None)
    now = clock()
    metadata |= {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": format_epoch(now)}
    request = {**obj, "metadata": metadata, "spec": spec, "status": {"token": "", "expirationTimestamp": None}}
    admit(request)
    reference = spec["boundObjectRef"]
    bound = _bound_objects(reference, namespace, name, reader) if reference is not None else {}
    if 0 < signer.longest < seconds:
        if warnings is not None:
            warnings.append(f"requested expiration of {seconds} seconds shortened to {signer.longest} seconds")
        seconds = spec["expirationSeconds"] = signer.longest
    extended = signer.extends and "pod" in bound and seconds == POD_SECONDS and set(spec["audiences"]) <= set(signer.audiences)
    token_id = new_uid()
    token = signer.issue(
        account,
        lifetime=EXTENDED_SECONDS if extended else seconds,
        audiences=spec["audiences"],
        warn_after=seconds if extended else 0,
        token_id=token_id,
        pod=bound.get("pod"),
        secret=bound.get("secret"),
        node=bound.get("node"),
    )
    if annotations is not None:
        annotations[ISSUED] = f"JTI={token_id}"
    return {**request, "status": {"token": token, "expirationTimestamp": format_epoch(now + seconds)}}


def _check_metadata(metadata: Object, namespace: str, name: str) -> None:
    if metadata.get("namespace") and metadata["namespace"] != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    given = metadata.get("name")
    if given and given != name:
        raise Invalid.of(_KIND, name, [field.invalid("metadata.name", given, "must match the service account name if specified")])


def _check_seconds(seconds: int) -> None:
    errors: list[FieldError] = []
    if seconds < SHORTEST:
        errors.append(field.invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
    if seconds > LONGEST:
        errors.append(field.invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"))
    if errors:
        raise Invalid.of(_KIND, "", errors)


def _bound_objects(reference: Object, namespace: str, account: str, reader: Reader) -> dict[str, Object]:
    """What a token is to be bound to, by `TokenSigner.issue`'s parameter; a pod brings its node."""
    kind, api_version = reference.get("kind", ""), reference.get("apiVersion", "")
    try:
        group, version = parse_api_version(api_version) if api_version else ("", "")
    except ValueError:
        group, version = "", ""
    resource = _BOUND.get(kind) if not group else None
    if resource is None:
        raise BadRequest(f"cannot bind token to object of type {f'{group}/{version}'}, Kind={kind}")
    name = reference.get("name", "")
    if not name:
        raise BadRequest("Name parameter required.")
    found = reader.get(GroupResource("", resource), "" if kind == "Node" else namespace, name)
    if found is None:
        raise NotFound.of(GroupResource("", resource), name)
    bound = {kind.lower(): found}
    if kind == "Pod":
        spec = found["spec"]
        if spec.get("serviceAccountName", "") != account:
            raise BadRequest(f"cannot bind token for serviceaccount {quoted(account)} to pod running with different serviceaccount name.")
        if spec.get("nodeName"):
            node = reader.get(GroupResource("", "nodes"), "", spec["nodeName"])
            bound["node"] = node or {"metadata": {"name": spec["nodeName"]}}
    uid = reference.get("uid")
    if uid and uid != found["metadata"].get("uid", ""):
        why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
        raise Conflict.of(GroupResource("", kind), name, f"{why}The object might have been deleted and then recreated")
    return bound
