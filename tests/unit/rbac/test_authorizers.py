"""The authorizers that a configuration names: their order, those that know nothing, and what each tells of its rules."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.errors import Forbidden
from cluster.api.user import UserInfo
from rbac.authz.build import Authorization, build_authorization
from rbac.authz.configuration import AuthorizerConfiguration, BadConfiguration, Configuration, WebhookConfiguration
from rbac.authz.index import CLUSTER_ROLES
from rbac.authz.union import UnionAuthorizer
from rbac.escalation import check_role_write
from rbac.reviews import self_subject_access_review, self_subject_rules_review
from tests.unit.rbac.world import NODE, World, ask, binding, cluster_role, rule, user

TINA = user("tina")
MASTER = UserInfo("root", groups=("system:masters",))
EVERYTHING = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


def of(*types: str) -> Configuration:
    return tuple(AuthorizerConfiguration(each, each.lower()) for each in types)


def built(*types: str, world: World | None = None) -> Authorization:
    return build_authorization(world or World(), of(*types))


class Fixed:
    """Always of the same mind."""

    name = "Fixed"

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict

    def authorize(self, attributes: Attributes) -> Verdict:
        return self._verdict


@pytest.mark.parametrize(
    ("types", "who", "verdict"),
    [
        (("AlwaysAllow",), TINA, Verdict(Decision.ALLOW)),
        (("AlwaysDeny",), TINA, Verdict(Decision.NO_OPINION, "Everything is forbidden.")),
        (("AlwaysDeny", "AlwaysAllow"), TINA, Verdict(Decision.ALLOW)),
        (("AlwaysDeny",), MASTER, Verdict(Decision.ALLOW)),
        (("RBAC", "AlwaysDeny"), TINA, Verdict(Decision.NO_OPINION, "Everything is forbidden.")),
        (("RBAC",), NODE, Verdict(Decision.NO_OPINION)),
    ],
)
def test_authorizers_are_asked_in_order_after_masters(types: tuple[str, ...], who: UserInfo, verdict: Verdict) -> None:
    assert built(*types).authorizer.authorize(ask(who, "create pods/eviction", "dev", "x")) == verdict


def test_the_order_decides_between_a_denial_and_an_allowance() -> None:
    allow, deny = Fixed(Verdict(Decision.ALLOW)), Fixed(Verdict(Decision.DENY, "no"))
    question = ask(TINA, "get pods")
    assert UnionAuthorizer((deny, allow)).authorize(question) == Verdict(Decision.DENY, "no")
    assert UnionAuthorizer((allow, deny)).authorize(question) == Verdict(Decision.ALLOW)


def test_an_allowance_after_an_error_is_one() -> None:
    failed, allow = Fixed(Verdict(Decision.NO_OPINION, "", "broken")), Fixed(Verdict(Decision.ALLOW))
    assert UnionAuthorizer((failed, allow)).authorize(ask(TINA, "get pods")) == Verdict(Decision.ALLOW)


def test_without_an_opinion_all_reasons_and_errors_are_told() -> None:
    first, second = Fixed(Verdict(Decision.NO_OPINION, "a", "x")), Fixed(Verdict(Decision.NO_OPINION, "b", "y"))
    assert UnionAuthorizer((first, second)).authorize(ask(TINA, "get pods")) == Verdict(Decision.NO_OPINION, "a\nb", "[x, y]")


def test_an_error_is_told_in_a_review() -> None:
    spec = {"resourceAttributes": {"verb": "get", "resource": "pods", "fieldSelector": {"rawSelector": "\\"}}}
    answered = self_subject_access_review({"spec": spec}, TINA, Fixed(Verdict(Decision.NO_OPINION, "", "broken")))
    told = "broken; spec.resourceAttributes.fieldSelector ignored due to parse error"
    assert answered["status"] == {"allowed": False, "evaluationError": told}


def rules(authorization: Authorization, who: UserInfo) -> dict[str, Any]:
    found: dict[str, Any] = self_subject_rules_review({"spec": {"namespace": "dev"}}, who, authorization.authorizer.rules_for)["status"]
    return found


def test_where_everything_is_allowed_everything_is_listed() -> None:
    assert rules(built("AlwaysAllow"), TINA) == {
        "resourceRules": [EVERYTHING],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    }


def test_where_nothing_is_allowed_nothing_is_listed() -> None:
    assert rules(built("AlwaysDeny"), TINA) == {"resourceRules": [], "nonResourceRules": [], "incomplete": False}


def test_who_is_not_asked_lists_nothing() -> None:
    world = World()
    world.add(cluster_role("reader", rule("get", "pods")), binding("dev", "b", "ClusterRole/reader", "User:tina"))
    assert rules(built("AlwaysDeny", world=world), TINA)["resourceRules"] == []
    assert rules(built("RBAC", world=world), TINA)["resourceRules"] == [rule("get", "pods")]
    assert rules(built("RBAC"), NODE)["incomplete"] is False
    assert rules(built("Node"), NODE)["incomplete"] is True


class Nowhere:
    """Knows no service."""

    def of_url(self, url: str, ca_pem: str = "") -> Any:
        raise ValueError(url + ca_pem)

    def of_kubeconfig(self, path: str, context: str = "") -> Any:
        if path == "/good":
            return object()
        raise ValueError(f'"{path}" is no kubeconfig')


def hook(path: str) -> AuthorizerConfiguration:
    return AuthorizerConfiguration("Webhook", "hook", WebhookConfiguration(path))


def test_a_webhook_says_that_its_rules_are_not_known() -> None:
    found = rules(build_authorization(World(), (*of("RBAC"), hook("/good")), Nowhere()), TINA)
    assert (found["incomplete"], found["evaluationError"]) == (True, "webhook authorizer does not support user rule resolution")


def test_a_webhook_without_a_kubeconfig_is_refused() -> None:
    with pytest.raises(BadConfiguration, match=r'^authorizer hook: "/bad" is no kubeconfig$'):
        build_authorization(World(), (hook("/bad"),), Nowhere())


def test_another_configuration_is_put_in_force_as_a_whole() -> None:
    made = build_authorization(World(), of("RBAC"), Nowhere())
    question = ask(TINA, "get pods", "dev")
    assert not made.authorizer.authorize(question).allowed
    assert made.authorizer.configure(of("RBAC", "AlwaysAllow")) is True
    assert made.authorizer.configure(of("RBAC", "AlwaysAllow")) is False
    assert made.authorizer.authorize(question).allowed
    assert rules(made, TINA)["resourceRules"] == [EVERYTHING]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (of("RBAC", "Node"), "authorizer type Node is not allowed if it was not enabled at initial server startup"),
        ((*of("AlwaysAllow"), hook("/bad")), 'authorizer hook: "/bad" is no kubeconfig'),
    ],
)
def test_a_configuration_that_cannot_be_changes_nothing(changed: Configuration, message: str) -> None:
    made = build_authorization(World(), of("RBAC"), Nowhere())
    with pytest.raises(BadConfiguration) as caught:
        made.authorizer.configure(changed)
    assert str(caught.value) == message
    assert not made.authorizer.authorize(ask(TINA, "get pods", "dev")).allowed


def test_roles_are_guarded_even_where_rbac_is_not_asked() -> None:
    made = built("AlwaysDeny")
    with pytest.raises(Forbidden, match="attempting to grant RBAC permissions not currently held"):
        check_role_write(TINA, CLUSTER_ROLES, "", cluster_role("r", rule("get", "pods")), None, made.authorizer, made.resolver)
