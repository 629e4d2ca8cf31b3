"""How an owner makes a namespace of their tenant: within its prefix and its quota, furnished from the first moment.

The namespace, its furniture and the tenant's record of it are one transaction that expects the tenant as it was read.  Of claims that
come at the same moment, in whatever processes, one is written and the others count again: the quota is never passed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from admission.attributes import Operation
from cluster.api import field
from cluster.api.authorization import Authorizer
from cluster.api.errors import AlreadyExists, Conflict, Forbidden, Invalid
from cluster.api.field import FieldError
from cluster.api.furnishing import furniture, namespace_metadata
from cluster.api.meta import generate_name
from cluster.api.names import GroupKind, GroupResource, Object
from cluster.api.tenancy import TENANT_LABEL, TENANTS, declared_names, prefix_of, quota_of
from cluster.api.user import UserInfo
from cluster.api.validation import is_dns1123_label
from cluster.kinds.model import Kind
from cluster.registry.codec import labels, shared
from cluster.registry.create import NAMES_TRIED, prepare
from cluster.registry.furnish import first_writes
from cluster.registry.metadata import fill_system_fields, metadata_of, validate_new
from cluster.registry.registry import Call, Registry, attributes
from cluster.storage.contract import Entry, Write, WriteConflict
from rbac.tenancy import may_assign, owns

_KIND: Final = GroupKind("berth.io", "TenantNamespace")
_RESOURCE: Final = GroupResource("berth.io", "tenantnamespaces")
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""The one annotation that is the client's: kubectl's own note of what was applied."""
_ATTEMPTS: Final = 256
"""How often a claim is made against others' of the same tenant."""


class TenantClaims:
    """Makes namespaces for owners of tenants."""

    def __init__(self, registry: Registry, namespaces: Kind, authorizer: Authorizer) -> None:
        self._registry = registry
        self._namespaces = namespaces
        tenants = registry.catalog.by_group_resource(TENANTS)
        assert tenants is not None, "every version serves tenants"
        self._tenants = tenants
        self._authorizer = authorizer

    def tenant(self, name: str) -> Object | None:
        """A copy of the Tenant; None where there is none."""
        codec = self._registry.codec(self._tenants)
        entry = self._registry.store.get(codec.key("", name))
        return codec.load(entry) if entry is not None else None

    def create(self, call: Call, sent: Object) -> Object:
        """The Namespace that was made of a TenantNamespace; Forbidden, Invalid, AlreadyExists, or what admission raises."""
        metadata = metadata_of(sent)
        given, base = metadata.get("name") or "", metadata.get("generateName") or ""
        asked = (sent.get("spec") or {}).get("tenant") or ""
        refuse_metadata(given or base, metadata, {})
        note = {key: value for key, value in (metadata.get("annotations") or {}).items() if key == LAST_APPLIED}
        tried = 0
        for _ in range(_ATTEMPTS):
            name = given or (generate_name(base) if base else "")
            _check_name(name)
            tenant = self._owned(call.user, name, asked)
            try:
                return self._attempt(call, name, tenant, note)
            except WriteConflict:
                continue
            except AlreadyExists:
                tried += 1
                if given or tried == NAMES_TRIED:
                    raise
        why = "too many namespaces of the tenant are being made; please try again"
        raise Conflict.of(_RESOURCE, given, why)

    def _attempt(self, call: Call, name: str, tenant: Entry, note: Mapping[str, str]) -> Object:
        """One try against one revision of the tenant; WriteConflict where somebody else was faster."""
        registry, codec = self._registry, self._registry.codec(self._namespaces)
        owner = self._registry.codec(self._tenants).load(tenant)
        key = codec.key("", name)
        if registry.store.get(key) is not None:
            raise AlreadyExists.of(_RESOURCE, name)
        self._check_quota(owner, name)
        namespace = self._namespace(call, name, owner, note)
        if call.dry_run:
            return namespace
        status = owner.setdefault("status", {})
        known = [each for each in status.get("namespaces") or () if each["name"] != name]
        status["namespaces"] = sorted([*known, {"name": name, "phase": "Active"}], key=lambda each: str(each["name"]))
        writes = first_writes(registry, furniture(owner, name, time.time()))
        writes.append(Write(tenant.key, tenant.revision, registry.codec(self._tenants).encode(owner)))
        value = codec.encode(namespace)
        revision = registry.store.commit([*writes, Write(key, 0, value)])
        return codec.load(Entry(key, revision, value))

    def _namespace(self, call: Call, name: str, tenant: Object, note: Mapping[str, str]) -> Object:
        """The Namespace after admission and validation; what the tenant says of it stands whatever admission does."""
        kind, registry = self._namespaces, self._registry
        namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": dict(note)}}
        self._mark(namespace, tenant)
        kind.strategy.default(namespace)
        asked = attributes(call, Operation.CREATE, kind, name, name, namespace, None)
        registry.mutate(call, asked, kind)
        self._mark(namespace, tenant)
        fill_system_fields(namespace, kind)
        prepare(call, kind, namespace)
        validate_new(namespace, kind)
        registry.validate(call, asked)
        return namespace

    @staticmethod
    def _mark(namespace: Object, tenant: Object) -> None:
        metadata = namespace["metadata"]
        metadata["labels"], metadata["annotations"] = namespace_metadata(tenant, metadata)

    def _owned(self, user: UserInfo, name: str, asked: str) -> Entry:
        """The tenant that a namespace of that name would belong to; Forbidden for one that isn't the user's.

        Whether a tenant that isn't theirs exists, they are not told.
        """
        gvk = self._tenants.gvk
        entries = self._registry.store.list(str(TENANTS)).entries
        mine = [entry for entry in entries if self._may_claim(user, shared(entry, gvk))]
        if asked:
            mine = [entry for entry in mine if entry.key.name == asked]
            if not mine:
                raise Forbidden.of(_RESOURCE, name, f'you do not own tenant "{asked}"')
        if not mine:
            raise Forbidden.of(_RESOURCE, name, "you own no tenant: ask an administrator for a namespace")
        found = next((entry for entry in mine if name.startswith(prefix_of(shared(entry, gvk)))), None)
        if found is None:
            shown = ", ".join(f'"{prefix_of(shared(entry, gvk))}"' for entry in mine[:10])
            raise Forbidden.of(_RESOURCE, name, f"the name must begin with the prefix of a tenant that you own: {shown}")
        if name == prefix_of(shared(found, gvk)):
            raise _invalid(name, [field.invalid("metadata.name", name, "must go on after the tenant's prefix")])
        if shared(found, gvk)["metadata"].get("deletionTimestamp"):
            raise Forbidden.of(_RESOURCE, name, f'tenant "{found.key.name}" is being deleted')
        return found

    def _may_claim(self, user: UserInfo, tenant: Object) -> bool:
        return owns(user, tenant) or may_assign(user, tenant["metadata"]["name"], self._authorizer)

    def _check_quota(self, tenant: Object, name: str) -> None:
        """Forbidden past the quota: declared namespaces and those that are being deleted count, too."""
        quota, tenant_name = quota_of(tenant), tenant["metadata"]["name"]
        if quota is None:
            return
        entries = self._registry.store.list(str(self._namespaces.storage)).entries
        held = {entry.key.name for entry in entries if labels(entry).get(TENANT_LABEL) == tenant_name} | {*declared_names(tenant)}
        if name not in held and len(held) >= quota:
            why = f'exceeded quota: tenant "{tenant_name}" has {len(held)} of at most {quota} namespaces'
            raise Forbidden.of(_RESOURCE, name, why)


def refuse_metadata(name: str, metadata: Object, held: Object) -> None:
    """Invalid where labels or annotations differ from those that the namespace has: they steer policies, and are not its owner's."""
    why = "namespaces of a tenant have what its spec.namespaces says"
    errors: list[FieldError] = []
    for part in ("labels", "annotations"):
        asked, has = metadata.get(part) or {}, held.get(part) or {}
        changed = sorted(key for key in {*asked, *has} if asked.get(key) != has.get(key) and key != LAST_APPLIED)
        errors += [field.forbidden(field.key(f"metadata.{part}", key), why) for key in changed]
    if errors:
        raise _invalid(name, errors)


def _check_name(name: str) -> None:
    if not name:
        raise _invalid(name, [field.required("metadata.name", "name or generateName is required")])
    errors = [field.invalid("metadata.name", name, message) for message in is_dns1123_label(name)]
    if errors:
        raise _invalid(name, errors)


def _invalid(name: str, errors: list[FieldError]) -> Invalid:
    return Invalid.of(_KIND, name, errors)
