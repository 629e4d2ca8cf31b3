"""The authorizers of a cluster: system:masters first, then those that its configuration names, in that order.

Upstream: `pkg/kubeapiserver/authorizer/{config,reload}.go`.  A configuration can be replaced while the server runs; what keeps
an index (Node, RBAC) is made once, and only where the first configuration names it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cluster.api.authorization import Attributes, Authorizer, Verdict
from cluster.api.protocols import HttpCallers, Reader
from cluster.api.user import UserInfo
from rbac.authz.configuration import (
    ALWAYS_ALLOW,
    ALWAYS_DENY,
    NODE,
    RBAC,
    WEBHOOK,
    AuthorizerConfiguration,
    BadConfiguration,
    Configuration,
)
from rbac.authz.index import RbacIndex
from rbac.authz.modes import (
    AlwaysAllowAuthorizer,
    AlwaysDenyAuthorizer,
    ListedRules,
    RuleLister,
    all_rules,
    no_rules,
    node_rules,
    united,
    webhook_rules,
)
from rbac.authz.node import NodeAuthorizer
from rbac.authz.node_graph import NodeGraph
from rbac.authz.observers import UNOBSERVED, AuthorizerObserver, unobserved
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from rbac.authz.union import PrivilegedGroupAuthorizer, UnionAuthorizer
from rbac.bootstrap import default_objects

DEFAULT: Final[Configuration] = (AuthorizerConfiguration(NODE, "node"), AuthorizerConfiguration(RBAC, "rbac"))
Member = tuple[Authorizer, RuleLister]


class ConfiguredAuthorizer:
    """Asks the authorizers of the configuration in force, which `configure` replaces as a whole."""

    def __init__(
        self, lasting: dict[str, Member], required: frozenset[str], callers: HttpCallers | None, observer: AuthorizerObserver
    ) -> None:
        """`lasting` are the authorizers without settings, by type; `required` are the types that every configuration has to name."""
        self.required = required
        self._lasting = lasting
        self._callers = callers
        self._observer = observer
        self._union = UnionAuthorizer(())
        self._listers: tuple[RuleLister, ...] = ()
        self._configuration: Configuration = ()
        self.told: Callable[[Attributes, Verdict], None] | None = None
        """Is told of all that is asked and answered, where somebody wants to know it of one request: a test of roles."""

    @property
    def members(self) -> tuple[Authorizer, ...]:
        """Whom it asks, in order."""
        return self._union.members

    def authorize(self, attributes: Attributes) -> Verdict:
        verdict = self._union.authorize(attributes)
        if self.told is not None:
            self.told(attributes, verdict)
        return verdict

    def rules_for(self, user: UserInfo, namespace: str) -> ListedRules:
        """What a user may do in a namespace, as far as the authorizers can list it."""
        return united(self._listers, user, namespace)

    def configure(self, configuration: Configuration) -> bool:
        """Puts a configuration in force; False where it is in force already.  BadConfiguration leaves everything as it is."""
        if configuration == self._configuration:
            return False
        made = [self._member(each) for each in configuration]
        self._listers = tuple(lister for _, lister in made)
        members = (PrivilegedGroupAuthorizer(), *(authorizer for authorizer, _ in made))
        self._union = UnionAuthorizer(members, (unobserved, *(self._observer.decisions(each.type, each.name) for each in configuration)))
        self._configuration = configuration
        return True

    def _member(self, authorizer: AuthorizerConfiguration) -> Member:
        if authorizer.type == WEBHOOK:
            return self._webhook(authorizer), webhook_rules
        known = self._lasting.get(authorizer.type)
        if known is None:
            raise BadConfiguration(f"authorizer type {authorizer.type} is not allowed if it was not enabled at initial server startup")
        return known

    def _webhook(self, authorizer: AuthorizerConfiguration) -> Authorizer:
        from rbac.authz.webhook import WebhookAuthorizer

        assert authorizer.webhook is not None
        assert self._callers is not None, "a configuration with webhooks is given what calls them"
        try:
            return WebhookAuthorizer(authorizer, self._callers.of_kubeconfig(authorizer.webhook.kubeconfig), observer=self._observer)
        except (OSError, ValueError) as error:
            raise BadConfiguration(f"authorizer {authorizer.name}: {error}") from None


class Authorization(Struct, frozen=True):
    """What the server is given: decisions, rules for reviews and escalation checks, and the index that both come from."""

    authorizer: ConfiguredAuthorizer
    resolver: RuleResolver
    index: RbacIndex


def build_authorization(
    reader: Reader,
    configuration: Configuration = DEFAULT,
    callers: HttpCallers | None = None,
    observer: AuthorizerObserver = UNOBSERVED,
) -> Authorization:
    """Follows the reader's roles, bindings and pods from now on; BadConfiguration.

    Roles are followed even where RBAC is not asked, for nobody may write what would count once it is.
    """
    index = RbacIndex.following(reader)
    resolver = RuleResolver(index)

    def rbac_rules(user: UserInfo, namespace: str) -> ListedRules:
        rules, problem = resolver.rules_for(user, namespace)
        return ListedRules(rules, error=problem)

    required = frozenset(each.type for each in configuration if each.type != WEBHOOK)
    lasting: dict[str, Member] = {ALWAYS_ALLOW: (AlwaysAllowAuthorizer(), all_rules), ALWAYS_DENY: (AlwaysDenyAuthorizer(), no_rules)}
    if NODE in required:
        lasting[NODE] = (_node(reader), node_rules)
    if RBAC in required:
        lasting[RBAC] = (RbacAuthorizer(index), rbac_rules)
    authorizer = ConfiguredAuthorizer(lasting, required, callers, observer)
    authorizer.configure(configuration)
    return Authorization(authorizer, resolver, index)


def _node(reader: Reader) -> NodeAuthorizer:
    role = next(each for each in default_objects() if each["metadata"]["name"] == "system:node")
    return NodeAuthorizer(NodeGraph.following(reader), role["rules"])
