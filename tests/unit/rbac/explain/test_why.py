"""`why`: who allowed it and by what; what came near to it; the least that would allow it."""

from __future__ import annotations

import pytest

from cluster.api.names import Object
from rbac.explain.view import Sources
from rbac.explain.why import why
from tests.unit.rbac.explain.questions import CATALOG, explained, sources_of
from tests.unit.rbac.explain.situations import ALLOWED, BUILDER, DENIED, EDIT, GET_POD, TINA, VIEW, Situation, dev, lasting, wide
from tests.unit.rbac.world import ask, binding, cluster_role, role, rule, user


def named(obj: Object) -> str:
    return f"{obj['namespace']}/{obj['name']}" if "namespace" in obj else str(obj["name"])


def grant_of(status: Object) -> str:
    grant = status.get("grantedBy")
    if grant is None:
        return ""
    subject = f"{grant['subject']['kind']} {named(grant['subject'])}"
    return f"{named(grant['binding'])} {grant['role']['name']} #{grant['rule']['index']} {subject}"


def miss_of(status: Object) -> str:
    misses = status.get("nearestMisses", [])
    return f"{named(misses[0]['binding'])} {'+'.join(each['dimension'] for each in misses[0]['failures'])}" if misses else ""


def least_of(status: Object) -> str:
    if "smallestGrant" not in status:
        return ""
    given = status["smallestGrant"]["objects"][0]
    (made,) = given["rules"]
    parts = [given["kind"], *made["verbs"], *made.get("nonResourceURLs", []), *made.get("resources", [])]
    parts += [str(made["apiGroups"])] if "apiGroups" in made else []
    return " ".join([*parts, *made.get("resourceNames", [])])


@pytest.mark.parametrize("situation", ALLOWED, ids=lambda each: each.name)
def test_what_allowed_it(situation: Situation) -> None:
    status = explained(situation.question, *situation.objects)
    assert (status["allowed"], status["stage"], status["decision"], status["authorizer"], grant_of(status)) == (
        True,
        "authorization",
        "Allow",
        situation.by,
        situation.grant,
    )


@pytest.mark.parametrize("situation", DENIED, ids=lambda each: each.name)
def test_what_nearly_allowed_it_and_what_would(situation: Situation) -> None:
    status = explained(situation.question, *situation.objects)
    assert (status["allowed"], status["stage"], status["decision"]) == (False, "authorization", "NoOpinion")
    assert (miss_of(status), least_of(status)) == (situation.miss, situation.least)
    if situation.says:
        assert [each["message"] for each in status["nearestMisses"][0]["failures"]] == situation.says
    assert any(situation.hint in each for each in status.get("hints", [""]))


def test_there_are_enough_situations() -> None:
    names = [each.name for each in (*ALLOWED, *DENIED)]
    assert len(names) == len(set(names))
    assert len(names) >= 60


@pytest.mark.parametrize("situation", DENIED, ids=lambda each: each.name)
def test_the_smallest_grant_applied_allows_it(situation: Situation) -> None:
    status = explained(situation.question, *situation.objects)
    assert explained(situation.question, *situation.objects, *status["smallestGrant"]["objects"])["allowed"]


def test_other_grants_are_told_within_a_bound() -> None:
    bindings = [dev(f"b{number}", "ClusterRole/view", "User:tina") for number in range(9)]
    status = explained(GET_POD, VIEW, *bindings, limit=3)
    also = [each["binding"]["name"] for each in status["alsoGrantedBy"]]
    assert (status["grantedBy"]["binding"]["name"], also, status["alsoGrantedByMore"]) == ("b0", ["b1", "b2", "b3"], 5)


def test_misses_are_told_within_a_bound() -> None:
    bindings = [binding(f"n{number}", "b", "ClusterRole/view", "User:tina") for number in range(9)]
    assert len(explained(GET_POD, VIEW, *bindings, limit=4)["nearestMisses"]) == 4


def test_an_expiry_is_told() -> None:
    status = explained(GET_POD, VIEW, lasting(dev("b", "ClusterRole/view", "User:tina")))
    assert status["grantedBy"]["binding"]["expiresAt"] == "2999-01-01T00:00:00Z"


def test_a_rule_is_followed_to_where_it_was_aggregated_from() -> None:
    part = cluster_role("monitoring-view", rule("get", "pods"))
    part["metadata"]["labels"] = {"to-view": "true"}
    other = cluster_role("network-view", rule("get", "services"))
    other["metadata"]["labels"] = {"to-view": "true"}
    selectors = {"clusterRoleSelectors": [{"matchLabels": {"to-view": "true"}}]}
    whole = cluster_role("view", rule("get", "services"), rule("get", "pods"), aggregationRule=selectors)
    status = explained(GET_POD, part, other, whole, dev("b", "ClusterRole/view", "User:tina"))
    assert (status["grantedBy"]["role"]["aggregatedFrom"], status["grantedBy"]["rule"]["index"]) == (["monitoring-view"], 1)


@pytest.mark.parametrize(
    ("subject", "because"),
    [
        ("User:tina", "it is the user's name"),
        ("Group:ops", "it is one of the user's groups"),
        ("Group:system:authenticated", "everyone who authenticated is in this group"),
    ],
)
def test_why_a_user_is_the_subject(subject: str, because: str) -> None:
    status = explained(GET_POD, VIEW, dev("b", "ClusterRole/view", "User:tom", subject))
    assert (status["grantedBy"]["subject"]["because"], status["grantedBy"]["subject"]["index"]) == (because, 1)


def test_why_a_service_account_is_the_subject() -> None:
    question = ask(BUILDER, "get pods", "dev")
    subjects = ("ServiceAccount:builder", "Group:system:serviceaccounts", "Group:system:serviceaccounts:dev")
    granted = [explained(question, VIEW, dev("b", "ClusterRole/view", subject))["grantedBy"] for subject in subjects]
    told = [each["subject"]["because"] for each in granted]
    assert told == [
        "it is the service account itself",
        "every service account is in this group",
        'every service account of namespace "dev" is in this group',
    ]


def test_roles_that_would_do_are_told_the_least_first_and_the_systems_last() -> None:
    own = role("dev", "one-pod", rule("get", "pods", names=["web"]))
    system = cluster_role("system:reader", rule("get", "pods", names=["web"]))
    status = explained(
        GET_POD, VIEW, EDIT, own, system, role("prod", "elsewhere", rule("get", "pods")), cluster_role("no", rule("get", "nodes"))
    )
    assert [each["name"] for each in status["rolesThatWouldAllow"]] == ["one-pod", "view", "edit", "system:reader"]


def test_the_grant_names_whom_it_is_for() -> None:
    subjects = [explained(ask(who, "get pods", "dev"))["smallestGrant"]["objects"][1]["subjects"][0] for who in (TINA, BUILDER)]
    assert subjects == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tina"},
        {"kind": "ServiceAccount", "namespace": "dev", "name": "builder"},
    ]


def test_the_grant_replaces_no_role_that_there_is() -> None:
    first = explained(GET_POD)["smallestGrant"]["objects"][0]["metadata"]["name"]
    second = explained(GET_POD, role("dev", first, rule("get", "nodes")))["smallestGrant"]["objects"][0]["metadata"]["name"]
    assert first == "tina-get-pods-web"
    assert second not in ("", first)


def test_a_name_that_a_create_cannot_be_limited_to_is_told_of() -> None:
    status = explained(ask(TINA, "create pods", "dev", "web"))
    assert status["smallestGrant"]["note"] == "a create cannot be limited to a name: authorization does not see the new object's"


def test_a_denied_request_has_the_message_that_the_user_reads() -> None:
    message = 'pods "web" is forbidden: User "tina" cannot get resource "pods" in API group "" in the namespace "dev"'
    assert explained(GET_POD)["message"] == message


def test_the_opinions_end_with_the_one_that_decided() -> None:
    status = explained(GET_POD, VIEW, dev("b", "ClusterRole/view", "User:tina"))
    assert [(each["authorizer"], each["decision"]) for each in status["opinions"]] == [
        ("system:masters", "NoOpinion"),
        ("Node", "NoOpinion"),
        ("RBAC", "Allow"),
    ]


class TestOfOneNamespace:
    """What a tenant's administrator is told."""

    def test_misses_in_other_namespaces_are_not_told(self) -> None:
        objects = [VIEW, binding("prod", "b", "ClusterRole/view", "User:tina"), wide("w", "ClusterRole/view", "User:tinna")]
        assert miss_of(explained(GET_POD, *objects)) != ""
        assert "nearestMisses" not in explained(GET_POD, *objects, only="dev")

    def test_a_miss_of_the_namespace_is_told(self) -> None:
        status = explained(ask(TINA, "delete pods", "dev"), VIEW, dev("b", "ClusterRole/view", "User:tina"), only="dev")
        assert miss_of(status) == "dev/b verb"

    def test_a_cluster_wide_binding_is_told_of_as_an_access_review_tells(self) -> None:
        status = explained(
            GET_POD, VIEW, wide("w", "ClusterRole/view", "User:tina"), wide("x", "ClusterRole/view", "User:tina"), only="dev"
        )
        assert status["grantedBy"]["binding"] == {"kind": "ClusterRoleBinding", "name": "w"}
        assert "rule" not in status["grantedBy"]
        assert "alsoGrantedBy" not in status

    def test_cluster_roles_that_are_not_bound_here_are_not_told(self) -> None:
        secret = cluster_role("secret-plan", rule("get", "pods"))
        bound = cluster_role("bound", rule("get list", "pods"))
        objects = [VIEW, secret, bound, dev("b", "ClusterRole/bound", "User:tom"), role("dev", "own", rule("get", "pods"))]
        names = [each["name"] for each in explained(GET_POD, *objects, only="dev")["rolesThatWouldAllow"]]
        assert sorted(names) == ["bound", "own", "view"]

    def test_where_rules_were_aggregated_from_is_not_told(self) -> None:
        part = cluster_role("part", rule("get", "pods"))
        part["metadata"]["labels"] = {"x": "y"}
        whole = cluster_role("whole", rule("get", "pods"), aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"x": "y"}}]})
        status = explained(GET_POD, part, whole, dev("b", "ClusterRole/whole", "User:tina"), only="dev")
        assert "aggregatedFrom" not in status["grantedBy"]["role"]


class Never:
    """An authorizer that denies, whatever follows."""

    name = "Webhook never"

    def authorize(self, attributes: object) -> object:
        from cluster.api.authorization import Decision, Verdict

        return Verdict(Decision.DENY, "not on my watch")


def test_a_denial_by_another_authorizer_offers_no_role() -> None:
    from rbac.authz.union import UnionAuthorizer

    sources = sources_of(VIEW)
    never = UnionAuthorizer((Never(), *sources.authorizer.members))  # type: ignore[attr-defined, arg-type]
    status = why(ask(user("tina"), "get pods", "dev"), Sources(never, sources.index, sources.reader, CATALOG))
    assert (status["decision"], status["authorizer"], status["reason"]) == ("Deny", "Webhook never", "not on my watch")
    assert status["hints"] == ['authorizer "Webhook never" denies this, so no role can allow it']
    assert "smallestGrant" not in status


def test_other_modes_of_authorization_are_named_and_need_no_roles() -> None:
    from rbac.authz.build import build_authorization
    from rbac.authz.configuration import WebhookConfiguration, of_modes
    from tests.unit.rbac.world import World

    told = []
    for mode in ("AlwaysAllow", "AlwaysDeny"):
        world = World()
        made = build_authorization(world, of_modes((mode,), WebhookConfiguration(kubeconfig="")))
        told.append(why(ask(user("tina"), "get pods", "dev"), Sources(made.authorizer, made.index, world, CATALOG)))
    assert [(each["decision"], each.get("authorizer"), each.get("reason")) for each in told] == [
        ("Allow", "AlwaysAllow", None),
        ("NoOpinion", None, "Everything is forbidden."),
    ]
    assert not {"grantedBy", "smallestGrant", "nearestMisses"} & {*told[0], *told[1]}
