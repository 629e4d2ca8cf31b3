"""Nobody issues a kubeconfig for more than they hold, nor for longer: checks on issuing.

Whoever issues could use what they issue.  So a service account's needs the right to have a token of it, as TokenRequest does; a person's
needs a name that is the issuer's to give, and that whatever this name and these groups hold anywhere is held by the issuer there, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from cluster.api import field
from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import Forbidden, Invalid, NotFound
from cluster.api.field import quoted
from cluster.api.meta import format_epoch
from cluster.api.names import GroupKind, Object
from cluster.api.protocols import Reader
from cluster.api.tenancy import TENANTS
from cluster.api.user import AUTHENTICATED, MASTERS, UserInfo
from rbac.authz.index import RbacIndex, subject_keys
from rbac.authz.messages import forbidden_message
from rbac.authz.rbac import RuleResolver
from rbac.credentials.check import expiry_in
from rbac.credentials.reference import GROUP, Reference, credential_of
from rbac.escalation import confirm_held
from rbac.rules import uncovered
from rbac.tenancy import may_assign, owns

_SYSTEM: Final = "system:"


class Issuer(Struct, frozen=True):
    """Who issues: `user` acts, `requester` authenticated; they differ where one impersonates the other."""

    user: UserInfo
    requester: UserInfo


class IssuingRules:
    """Judges who may have a credential issued for whom."""

    def __init__(self, authorizer: Authorizer, resolver: RuleResolver, index: RbacIndex, reader: Reader) -> None:
        self._authorizer = authorizer
        self._resolver = resolver
        self._index = index
        self._reader = reader

    def check(self, record: Object, issuer: Issuer, until: float) -> None:
        """Forbidden unless the issuer may have a credential that ends at `until` (epoch seconds) for the record's identity."""
        spec, reference = record["spec"], Reference.of(record)
        self._check_lifetime(reference, issuer.requester, until)
        account = spec.get("serviceAccountName")
        if account:
            self._check_token(reference, issuer.user, account, until)
            return
        identity = UserInfo(spec["user"], groups=(*(spec.get("groups") or ()), AUTHENTICATED))
        for resource, names in (("users", (identity.name,)), ("groups", spec.get("groups") or ())):
            self._check_names(reference, issuer.user, resource, names, until)
        self._check_held(reference, issuer.user, identity, until)
        self._check_tenants(reference, issuer.user, identity)

    def check_role(self, record: Object, namespace: str) -> None:
        """Invalid where the role that comes along is missing there: whoever names it has mistyped it."""
        role = record["spec"]["roleRef"]
        try:
            self._resolver.rules_of(role, namespace)
        except NotFound:
            where = f' in namespace "{namespace}"' if role["kind"] == "Role" else ""
            fault = field.invalid("spec.roleRef.name", role["name"], f"there is no such {role['kind']}{where}")
            raise Invalid.of(GroupKind(GROUP, record["kind"]), record["metadata"]["name"], [fault]) from None

    def latest(self, requester: UserInfo) -> float:
        """When whatever the requester has issued ends at the latest (epoch seconds): with the issued kubeconfig that they use."""
        own = credential_of(requester)
        if own is None:
            return math.inf
        used, credential_id = own
        return expiry_in(self._reader.get(used.resource, used.namespace, used.name), credential_id) or 0.0

    def _check_lifetime(self, reference: Reference, requester: UserInfo, until: float) -> None:
        latest = self.latest(requester)
        if until > latest:
            why = f"it would be good until {format_epoch(until)}, and the kubeconfig that you use until {format_epoch(latest)}"
            raise Forbidden.of(reference.resource, reference.name, f"{why}: ask for a shorter expirationSeconds")

    def _check_token(self, reference: Reference, user: UserInfo, account: str, until: float) -> None:
        question = Attributes(user, "create", reference.namespace, "", "v1", "serviceaccounts", "token", account, until=until)
        if not self._authorizer.authorize(question).allowed:
            raise Forbidden.of(reference.resource, reference.name, f"{forbidden_message(question)} that is named {quoted(account)}")

    def _check_names(self, reference: Reference, user: UserInfo, resource: str, names: Sequence[str], until: float) -> None:
        """Names that begin with the namespace belong to whoever issues there; all others are for those who may impersonate them."""
        prefix = f"{reference.namespace}:" if reference.namespace else ""
        for name in names:
            if prefix and resource == "groups" and name == MASTERS:
                raise Forbidden.of(reference.resource, reference.name, f"group {quoted(MASTERS)} belongs to no namespace")
            if prefix and name.startswith(prefix) and name != prefix and not name.startswith(_SYSTEM):
                continue
            question = Attributes(user, "impersonate", "", "", "v1", resource, "", name, until=until)
            if self._authorizer.authorize(question).allowed:
                continue
            why = forbidden_message(question) + f" that is named {quoted(name)}"
            if prefix and not name.startswith(_SYSTEM):
                why += f": name it {quoted(prefix + name)}"
            raise Forbidden.of(reference.resource, reference.name, why)

    def _check_held(self, reference: Reference, user: UserInfo, identity: UserInfo, until: float) -> None:
        """Whatever the identity's bindings give it anywhere, its issuer holds there."""
        if MASTERS in user.groups:
            return
        for scope in self._index.scopes_of(subject_keys(identity)):
            wanted, _ = self._resolver.rules_for(identity, scope)
            if not reference.namespace or scope == reference.namespace:
                confirm_held(user, wanted, reference.resource, scope, reference.name, self._resolver, until)
                continue
            held, _ = self._resolver.rules_for(user, scope, until)
            if uncovered(held, wanted):  # what others were granted elsewhere is not shown to this namespace's administrator
                why = f"user {quoted(user.name)} is attempting to grant RBAC permissions not currently held: {quoted(identity.name)}"
                raise Forbidden.of(reference.resource, reference.name, f"{why} and its groups hold more outside this namespace")

    def _check_tenants(self, reference: Reference, user: UserInfo, identity: UserInfo) -> None:
        """Owners of a tenant have more than their bindings: its namespaces to come."""
        if MASTERS in user.groups:
            return
        for tenant in self._reader.list(TENANTS):
            if owns(identity, tenant) and not (owns(user, tenant) or may_assign(user, tenant["metadata"]["name"], self._authorizer)):
                why = f"user {quoted(user.name)} is attempting to grant a tenant that is not their own: {quoted(identity.name)}"
                raise Forbidden.of(reference.resource, reference.name, f"{why} or one of its groups owns it")
