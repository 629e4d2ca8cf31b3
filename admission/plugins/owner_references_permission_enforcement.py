"""OwnerReferencesPermissionEnforcement: who changes an object's owners may delete it, and who blocks an owner's end may finalize it.

Upstream: `plugin/pkg/admission/gc`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.pods import PODS
from admission.written import is_of
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Authorizer, Verdict
from cluster.api.field import quoted
from cluster.api.names import Object, parse_api_version
from cluster.kinds.catalog import Catalog
from cluster.kinds.model import Kind

_NOT_DELETABLE: Final = "cannot set an ownerRef on a resource you can't delete"
_NOT_FINALIZABLE: Final = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on"


class OwnerReferencesPermissionEnforcement:
    name = "OwnerReferencesPermissionEnforcement"

    def __init__(self, authorizer: Authorizer, catalog: Catalog) -> None:
        self._authorizer = authorizer
        self._catalog = catalog

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """Looks at what changes only.  A pod's status is passed over: its strategy lets no owner change."""
        if attributes.subresource == "status" and is_of(attributes, PODS):
            return
        owners, before = _owners(attributes.object), _owners(attributes.old_object)
        if owners == before:
            return
        if attributes.operation is not Operation.CREATE:
            self._check_deletable(attributes)
        blocking = _newly_blocking(owners, before)
        if blocking:
            self._check_finalizable(attributes, blocking)

    def _check_deletable(self, attributes: Attributes) -> None:
        """Owners decide when an object goes; one's own new object needs no such right."""
        group, version, resource = attributes.resource
        question = Question(
            attributes.user, "delete", attributes.namespace, group, version, resource, attributes.subresource, attributes.name
        )
        verdict = self._authorizer.authorize(question)
        if not verdict.allowed:
            raise forbidden(attributes, f"{_NOT_DELETABLE}: {_why(verdict)}")

    def _check_finalizable(self, attributes: Attributes, owners: Iterable[Object]) -> None:
        """An object that blocks its owner's deletion is as good as a finalizer of the owner."""
        anything = Question(attributes.user, "update", api_group="*", api_version="*", resource="*", subresource="finalizers", name="*")
        if self._authorizer.authorize(anything).allowed:
            return
        for owner in owners:
            kind = self._kind(attributes, owner)
            namespace = attributes.namespace if kind.namespaced else ""
            group, version, resource = kind.resource
            question = Question(attributes.user, "update", namespace, group, version, resource, "finalizers", owner.get("name") or "")
            verdict = self._authorizer.authorize(question)
            if not verdict.allowed:
                raise forbidden(attributes, f"{_NOT_FINALIZABLE}: {_why(verdict)}")

    def _kind(self, attributes: Attributes, owner: Object) -> Kind:
        """The owner's kind, whose name may also be written in lower case."""
        api_version, name = owner.get("apiVersion") or "", owner.get("kind") or ""
        try:
            served = self._catalog.resources(parse_api_version(api_version))
        except ValueError as error:
            raise _unmapped(attributes, api_version, name, str(error)) from None
        for kind in served:
            if name in (kind.gvk.kind, kind.gvk.kind.lower()):
                return kind
        raise _unmapped(attributes, api_version, name, f"no matches for kind {quoted(name)} in version {quoted(api_version)}")


def _unmapped(attributes: Attributes, api_version: str, kind: str, why: str) -> Exception:
    shown = f"cannot find RESTMapping for APIVersion {api_version} Kind {kind}: {why}"
    return forbidden(attributes, f"cannot set blockOwnerDeletion in this case because {shown}")


def _why(verdict: Verdict) -> str:
    return f"{verdict.reason}, {verdict.error or '<nil>'}"


def _owners(obj: Object | None) -> list[Object]:
    return ((obj or {}).get("metadata") or {}).get("ownerReferences") or []


def _newly_blocking(owners: Iterable[Object], before: Iterable[Object]) -> list[Object]:
    """Those that block their owner's deletion, and did not before."""
    blocked = {each.get("uid"): each.get("blockOwnerDeletion") for each in before}
    return [each for each in owners if each.get("blockOwnerDeletion") and not blocked.get(each.get("uid"))]
