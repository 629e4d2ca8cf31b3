"""Kinds that exist in a request only: reviews, the legacy binding, component statuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from admission.attributes import Operation
from cluster.api.authorization import Authorizer
from cluster.api.errors import MethodNotAllowed, NotFound
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from cluster.kinds.catalog import Catalog
from cluster.kinds.model import Kind
from cluster.registry.metadata import match_namespace, wipe_system_fields
from cluster.registry.registry import Registry, attributes
from cluster.server.context import Context
from cluster.server.dispatch import SubHandler
from cluster.server.negotiation import output_of
from cluster.server.render import value_response
from cluster.server.resources import Resources
from cluster.server.response import Response
from cluster.server.subresources import Subresources
from rbac.authz.modes import RuleLister

Review = Callable[[Object, UserInfo, str], Object]
"""(what was sent, who asks, the URL's namespace) to the answer."""


class TokenReviewer(Protocol):
    """What is asked in a TokenReview."""

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]]:
        """(user, audiences that the token is good for); Unauthorized for a bad one."""
        ...


class Virtual:
    """Answers what is created but never stored."""

    def __init__(
        self,
        registry: Registry,
        resources: Resources,
        subresources: Subresources,
        authorizer: Authorizer,
        lister: RuleLister,
        tokens: TokenReviewer,
        own: Mapping[GroupResource, SubHandler],
    ) -> None:
        self._registry = registry
        self._catalog: Catalog = registry.catalog
        self._resources = resources
        self._subresources = subresources
        self._reviews = _reviews(authorizer, lister, tokens)
        self._own = own

    def __call__(self, context: Context, kind: Kind) -> Response:
        resource, info = kind.resource.resource, context.info
        if kind.verbs == ("create",) and (info.name or (kind.namespaced and not info.namespace)):
            raise NotFound.path()  # what can only be created is nowhere by name, nor in all namespaces
        if info.verb not in kind.verbs:
            raise MethodNotAllowed.plain()
        own = self._own.get(kind.resource.group_resource)
        if own is not None:
            return own(context, kind)
        if resource == "bindings":
            return self._subresources.legacy_binding(context, kind)
        review = self._reviews.get(resource)
        if review is not None:
            return self._review(context, kind, review)
        if resource == "componentstatuses":
            return self._component_statuses(context, kind)
        raise NotFound.path()

    def _review(self, context: Context, kind: Kind, review: Review) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        call, sent = self._resources.sent(context, kind, "CreateOptions")
        wipe_system_fields(sent)
        match_namespace(sent, context.info.namespace if kind.namespaced else "")
        asked = attributes(call, Operation.CREATE, kind, context.info.namespace, "", sent, None)
        self._registry.mutate(call, asked, kind)
        self._registry.validate(call, asked)
        return value_response(context, output, review(sent, context.user, context.info.namespace), 201)

    def _component_statuses(self, context: Context, kind: Kind) -> Response:
        """A kind long deprecated: there is nothing to tell, components are asked for their health directly."""
        context.warnings.append("v1 ComponentStatus is deprecated in v1.19+")
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        if context.info.name:
            raise NotFound.of(kind.resource.group_resource, context.info.name)
        body = {"kind": kind.list_kind, "apiVersion": str(kind.gvk.group_version), "metadata": {}, "items": []}
        return value_response(context, output, body)


def _reviews(authorizer: Authorizer, lister: RuleLister, tokens: TokenReviewer) -> dict[str, Review]:
    from rbac import reviews

    return {
        "tokenreviews": lambda obj, _user, _namespace: reviews.token_review(obj, tokens.authenticate_token),
        "selfsubjectreviews": lambda obj, user, _namespace: reviews.self_subject_review(obj, user),
        "subjectaccessreviews": lambda obj, _user, _namespace: reviews.subject_access_review(obj, authorizer),
        "localsubjectaccessreviews": lambda obj, _user, namespace: reviews.local_subject_access_review(obj, namespace, authorizer),
        "selfsubjectaccessreviews": lambda obj, user, _namespace: reviews.self_subject_access_review(obj, user, authorizer),
        "selfsubjectrulesreviews": lambda obj, user, _namespace: reviews.self_subject_rules_review(obj, user, lister),
    }
