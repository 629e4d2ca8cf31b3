"""Certificates and tokens through kubectl and the real controllers."""

from __future__ import annotations

import base64
import datetime
import json
import secrets
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from cluster.api.errors import Invalid, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client import times
from cluster.client.cache import Cache
from cluster.client.resources import (
    CERTIFICATE_SIGNING_REQUESTS,
    CONFIG_MAPS,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    TOKEN_REVIEWS,
)
from cluster.controllers.identities import client_as
from cluster.controllers.legacy_token_cleaner import LegacyTokenCleaner
from tests.integration.controllers.world import World
from tests.support import eventually
from tests.support_needs import need_kubectl
from tests.unit.controllers.signing_requests import CLIENT, KEY, pem_of, pkcs10

SIGNER = "kubernetes.io/kube-apiserver-client"
KUBELET = "kubernetes.io/kube-apiserver-client-kubelet"
ROLES = GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterroles")
FAIL = '{"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "Test", "message": "no"}]}}'
BINDINGS = GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterrolebindings")


def kubectl(world: World, *arguments: str, given: Object | None = None, kubeconfig: Path | None = None) -> str:
    """What kubectl says, or why it failed."""
    command = [need_kubectl(), "--kubeconfig", str(kubeconfig or world.kubeconfig), *arguments]
    done = subprocess.run(command, input=json.dumps(given) if given else None, capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else done.stderr


def signing_request(name: str, request: x509.CertificateSigningRequest, signer: str = SIGNER, **spec: Any) -> Object:
    encoded = base64.b64encode(pem_of(request)).decode()
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {"request": encoded, "signerName": signer, "usages": list(CLIENT), **spec},
    }


def status(world: World, name: str) -> Object:
    found: Object = world.client.get(CERTIFICATE_SIGNING_REQUESTS, "", name).get("status") or {}
    return found


def approve(world: World, name: str) -> None:
    request = world.client.get(CERTIFICATE_SIGNING_REQUESTS, "", name)
    request["status"]["conditions"] = [{"type": "Approved", "status": "True", "reason": "Test", "message": "yes"}]
    world.client.update(CERTIFICATE_SIGNING_REQUESTS, "", request, subresource="approval")


def certificate(world: World, name: str) -> x509.Certificate:
    encoded = eventually(lambda: status(world, name).get("certificate"), f"{name} is issued")
    return x509.load_pem_x509_certificate(base64.b64decode(encoded))


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(3)}"


def grant(world: World, user: str, *rules: Object) -> None:
    name = unique("grant")
    world.client.create(ROLES, "", {"metadata": {"name": name}, "rules": list(rules)})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
    world.client.create(BINDINGS, "", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})


def rule(resources: str, *verbs: str, **more: list[str]) -> Object:
    return {"apiGroups": ["certificates.k8s.io"], "resources": [resources], "verbs": list(verbs), **more}


def test_a_person_asks_for_a_certificate_with_kubectl_and_is_who_it_says(world: World, tmp_path: Path) -> None:
    name = unique("jane")
    assert "created" in kubectl(world, "create", "-f", "-", given=signing_request(name, pkcs10("jane", ["dev"])))
    assert "Pending" in kubectl(world, "get", "csr", name)
    assert "approved" in kubectl(world, "certificate", "approve", name)
    issued = certificate(world, name)
    assert "Approved,Issued" in kubectl(world, "get", "csr", name)
    config = json.loads(kubectl(world, "config", "view", "--raw", "-o", "json"))
    private = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    shown = {
        "client-certificate-data": base64.b64encode(issued.public_bytes(serialization.Encoding.PEM)).decode(),
        "client-key-data": base64.b64encode(private).decode(),
    }
    config["users"][0]["user"] = shown
    own = tmp_path / "kubeconfig"
    own.write_text(json.dumps(config))
    who = json.loads(kubectl(world, "auth", "whoami", "-o", "json", kubeconfig=own))["status"]["userInfo"]
    assert (who["username"], who["groups"]) == ("jane", ["dev", "system:authenticated"])


def test_what_is_denied_is_never_signed(world: World) -> None:
    name, later = unique("denied"), unique("later")
    for each in (name, later):
        world.client.create(CERTIFICATE_SIGNING_REQUESTS, "", signing_request(each, pkcs10("jane", ["dev"])))
    assert "denied" in kubectl(world, "certificate", "deny", name)
    approve(world, later)
    certificate(world, later)
    assert [each["type"] for each in status(world, name)["conditions"]] == ["Denied"]
    assert "certificate" not in status(world, name)


def test_nobody_asks_for_a_certificate_of_masters(world: World) -> None:
    refusal = kubectl(world, "create", "-f", "-", given=signing_request(unique("evil"), pkcs10("jane", ["system:masters"])))
    assert "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed" in refusal


@pytest.mark.parametrize(("seconds", "minutes"), [(None, 365 * 1440), (2 * 365 * 86400, 365 * 1440), (72000, 1200), (7200, 125), (600, 15)])
def test_a_certificate_is_good_for_as_long_as_asked(world: World, seconds: int | None, minutes: int) -> None:
    name = unique("lasting")
    world.client.create(CERTIFICATE_SIGNING_REQUESTS, "", signing_request(name, pkcs10("jane", ["dev"]), expirationSeconds=seconds))
    approve(world, name)
    issued = certificate(world, name)
    assert issued.not_valid_after_utc - issued.not_valid_before_utc == datetime.timedelta(minutes=minutes)


@pytest.mark.parametrize("seconds", [599, 180, -420])
def test_a_time_too_short_is_refused(world: World, seconds: int) -> None:
    asked = signing_request("short", pkcs10("jane", ["dev"]), expirationSeconds=seconds)
    with pytest.raises(Invalid) as refused:
        world.client.create(CERTIFICATE_SIGNING_REQUESTS, "", asked)
    why = f"spec.expirationSeconds: Invalid value: {seconds}: may not specify a duration less than 600 seconds (10 minutes)"
    assert refused.value.message == f'CertificateSigningRequest.certificates.k8s.io "short" is invalid: {why}'


def test_requests_are_selected_by_their_signer(world: World) -> None:
    names = {signer: unique("selected") for signer in ("example.com/a", "example.com/b")}
    for signer, name in names.items():
        world.client.create(CERTIFICATE_SIGNING_REQUESTS, "", signing_request(name, pkcs10("jane"), signer))
    found = world.client.list(CERTIFICATE_SIGNING_REQUESTS, field_selector="spec.signerName=example.com/a")["items"]
    assert names["example.com/a"] in {each["metadata"]["name"] for each in found}
    assert {each["spec"]["signerName"] for each in found} == {"example.com/a"}


@pytest.mark.parametrize(
    ("signer", "subresource", "by_itself", "approved"),
    [
        (KUBELET, "selfnodeclient", True, True),
        (KUBELET, "nodeclient", False, True),
        (KUBELET, "selfnodeclient", False, False),
        (SIGNER, "selfnodeclient", True, False),
    ],
)
def test_a_kubelet_that_may_have_a_certificate_gets_it(
    world: World, signer: str, subresource: str, by_itself: bool, approved: bool
) -> None:
    node, name, other = unique("system:node:n"), unique("kubelet"), unique("other")
    user = node if by_itself else unique("bootstrapper")
    grant(world, user, rule("certificatesigningrequests", "create"), rule(f"certificatesigningrequests/{subresource}", "create"))
    assert "created" in kubectl(world, "--as", user, "create", "-f", "-", given=signing_request(name, pkcs10(node), signer))
    if approved:
        assert certificate(world, name).subject.rfc4514_string() == f"CN={node},O=system:nodes"
        assert status(world, name)["conditions"][0]["reason"] == "AutoApproved"
        return
    allowed = unique("allowed")
    grant(world, allowed, rule("certificatesigningrequests", "create"), rule("certificatesigningrequests/nodeclient", "create"))
    assert "created" in kubectl(world, "--as", allowed, "create", "-f", "-", given=signing_request(other, pkcs10(node), KUBELET))
    certificate(world, other)  # asked for later, decided on already
    assert status(world, name) == {}


@pytest.mark.parametrize(
    ("verb", "subresource", "command"),
    [
        ("approve", "approval", ["certificate", "approve", "NAME"]),
        ("sign", "status", ["patch", "csr", "NAME", "--subresource", "status", "--type", "merge", "-p", FAIL]),
    ],
    ids=["approve", "sign"],
)
@pytest.mark.parametrize(
    ("granted", "allowed"), [("example.com/x", True), ("example.com/*", True), ("example.org/x", False), (None, False)]
)
def test_who_acts_for_a_signer_must_be_allowed_to(
    world: World, verb: str, subresource: str, command: list[str], granted: str | None, allowed: bool
) -> None:
    user, name = unique("user"), unique("acted")
    rules = [rule("certificatesigningrequests", "get"), rule(f"certificatesigningrequests/{subresource}", "get", "update", "patch")]
    rules += [rule("signers", verb, resourceNames=[granted])] if granted else []
    grant(world, user, *rules)
    world.client.create(CERTIFICATE_SIGNING_REQUESTS, "", signing_request(name, pkcs10("jane"), "example.com/x"))
    said = kubectl(world, "--as", user, *(name if each == "NAME" else each for each in command))
    assert bool(status(world, name)) is allowed, said
    assert (f'user not permitted to {verb} requests with signerName "example.com/x"' in said) is not allowed


def secret_of(account: str, name: str) -> Object:
    metadata = {"name": name, "annotations": {"kubernetes.io/service-account.name": account}}
    return {"metadata": metadata, "type": "kubernetes.io/service-account-token"}


def review(world: World, token: str) -> Object:
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}, "spec": {"token": token}}
    answer: Object = world.client.create(TOKEN_REVIEWS, "", asked)["status"]
    return answer


def token(world: World, namespace: str, secret: str) -> str:
    """The token that the secret gets."""

    def written() -> str:
        return (world.client.get(SECRETS, namespace, secret).get("data") or {}).get("token") or ""

    return base64.b64decode(eventually(written, f"{secret} has a token")).decode()


def seen(world: World, resource: GroupVersionResource, namespace: str) -> Cache:
    """What an informer of the namespace holds."""
    made = Cache()
    for each in world.list(resource, namespace):
        made.put(each)
    return made


def test_a_secret_of_a_service_account_gets_a_token_that_is_good_until_either_goes(world: World) -> None:
    namespace = world.namespace(unique("tokens"))
    account = {"metadata": {"name": "bot"}, "secrets": [{"name": "first"}, {"name": "own"}]}
    uid = world.client.create(SERVICE_ACCOUNTS, namespace, account)["metadata"]["uid"]
    for name in ("first", "second"):
        world.client.create(SECRETS, namespace, secret_of("bot", name))

    first, second = (token(world, namespace, name) for name in ("first", "second"))
    data = world.client.get(SECRETS, namespace, "first")["data"]
    assert base64.b64decode(data["namespace"]).decode() == namespace
    assert base64.b64decode(data["ca.crt"]).startswith(b"-----BEGIN CERTIFICATE-----")
    answer = review(world, first)
    assert answer.get("authenticated"), answer
    assert (answer["user"]["username"], answer["user"]["uid"]) == (f"system:serviceaccount:{namespace}:bot", uid)

    world.client.delete(SECRETS, namespace, "first")
    assert not review(world, first).get("authenticated")
    assert review(world, second).get("authenticated")

    def named() -> list[str]:
        return [each["name"] for each in world.client.get(SERVICE_ACCOUNTS, namespace, "bot").get("secrets") or ()]

    eventually(lambda: named() == ["own"], "the account names it no more")
    world.client.delete(SERVICE_ACCOUNTS, namespace, "bot")
    eventually(lambda: world.is_gone(SECRETS, namespace, "second"), "the secret goes with its account")
    assert not review(world, second).get("authenticated")


def test_a_secret_of_nobody_is_removed(world: World) -> None:
    namespace = world.namespace(unique("nobody"))
    world.client.create(SECRETS, namespace, secret_of("missing", "orphan"))
    assert eventually(lambda: world.is_gone(SECRETS, namespace, "orphan"), "it is removed")


@pytest.mark.parametrize("annotations", [{}, {"kubernetes.io/service-account.name": ""}])
def test_a_token_secret_names_an_account(world: World, annotations: dict[str, str]) -> None:
    namespace = world.namespace(unique("unnamed"))
    body = {"metadata": {"name": "s", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
    with pytest.raises(StatusError, match=r"metadata.annotations\[kubernetes.io/service-account.name\]: Required value"):
        world.client.create(SECRETS, namespace, body)


def test_a_generated_secret_that_nobody_uses_is_marked_refused_and_removed(world: World) -> None:
    namespace = world.namespace(unique("unused"))
    world.client.create(SERVICE_ACCOUNTS, namespace, {"metadata": {"name": "bot"}, "secrets": [{"name": "generated"}]})
    for name in ("generated", "made"):
        world.client.create(SECRETS, namespace, secret_of("bot", name))

    tokens = {name: token(world, namespace, name) for name in ("generated", "made")}
    account = "legacy-service-account-token-cleaner"
    own = client_as(world.client, account, world.client.bare_transport())

    def clean(years: int) -> None:
        """One round so many years from now, on what the informers would hold."""
        accounts, held, pods = (seen(world, resource, namespace) for resource in (SERVICE_ACCOUNTS, SECRETS, PODS))
        now, year = times.now() + datetime.timedelta(days=366 * years), datetime.timedelta(days=365)
        LegacyTokenCleaner(own, accounts, held, pods, year, now=lambda: now).clean(threading.Event())

    clean(0)
    assert "labels" not in world.client.get(SECRETS, namespace, "generated")["metadata"]
    clean(2)
    labels = world.client.get(SECRETS, namespace, "generated")["metadata"]["labels"]
    assert {*labels} >= {"kubernetes.io/legacy-token-invalid-since"}
    assert not review(world, tokens["generated"]).get("authenticated")
    assert review(world, tokens["made"]).get("authenticated")
    clean(4)
    assert world.is_gone(SECRETS, namespace, "generated")
    assert not world.is_gone(SECRETS, namespace, "made")


def test_a_bootstrap_token_signs_the_cluster_s_description_until_it_expires(world: World) -> None:
    world.client.create(CONFIG_MAPS, "kube-public", {"metadata": {"name": "cluster-info"}, "data": {"kubeconfig": "about"}})
    values = {"token-id": "abc123", "token-secret": "0123456789abcdef", "usage-bootstrap-signing": "true"}
    body = {"metadata": {"name": "bootstrap-token-abc123"}, "type": "bootstrap.kubernetes.io/token", "stringData": values}
    world.client.create(SECRETS, "kube-system", body)

    def signatures() -> set[str]:
        data = world.client.get(CONFIG_MAPS, "kube-public", "cluster-info")["data"]
        return {key for key in data if key.startswith("jws-kubeconfig-")}

    eventually(lambda: signatures() == {"jws-kubeconfig-abc123"}, "it is signed")
    soon = times.time(times.now() + datetime.timedelta(seconds=1))
    world.client.patch(SECRETS, "kube-system", "bootstrap-token-abc123", {"stringData": {"expiration": soon}})
    eventually(lambda: world.is_gone(SECRETS, "kube-system", "bootstrap-token-abc123"), "the token is removed")
    assert eventually(lambda: not signatures(), "its signature goes too") is True
