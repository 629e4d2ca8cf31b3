"""Reviews that explain access, through the whole pipeline: credentials, roles, admission, and what a tenant's administrator is told."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rbac.credentials.certificates import issue_client_certificate
from tests.integration.rbac.test_pipeline import RBAC, TINA, Caller, People, bind
from tests.unit.rbac.explain.test_schema import problems
from tests.unit.rbac.keys import authority, certificate, client_certificate

API = "/apis/berth.io/v1alpha1"
LOCAL = f"{API}/namespaces/dev"
GET_PODS = {"verb": "get", "resource": "pods", "namespace": "dev"}
SUBJECT = {"user": "tina", "groups": ["ops", "system:authenticated"]}
Json = dict[str, Any]


def explain(caller: Caller, **spec: Any) -> Json:
    """The status, once it is found to be as its schema says."""
    status: Json = caller.must("POST", f"{API}/accessexplanations", {"spec": spec})["status"]
    assert problems("AccessExplanation", status) == []
    return status


def pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


def role(people: People, name: str, *rules: Json, namespace: str = "dev") -> None:
    people.admin.must("POST", f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": name}, "rules": list(rules)})


def grant(people: People, name: str, subject: Json, kind: str, role_name: str, namespace: str = "dev") -> None:
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role_name}
    scope = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    people.admin.must("POST", scope, {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


def tenants_admin(people: People) -> Caller:
    """Tina, who may ask the Local reviews of namespace dev, and see pods there."""
    verbs = {"apiGroups": ["berth.io"], "verbs": ["create"]}
    local = ["localaccessexplanations", "localwhocanreviews", "localsubjectrulesreviews", "localaccessmatrixreviews"]
    role(people, "asker", {**verbs, "resources": local}, {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]})
    grant(people, "asker", TINA, "Role", "asker")
    return people.tina


class TestAuthorization:
    def test_who_may_not_ask_reads_what_anyone_reads(self, people: People) -> None:
        for path in (f"{API}/accessexplanations", f"{LOCAL}/localaccessexplanations", f"{LOCAL}/localwhocanreviews"):
            code, answer = people.tina("POST", path, {"spec": {**SUBJECT, "resourceAttributes": GET_PODS}})
            assert (code, answer["reason"]) == (403, "Forbidden")
            assert 'User "tina" cannot create resource' in answer["message"]

    def test_an_explanation_equals_the_access_review(self, people: People) -> None:
        bind(people, "b", "view", TINA)
        for verb in ("get", "delete"):
            asked = {**SUBJECT, "resourceAttributes": GET_PODS | {"verb": verb}}
            review = people.admin.must("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": asked})["status"]
            status = explain(people.admin, **asked)
            assert (status["allowed"], status.get("reason")) == (review["allowed"], review.get("reason"))

    def test_what_allows_is_told(self, people: People) -> None:
        bind(people, "b", "view", TINA)
        status = explain(people.admin, **SUBJECT, resourceAttributes=GET_PODS)
        assert (status["authorizer"], status["grantedBy"]["binding"]["name"], status["grantedBy"]["role"]["name"]) == ("RBAC", "b", "view")

    def test_the_smallest_grant_can_be_applied_and_allows(self, people: People) -> None:
        asked = {**SUBJECT, "resourceAttributes": GET_PODS}
        for obj in explain(people.admin, **asked)["smallestGrant"]["objects"]:
            people.admin.must("POST", f"{RBAC}/namespaces/dev/{obj['kind'].lower()}s", obj)
        assert explain(people.admin, **asked)["allowed"]
        assert people.tina("GET", "/api/v1/namespaces/dev/pods/none")[0] == 404

    def test_the_cluster_wide_grant_can_be_applied_too(self, people: People) -> None:
        asked = {**SUBJECT, "nonResourceAttributes": {"verb": "get", "path": "/metrics"}}
        for obj in explain(people.admin, **asked)["smallestGrant"]["objects"]:
            people.admin.must("POST", f"{RBAC}/{obj['kind'].lower()}s", obj)
        assert explain(people.admin, **asked)["allowed"]

    def test_an_answer_is_not_stored(self, people: People) -> None:
        assert people.admin("GET", f"{API}/accessexplanations")[0] == 405


class TestAuthentication:
    def token(self, people: People, **spec: Any) -> str:
        request = {"spec": {"expirationSeconds": 600, **spec}}
        issued = people.admin.must("POST", "/api/v1/namespaces/dev/serviceaccounts/user/token", request)
        return str(issued["status"]["token"])

    def test_a_token_says_who_it_is_and_what_they_may(self, people: People) -> None:
        status = explain(people.admin, token=self.token(people), resourceAttributes=GET_PODS)
        assert (status["stage"], status["authentication"]["authenticator"]) == ("authorization", "ServiceAccountToken")
        assert status["authentication"]["user"]["username"] == "system:serviceaccount:dev:user"
        assert status["smallestGrant"]["objects"][1]["subjects"][0]["kind"] == "ServiceAccount"

    def test_a_token_is_not_sent_back(self, people: People) -> None:
        token = self.token(people)
        for given in (token, token[:-8] + "AAAAAAAA"):
            answer = people.admin.must("POST", f"{API}/accessexplanations", {"spec": {"token": given, "resourceAttributes": GET_PODS}})
            assert given not in json.dumps(answer)
            assert "token" not in answer["spec"]

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda token: "nonsense", "invalid bearer token"),
            (lambda token: token[:-8] + "AAAAAAAA", "invalid bearer token"),
            (lambda token: token.rsplit(".", 1)[0] + ".", "invalid bearer token"),
        ],
        ids=["none of ours", "signed by others", "not signed"],
    )
    def test_a_bad_token_is_refused(self, people: People, change: Any, why: str) -> None:
        status = explain(people.admin, token=change(self.token(people)), resourceAttributes=GET_PODS)
        assert (status["allowed"], status["stage"], status["authentication"]["accepted"]) == (False, "authentication", False)
        assert why in status["reason"]

    def test_a_token_for_others_is_refused(self, people: People) -> None:
        status = explain(people.admin, token=self.token(people, audiences=["vault"]), resourceAttributes=GET_PODS)
        assert status["stage"] == "authentication"
        assert 'token audiences ["vault"] is invalid for the target audiences' in status["reason"]

    def test_a_token_for_others_is_explained_to_them(self, people: People) -> None:
        token = self.token(people, audiences=["vault"])
        status = explain(people.admin, token=token, audiences=["vault"], resourceAttributes=GET_PODS)
        assert (status["stage"], status["authentication"]["accepted"]) == ("authorization", True)

    def test_a_token_of_an_account_that_is_gone_is_refused(self, people: People) -> None:
        token = self.token(people)
        people.admin("DELETE", "/api/v1/namespaces/dev/serviceaccounts/user")
        status = explain(people.admin, token=token, resourceAttributes=GET_PODS)
        assert (status["stage"], 'serviceaccounts "user" not found' in status["reason"]) == ("authentication", True)
        refused = [each for each in status["authentication"]["attempts"] if each["outcome"] == "Refused"]
        assert [each["authenticator"] for each in refused] == ["ServiceAccountToken"]

    def test_a_certificate_says_who_it_is(self, people: People) -> None:
        bind(people, "b", "view", TINA)
        text = pem(client_certificate("tina", "ops"))
        answer = people.admin.must("POST", f"{API}/accessexplanations", {"spec": {"certificate": text, "resourceAttributes": GET_PODS}})
        assert (answer["status"]["allowed"], answer["status"]["authentication"]["authenticator"]) == (True, "Certificate")
        assert "certificate" not in answer["spec"]

    @pytest.mark.parametrize("kind", ["expired", "of another authority", "for servers only"])
    def test_a_bad_certificate_is_refused(self, people: People, kind: str) -> None:
        bad = {
            "expired": lambda: client_certificate("tina", lifetime=datetime.timedelta(seconds=-1)),
            "of another authority": lambda: _of_another_authority("tina"),
            "for servers only": lambda: certificate((NameOID.COMMON_NAME, "tina"), usages=[ExtendedKeyUsageOID.SERVER_AUTH]),
        }[kind]()
        why = {
            "expired": "certificate has expired or is not yet valid",
            "of another authority": "certificate signed by unknown authority",
            "for servers only": "certificate specifies an incompatible key usage",
        }[kind]
        status = explain(people.admin, certificate=pem(bad), resourceAttributes=GET_PODS)
        assert (status["stage"], status["allowed"], why in status["reason"]) == ("authentication", False, True)

    def test_a_certificate_without_a_name_is_nobodys(self, people: People) -> None:
        nameless = certificate((NameOID.ORGANIZATION_NAME, "ops"), usages=[ExtendedKeyUsageOID.CLIENT_AUTH])
        status = explain(people.admin, certificate=pem(nameless), resourceAttributes=GET_PODS)
        real = people.with_certificate(nameless)("GET", "/api/v1/namespaces/dev/pods")[0]
        assert (status["stage"], status["authentication"]["accepted"], real) == ("authentication", False, 401)

    def test_a_revoked_kubeconfig_is_refused(self, people: People) -> None:
        from cluster.client import kubeconfig

        spec = {"user": "dev:alice", "roleRef": {"kind": "ClusterRole", "name": "view"}, "namespaces": ["dev"]}
        made = people.admin.must("POST", f"{LOCAL}/kubeconfigs", {"metadata": {"name": "alice"}, "spec": spec})
        shown = kubeconfig.parse(made["status"]["kubeconfig"].encode()).certificate
        assert shown is not None
        asked = {"certificate": shown.decode(), "resourceAttributes": GET_PODS}
        before = explain(people.admin, **asked)
        people.admin.must("POST", f"{LOCAL}/kubeconfigs/alice/revoke", {})
        after = explain(people.admin, **asked)
        assert (before["authentication"]["accepted"], after["stage"], after["allowed"]) == (True, "authentication", False)
        assert 'kubeconfig "alice" has been revoked' in after["reason"]


def _of_another_authority(name: str) -> bytes:
    """Self-signed, by the way of a CA of one's own."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.load_pem_x509_certificate(authority()[0]).subject
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(9))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    own = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    private = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    issued = issue_client_certificate(own, private, name, [], datetime.timedelta(1))[0]
    return x509.load_pem_x509_certificate(issued).public_bytes(Encoding.DER)


POD: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
CREATE_POD = {"verb": "create", "resource": "pods", "namespace": "dev"}


class TestAdmission:
    @pytest.fixture(autouse=True)
    def _tina_edits(self, people: People) -> None:
        bind(people, "b", "edit", TINA)
        people.admin.must("POST", "/api/v1/namespaces/dev/serviceaccounts", {"metadata": {"name": "default"}})

    def admission(self, people: People, obj: Json, asked: Json = CREATE_POD, **spec: Any) -> Json:
        return explain(people.admin, **(spec or SUBJECT), resourceAttributes=asked, object=obj)

    def test_an_object_passes_and_is_not_stored(self, people: People) -> None:
        status = self.admission(people, POD)
        assert (status["allowed"], status["stage"], status["admission"]["passed"]) == (True, "admission", True)
        assert status["admission"]["plugins"][:3] == ["NamespaceLifecycle", "LimitRanger", "ServiceAccount"]
        assert people.admin("GET", "/api/v1/namespaces/dev/pods/web")[0] == 404

    @pytest.mark.parametrize(
        ("spec", "plugin", "message"),
        [
            (
                {"serviceAccountName": "gone"},
                "ServiceAccount",
                'error looking up service account dev/gone: serviceaccount "gone" not found',
            ),
            ({"priorityClassName": "gone"}, "Priority", "no PriorityClass with name gone was found"),
        ],
    )
    def test_the_plugin_that_denies_is_named(self, people: People, spec: Json, plugin: str, message: str) -> None:
        status = self.admission(people, {**POD, "spec": {**POD["spec"], **spec}})
        assert (status["allowed"], status["stage"], status["admission"]["plugin"]) == (False, "admission", plugin)
        assert message in status["admission"]["message"] == status["message"]
        assert status["authorizer"] == "RBAC"

    def test_a_namespace_that_is_missing_is_found_by_the_first_plugin(self, people: People) -> None:
        grant(people, "wide", TINA, "ClusterRole", "edit", namespace="")
        status = self.admission(people, POD, CREATE_POD | {"namespace": "gone"})
        assert (status["admission"]["plugin"], status["admission"]["code"]) == ("NamespaceLifecycle", 404)

    def test_a_node_is_restricted_to_itself(self, people: People) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n2"}}
        who = {"user": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]}
        status = self.admission(people, node, {"verb": "create", "resource": "nodes"}, **who)
        assert (status["authorizer"], status["admission"]["plugin"]) == ("Node", "NodeRestriction")

    def test_what_comes_after_admission_is_told_as_its_own_step(self, people: People) -> None:
        invalid = self.admission(people, {**POD, "spec": {"containers": []}})["admission"]
        unknown = self.admission(people, {**POD, "spec": {**POD["spec"], "colour": "red"}})["admission"]
        people.admin.must("POST", "/api/v1/namespaces/dev/configmaps", {"metadata": {"name": "c"}})
        taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
        exists = self.admission(people, taken, {**CREATE_POD, "resource": "configmaps"})["admission"]
        missing = self.admission(
            people, {**taken, "metadata": {"name": "d"}}, {**CREATE_POD, "verb": "update", "resource": "configmaps", "name": "d"}
        )
        steps = [(each["step"], each["code"]) for each in (invalid, unknown, exists, missing["admission"])]
        assert steps == [("validation", 422), ("decoding", 400), ("storage", 409), ("storage", 404)]

    def test_an_escalation_is_told(self, people: People) -> None:
        bind(people, "a", "admin", TINA)
        wanted = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}}
        wanted["rules"] = [{"apiGroups": ["example.com"], "resources": ["gizmos"], "verbs": ["get"]}]
        asked = {"verb": "create", "group": "rbac.authorization.k8s.io", "resource": "roles", "namespace": "dev"}
        status = self.admission(people, wanted, asked)
        assert (status["allowed"], status["admission"]["step"]) == (False, "escalation")
        assert "attempting to grant RBAC permissions not currently held" in status["message"]

    def test_an_update_is_judged_against_what_is_stored(self, people: People) -> None:
        stored = people.admin.must(
            "POST", "/api/v1/namespaces/dev/configmaps", {"metadata": {"name": "c"}, "data": {"a": "b"}, "immutable": True}
        )
        changed = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "c"}, "immutable": True}
        status = self.admission(people, changed, {**CREATE_POD, "verb": "update", "resource": "configmaps", "name": "c"})
        assert (status["admission"]["step"], "field is immutable when `immutable` is set" in status["message"]) == ("validation", True)
        assert people.admin.must("GET", "/api/v1/namespaces/dev/configmaps/c") == stored

    def test_admission_is_not_asked_of_what_is_not_authorized(self, people: People) -> None:
        status = self.admission(people, POD, user="tom", groups=["system:authenticated"])
        assert (status["stage"], "admission" in status) == ("authorization", False)

    def test_admission_is_asked_for_those_only_who_may_write_themselves(self, people: People) -> None:
        tenants_admin(people)
        people.admin("DELETE", f"{RBAC}/namespaces/dev/rolebindings/b")
        bind(people, "other", "edit", {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "tom"})
        spec = {"user": "tom", "groups": ["system:authenticated"], "resourceAttributes": CREATE_POD, "object": POD}
        status = people.tina.must("POST", f"{LOCAL}/localaccessexplanations", {"spec": spec})["status"]
        assert (status["allowed"], status["stage"], "admission" in status) == (True, "authorization", False)
        assert "admission was not asked: that takes a caller who may create pods there, too" in status["hints"]


class TestLocal:
    def test_the_namespace_is_the_requests(self, people: People) -> None:
        asking = tenants_admin(people)
        asked = {**SUBJECT, "resourceAttributes": {"verb": "list", "resource": "pods"}}
        status = asking.must("POST", f"{LOCAL}/localaccessexplanations", {"spec": asked})["status"]
        assert (status["allowed"], status["grantedBy"]["binding"]["namespace"]) == (True, "dev")

    @pytest.mark.parametrize(
        ("kind", "spec", "field"),
        [
            ("explanation", {**SUBJECT, "resourceAttributes": {**GET_PODS, "namespace": "prod"}}, "spec.resourceAttributes.namespace"),
            ("explanation", {**SUBJECT, "nonResourceAttributes": {"verb": "get", "path": "/"}}, "spec.nonResourceAttributes"),
            ("explanation", {"token": "t", "resourceAttributes": GET_PODS}, "spec.token"),
            ("explanation", {"certificate": "c", "resourceAttributes": GET_PODS}, "spec.certificate"),
            ("whocan", {"resourceAttributes": {**GET_PODS, "namespace": "prod"}}, "spec.resourceAttributes.namespace"),
            ("rules", {**SUBJECT, "namespace": "prod"}, "spec.namespace"),
            ("matrix", {"namespaces": ["prod"]}, "spec.namespaces[0]"),
        ],
    )
    def test_questions_beyond_the_namespace_are_invalid(self, people: People, kind: str, spec: Json, field: str) -> None:
        names = {
            "explanation": "accessexplanations",
            "whocan": "whocanreviews",
            "rules": "subjectrulesreviews",
            "matrix": "accessmatrixreviews",
        }
        code, answer = tenants_admin(people)("POST", f"{LOCAL}/local{names[kind]}", {"spec": spec})
        assert (code, field in [each["field"] for each in answer["details"]["causes"]]) == (422, True)

    def test_another_namespace_is_forbidden(self, people: People) -> None:
        asking = tenants_admin(people)
        people.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": "prod"}})
        body = {"spec": {**SUBJECT, "resourceAttributes": {"verb": "get", "resource": "pods"}}}
        assert asking("POST", f"{API}/namespaces/prod/localaccessexplanations", body)[0] == 403
        assert asking("POST", f"{API}/accessexplanations", body)[0] == 403

    def test_no_namespace_is_no_such_path(self, people: People) -> None:
        assert people.admin("POST", f"{API}/localaccessexplanations", {"spec": {}})[0] == 404

    def test_nothing_of_elsewhere_is_told(self, people: People) -> None:
        asking = tenants_admin(people)
        people.admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": "prod"}})
        tom = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "tom"}
        bind(people, "hidden-here", "edit", tom, "prod")
        grant(people, "hidden-wide", {**tom, "name": "tim"}, "ClusterRole", "cluster-admin", namespace="")
        asked = {"user": "tom", "groups": ["system:authenticated"], "resourceAttributes": {"verb": "delete", "resource": "pods"}}
        told = [
            asking.must("POST", f"{LOCAL}/localaccessexplanations", {"spec": asked}),
            asking.must("POST", f"{LOCAL}/localwhocanreviews", {"spec": {"resourceAttributes": {"verb": "delete", "resource": "pods"}}}),
            asking.must("POST", f"{LOCAL}/localsubjectrulesreviews", {"spec": {"user": "tim"}}),
            asking.must("POST", f"{LOCAL}/localaccessmatrixreviews", {"spec": {}}),
        ]
        assert "hidden" not in json.dumps(told)
        assert "prod" not in json.dumps(told)
        assert "nearestMisses" not in told[0]["status"]


class TestLists:
    def test_who_can(self, people: People) -> None:
        bind(people, "b", "view", TINA)
        status = people.admin.must("POST", f"{API}/whocanreviews", {"spec": {"resourceAttributes": GET_PODS, "limit": 1000}})["status"]
        found = {(each["kind"], each["name"]): each["grants"] for each in status["subjects"]}
        assert found["User", "tina"][0]["binding"] == {"kind": "RoleBinding", "namespace": "dev", "name": "b"}
        assert status["total"] == len(status["subjects"])

    def test_rules(self, people: People) -> None:
        bind(people, "b", "view", TINA)
        status = people.admin.must("POST", f"{API}/subjectrulesreviews", {"spec": {**SUBJECT, "namespace": "dev"}})["status"]
        sources = {(each["binding"]["name"], each["role"]["name"]) for each in status["rules"]}
        assert {("b", "view"), ("system:basic-user", "system:basic-user")} <= sources

    def test_matrix(self, people: People) -> None:
        bind(people, "b", "view", TINA)
        spec = {"subjects": [{"kind": "User", "name": "tina"}], "resources": [{"resource": "pods"}], "namespaces": ["dev"]}
        rows = people.admin.must("POST", f"{API}/accessmatrixreviews", {"spec": spec})["status"]["rows"]
        assert [row["allowed"] for row in rows] == [["get", "list", "watch"]]


@pytest.mark.parametrize(
    ("resource", "spec", "messages"),
    [
        ("accessexplanations", {}, {"spec.resourceAttributes", "spec.user"}),
        ("accessexplanations", {**SUBJECT, "resourceAttributes": {}}, {"spec.resourceAttributes.verb", "spec.resourceAttributes.resource"}),
        ("accessexplanations", {**SUBJECT, "nonResourceAttributes": {"verb": "get"}}, {"spec.nonResourceAttributes.path"}),
        ("accessexplanations", {**SUBJECT, "token": "t", "resourceAttributes": GET_PODS}, {"spec.user", "spec.groups"}),
        ("accessexplanations", {**SUBJECT, "audiences": ["a"], "resourceAttributes": GET_PODS}, {"spec.audiences"}),
        ("accessexplanations", {"certificate": "x", "resourceAttributes": GET_PODS}, {"spec.certificate"}),
        ("accessexplanations", {**SUBJECT, "limit": 101, "resourceAttributes": GET_PODS}, {"spec.limit"}),
        ("accessexplanations", {**SUBJECT, "limit": 0, "resourceAttributes": GET_PODS}, {"spec.limit"}),
        ("accessexplanations", {**SUBJECT, "resourceAttributes": GET_PODS, "object": POD}, {"spec.object"}),
        ("accessexplanations", {**SUBJECT, "resourceAttributes": {**CREATE_POD, "resource": "secrets"}, "object": POD}, {"spec.object"}),
        ("accessexplanations", {**SUBJECT, "resourceAttributes": CREATE_POD, "object": {"kind": "Pod"}}, {"spec.object"}),
        ("accessexplanations", {**SUBJECT, "resourceAttributes": CREATE_POD, "object": POD | {"metadata": "x"}}, {"spec.object.metadata"}),
        (
            "accessexplanations",
            {**SUBJECT, "resourceAttributes": {**CREATE_POD, "verb": "update", "namespace": ""}, "object": POD},
            {"spec.resourceAttributes.name", "spec.resourceAttributes.namespace"},
        ),
        (
            "accessexplanations",
            {**SUBJECT, "resourceAttributes": {**CREATE_POD, "name": "x"}, "object": POD},
            {"spec.object.metadata.name"},
        ),
        ("whocanreviews", {"limit": 9999, "resourceAttributes": GET_PODS}, {"spec.limit"}),
        ("whocanreviews", {}, {"spec.resourceAttributes"}),
        ("subjectrulesreviews", {"namespace": "dev"}, {"spec.user"}),
        ("accessmatrixreviews", {"subjects": [{"kind": "Robot", "name": ""}]}, {"spec.subjects[0].kind", "spec.subjects[0].name"}),
        ("accessmatrixreviews", {"subjects": [{"kind": "ServiceAccount", "name": "x"}]}, {"spec.subjects[0].namespace"}),
        ("accessmatrixreviews", {"resources": [{"resource": ""}], "verbs": [""]}, {"spec.resources[0].resource", "spec.verbs[0]"}),
        ("accessmatrixreviews", {"namespaces": [f"n{number}" for number in range(99)]}, {"spec"}),
    ],
)
def test_what_is_wrong_with_a_question_is_told_by_its_field(people: People, resource: str, spec: Json, messages: set[str]) -> None:
    code, answer = people.admin("POST", f"{API}/{resource}", {"spec": spec})
    assert (code, {each["field"] for each in answer["details"]["causes"]}) == (422, messages)
