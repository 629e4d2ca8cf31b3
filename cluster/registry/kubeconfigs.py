"""Issuing, renewing and revoking kubeconfigs: one transaction each, of the record and the bindings that go with it.

A record is what makes its credentials good (see `rbac.credentials.check`), so it is there before they can be used, and once it is gone or
says that they are revoked, they are not.  The bindings are the issuer's own write: where they may not write one, nothing is issued.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from admission.attributes import Operation
from cluster.api.authorization import Attributes as Question
from cluster.api.errors import Conflict
from cluster.api.expiry import EXPIRES_AT, expiry_of
from cluster.api.meta import format_epoch, now, parse_time
from cluster.api.names import Object
from cluster.api.user import UserInfo
from cluster.kinds.model import Kind
from cluster.registry import create as creating
from cluster.registry import update as updating
from cluster.registry.charging import ChargedWrite
from cluster.registry.kubeconfig_bindings import binding_kind, existing_bindings
from cluster.registry.registry import STRICT, Call, NoCompanion, Registry, attributes
from cluster.storage.contract import Entry, Write
from rbac.authz.index import GROUP
from rbac.authz.messages import forbidden
from rbac.credentials.issue import CredentialIssuer, Issued, username
from rbac.credentials.permission import Issuer, IssuingRules

MAX_LIVE: Final = 8
"""Credentials of one record that are good at the same time."""
MAX_LISTED: Final = 16
"""Credentials that a record lists; of those that have ended, the oldest are left out."""
_GROUP_VERSION: Final = "berth.io/v1alpha1"


class Request(Struct, frozen=True):
    """Who asks for what: `requester` authenticated, `call.user` acts."""

    call: Call
    requester: UserInfo
    kind: Kind
    namespace: str

    @property
    def issuer(self) -> Issuer:
        return Issuer(self.call.user, self.requester)


class Kubeconfigs:
    """Each method answers the record as it is now, and those that issue the file with its secret ("" for a dry run)."""

    def __init__(self, registry: Registry, rules: IssuingRules, credentials: CredentialIssuer) -> None:
        self._registry = registry
        self._rules = rules
        self._credentials = credentials

    def create(self, request: Request, record: Object) -> tuple[Object, str]:
        """Errors as of any create; Forbidden for more than the issuer may give, NotFound for a service account that is not there."""
        creation = _Creation(lambda obj: self._created(request, obj))
        result = creating.create(self._registry, request.call, request.kind, request.namespace, record, creation)
        return self._object(request.kind, result), creation.file

    def renew(self, request: Request, name: str, seconds: int | None, revoke_previous: bool | None) -> tuple[Object, str]:
        """Another credential for the same identity; None: as the record says.  Errors as of `create`; Conflict where it has too many."""
        renewal = _Renewal()

        def make(record: Object | None) -> Object:
            assert record is not None
            replaces = bool(record["spec"].get("revokePrevious")) if revoke_previous is None else revoke_previous
            return self._renewed(request, record, seconds or record["spec"]["expirationSeconds"], renewal, replaces=replaces)

        target = updating.Target(request.kind, request.namespace, name, "renew", companion=renewal)
        result, _ = updating.update(self._registry, request.call, target, make)
        return self._object(request.kind, result), renewal.file

    def revoke(self, request: Request, name: str) -> Object:
        """Ends all of the record's credentials; one that is revoked already stays as it is."""

        def make(record: Object | None) -> Object:
            assert record is not None
            status = record["status"]
            if not status.get("revokedAt"):
                moment = now()
                status |= {"revokedAt": moment, "revokedBy": request.call.user.name}
                for credential in status.get("credentials") or ():
                    credential.setdefault("revokedAt", moment)
                status["conditions"] = [_condition("False", "Revoked", f'revoked by "{request.call.user.name}"', moment)]
            return record

        target = updating.Target(request.kind, request.namespace, name, "revoke")
        result, _ = updating.update(self._registry, request.call, target, make)
        return self._object(request.kind, result)

    def _object(self, kind: Kind, result: Entry | Object) -> Object:
        return self._registry.codec(kind).load(result) if isinstance(result, Entry) else result

    def _created(self, request: Request, record: Object) -> tuple[Sequence[Write], str]:
        spec = record["spec"]
        if spec.get("expirationSeconds") is None:
            spec["expirationSeconds"] = self._credentials.lifetime(record, self._rules.latest(request.requester))
        until = self._credentials.until(record, spec["expirationSeconds"])
        self._rules.check(record, request.issuer, until)
        issued_by = request.call.user.name
        status: Object = {"username": username(record), "issuedBy": issued_by}
        record["status"] = status
        bindings = _Bindings(self._registry, request.call, self._rules)
        writes = bindings.bind(record, until)
        if request.call.dry_run:
            return (), ""
        issued = self._credentials.issue(record, spec["expirationSeconds"], issued_by)
        status["credentials"] = [issued.credential]
        status["conditions"] = [_condition("True", "Issued", f'issued by "{issued_by}"', issued.credential["issuedAt"])]
        if bindings.written:
            status["roleBindings"] = bindings.written
        return writes, issued.file

    def _renewed(self, request: Request, record: Object, seconds: int, renewal: _Renewal, *, replaces: bool) -> Object:
        status, name = record["status"], record["metadata"]["name"]
        resource = request.kind.resource.group_resource
        if status.get("revokedAt"):
            raise Conflict.of(resource, name, "it was revoked: delete it, or create another of another name")
        if record["metadata"].get("deletionTimestamp"):
            raise Conflict.of(resource, name, "it is being deleted")
        moment, listed = now(), list(status.get("credentials") or ())
        live = [each for each in listed if _is_live(each, moment)]
        if len(live) >= MAX_LIVE and not replaces:
            why = f"{len(live)} of its credentials are good, and more are not allowed: renew it with revokePrevious"
            raise Conflict.of(resource, name, why)
        until = self._credentials.until(record, seconds)
        self._rules.check(record, request.issuer, until)
        renewal.writes = _Bindings(self._registry, request.call, self._rules).extend(record, until)
        if request.call.dry_run:
            return record
        issued: Issued = self._credentials.issue(record, seconds, request.call.user.name)
        renewal.file = issued.file
        if replaces:
            for each in live:
                each["revokedAt"] = moment
        ended = [each for each in listed if not _is_live(each, moment)]
        dropped = ended[: -(MAX_LISTED - MAX_LIVE)]
        status["credentials"] = [*(each for each in listed if each not in dropped), issued.credential]
        return record


class _Creation(NoCompanion):
    """The writes that go with a new record, and its file."""

    def __init__(self, make: Callable[[Object], tuple[Sequence[Write], str]]) -> None:
        self._make = make
        self.file = ""

    def create(self, obj: Object) -> Sequence[Write]:
        writes, self.file = self._make(obj)
        return writes


class _Renewal(NoCompanion):
    """The writes that go with a renewal, and its file."""

    def __init__(self) -> None:
        self.writes: Sequence[Write] = ()
        self.file = ""

    def update(self, obj: Object, old: Object) -> Sequence[Write]:  # noqa: ARG002 - a Companion's signature
        return self.writes


class _Bindings:
    """Writes bindings as the issuer would: authorized, admitted, and guarded against escalation."""

    def __init__(self, registry: Registry, call: Call, rules: IssuingRules) -> None:
        self._registry = registry
        self._rules = rules
        self._call = Call(call.user, call.options, call.dry_run, STRICT, call.warnings, call.authorizer)
        self.written: list[Object] = []
        """How the record's status names what `bind` writes."""

    def bind(self, record: Object, until: float) -> list[Write]:
        """The writes of the role's bindings, which end with the first credential."""
        spec = record["spec"]
        if not spec.get("roleRef"):
            return []
        return [self._create(record, namespace, until) for namespace in spec.get("namespaces") or ("",)]

    def extend(self, record: Object, until: float) -> list[Write]:
        """The writes that let the bindings that are still there last as long as a new credential."""
        writes: list[Write] = []
        for kind, entry in existing_bindings(self._registry.store, self._registry.catalog, record):
            codec, key = self._registry.codec(kind), entry.key
            old, binding = codec.load(entry), codec.load(entry)
            if (expiry_of(old) or 0.0) >= until or expiry_of(old) is None:
                continue
            binding["metadata"]["annotations"][EXPIRES_AT] = format_epoch(until)
            self._authorize("update", kind, key.namespace, key.name)
            asked = attributes(self._call, Operation.UPDATE, kind, key.namespace, key.name, binding, old)
            self._registry.mutate(self._call, asked, kind)
            self._registry.guard(self._call, kind, key.namespace, binding, old)
            self._registry.validate(self._call, asked)
            writes.append(ChargedWrite(key, entry.revision, codec.encode(binding), tuple(asked.charges)))
        return writes

    def _create(self, record: Object, namespace: str, until: float) -> Write:
        kind = binding_kind(self._registry.catalog, namespace)
        binding = _binding(record, kind, namespace, until)
        self._authorize("create", kind, namespace, "")
        self._rules.check_role(record, namespace)
        asked = creating.admit(self._registry, self._call, kind, namespace, binding)
        metadata, codec = binding["metadata"], self._registry.codec(kind)
        place: Object = {"namespace": namespace} if namespace else {}
        self.written.append({**place, "name": metadata["name"], "uid": metadata["uid"]})
        return ChargedWrite(codec.key(namespace, metadata["name"]), 0, codec.encode(binding), tuple(asked.charges))

    def _authorize(self, verb: str, kind: Kind, namespace: str, name: str) -> None:
        assert self._call.authorizer is not None
        group, version, resource = kind.resource
        question = Question(self._call.user, verb, namespace, group, version, resource, "", name)
        verdict = self._call.authorizer.authorize(question)
        if not verdict.allowed:
            raise forbidden(question, verdict.reason)


def _binding(record: Object, kind: Kind, namespace: str, until: float) -> Object:
    """The record's role in one namespace, or without one in the cluster, for its user or service account alone."""
    metadata, spec = record["metadata"], record["spec"]
    home, account = metadata.get("namespace", ""), spec.get("serviceAccountName")
    subject: Object = {"kind": "User", "apiGroup": GROUP, "name": spec.get("user")}
    if account:
        subject = {"kind": "ServiceAccount", "namespace": home, "name": account}
    made: Object = {"name": f"kubeconfig:{metadata['name']}:{metadata['uid'][:8]}", "annotations": {EXPIRES_AT: format_epoch(until)}}
    if home in ("", namespace):
        owner = {"apiVersion": _GROUP_VERSION, "kind": record["kind"], "name": metadata["name"], "uid": metadata["uid"]}
        made["ownerReferences"] = [owner]
    gvk = kind.gvk
    return {
        "apiVersion": str(gvk.group_version),
        "kind": gvk.kind,
        "metadata": made,
        "roleRef": dict(spec["roleRef"]),
        "subjects": [subject],
    }


def _is_live(credential: Object, moment: str) -> bool:
    return not credential.get("revokedAt") and parse_time(credential["expiresAt"]) > parse_time(moment)


def _condition(status: str, reason: str, message: str, moment: str) -> Object:
    return {"type": "Valid", "status": status, "reason": reason, "message": message, "lastTransitionTime": moment}
