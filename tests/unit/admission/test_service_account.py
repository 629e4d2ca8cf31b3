"""What a pod gets from its service account, and what it may not take."""

from __future__ import annotations

import re

import pytest

from admission.plugins.service_account import MOUNT_PATH, ServiceAccount
from cluster.api.errors import Forbidden, StatusError
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

ACCOUNTS = GroupResource("", "serviceaccounts")
ENFORCED = {"kubernetes.io/enforce-mountable-secrets": "true"}


def account(name: str, **more: object) -> Object:
    return {"metadata": metadata(name, "dev"), **more}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(ACCOUNTS, account("default"))
    made.put(ACCOUNTS, account("user", imagePullSecrets=[{"name": "pull"}]))
    made.put(ACCOUNTS, account("shy", automountServiceAccountToken=False))
    strict = account("strict", secrets=[{"name": "mine"}], imagePullSecrets=[{"name": "pull"}])
    strict["metadata"]["annotations"] = ENFORCED
    made.put(ACCOUNTS, strict)
    return made


def pod(**spec: object) -> Object:
    return {"metadata": {"name": "web", "namespace": "dev"}, "spec": {"containers": [{"name": "c"}], **spec}}


def admitted(world: World, obj: Object) -> Object:
    plugin = ServiceAccount(world, sleep=lambda seconds: None)
    attributes = write("CREATE", "pods", obj, namespace="dev")
    plugin.admit(attributes)
    plugin.validate(attributes)
    spec: Object = obj["spec"]
    return spec


def refused(world: World, obj: Object, operation: str = "CREATE", what: str = "pods") -> str:
    plugin = ServiceAccount(world, sleep=lambda seconds: None)
    attributes = write(operation, what, obj, obj, namespace="dev")

    def both_phases() -> None:
        plugin.admit(attributes)
        plugin.validate(attributes)

    with pytest.raises(Forbidden) as refusal:
        both_phases()
    return refusal.value.message.removeprefix('pods "web" is forbidden: ')


def test_a_pod_runs_as_the_default_account() -> None:
    made = World()
    made.put(ACCOUNTS, account("default"))
    spec = admitted(made, pod())
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")


def test_the_old_name_of_the_field_counts_too(world: World) -> None:
    assert admitted(world, pod(serviceAccount="user"))["serviceAccountName"] == "user"


def test_a_pod_gets_its_token_volume(world: World) -> None:
    spec = admitted(world, pod(initContainers=[{"name": "i"}]))
    (volume,) = spec["volumes"]
    assert re.fullmatch(r"kube-api-access-[a-z0-9]{5}", volume["name"])
    assert volume["projected"] == {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ],
        "defaultMode": 420,
    }
    mount = {"name": volume["name"], "readOnly": True, "mountPath": MOUNT_PATH}
    assert [each["volumeMounts"] for each in (*spec["initContainers"], *spec["containers"])] == [[mount], [mount]]


def test_a_container_that_mounts_something_there_keeps_it(world: World) -> None:
    own = {"name": "v", "mountPath": MOUNT_PATH}
    spec = admitted(world, pod(containers=[{"name": "c", "volumeMounts": [own]}], volumes=[{"name": "v", "emptyDir": {}}]))
    assert (spec["containers"][0]["volumeMounts"], len(spec["volumes"])) == ([own], 1)


def test_a_token_volume_that_is_there_is_used(world: World) -> None:
    spec = admitted(world, pod(volumes=[{"name": "kube-api-access-mine", "emptyDir": {}}]))
    assert spec["containers"][0]["volumeMounts"][0]["name"] == "kube-api-access-mine"
    assert len(spec["volumes"]) == 1


@pytest.mark.parametrize(
    ("spec", "mounted"),
    [
        ({}, True),
        ({"automountServiceAccountToken": False}, False),
        ({"serviceAccountName": "shy"}, False),
        ({"serviceAccountName": "shy", "automountServiceAccountToken": True}, True),
    ],
)
def test_who_decides_whether_the_token_is_mounted(world: World, spec: Object, mounted: bool) -> None:
    assert ("volumes" in admitted(world, pod(**spec))) is mounted


@pytest.mark.parametrize(
    ("own", "expected"), [([], [{"name": "pull"}]), ([{"name": "own"}], [{"name": "own"}])], ids=["the account's", "the pod's"]
)
def test_whose_image_pull_secrets_count(world: World, own: list[Object], expected: list[Object]) -> None:
    assert admitted(world, pod(serviceAccountName="user", imagePullSecrets=own))["imagePullSecrets"] == expected


def test_an_account_that_does_not_exist_is_refused(world: World) -> None:
    message = 'error looking up service account dev/gone: serviceaccount "gone" not found'
    assert refused(world, pod(serviceAccountName="gone")) == message


def test_the_default_account_is_waited_for(world: World) -> None:
    made = World()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            made.put(ACCOUNTS, account("default"))

    obj = pod()
    ServiceAccount(made, sleep=sleep).admit(write("CREATE", "pods", obj, namespace="dev"))
    assert (obj["spec"]["serviceAccountName"], len(waits)) == ("default", 3)


def test_only_creating_a_pod_changes_it(world: World) -> None:
    for operation, what in (("UPDATE", "pods"), ("CREATE", "pods/exec"), ("CREATE", "configmaps")):
        obj = pod()
        plugin = ServiceAccount(world)
        attributes = write(operation, what, obj, obj, namespace="dev")
        plugin.admit(attributes)
        plugin.validate(attributes)
        assert obj == pod()


SECRET_ENV = [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}]
NOT_REFERENCED = "is not allowed because service account strict does not reference that secret"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"volumes": [{"name": "v", "secret": {"secretName": "other"}}]},
            f'volume with secret.secretName="other" {NOT_REFERENCED}',
        ),
        (
            {"containers": [{"name": "c", "env": SECRET_ENV}]},
            f'container c with envVar E referencing secret.secretName="other" {NOT_REFERENCED}',
        ),
        (
            {"initContainers": [{"name": "i", "env": SECRET_ENV}]},
            f'init container i with envVar E referencing secret.secretName="other" {NOT_REFERENCED}',
        ),
        (
            {"containers": [{"name": "c", "envFrom": [{"secretRef": {"name": "other"}}]}]},
            f'container c with envFrom referencing secret.secretName="other" {NOT_REFERENCED}',
        ),
        (
            {"imagePullSecrets": [{"name": "other"}]},
            'imagePullSecrets[0].name="other" is not allowed because service account strict does not reference that imagePullSecret',
        ),
    ],
)
def test_a_strict_account_limits_secrets(world: World, spec: Object, message: str) -> None:
    assert refused(world, pod(serviceAccountName="strict", **spec)) == message


def test_a_strict_account_gives_its_own_secrets(world: World) -> None:
    own = [{"name": "v", "secret": {"secretName": "mine"}}]
    assert admitted(world, pod(serviceAccountName="strict", volumes=own))["imagePullSecrets"] == [{"name": "pull"}]


def test_a_strict_account_limits_ephemeral_containers_too(world: World) -> None:
    obj = pod(serviceAccountName="strict", ephemeralContainers=[{"name": "e", "env": SECRET_ENV}])
    attributes = write("UPDATE", "pods/ephemeralcontainers", obj, obj, namespace="dev")
    with pytest.raises(StatusError) as refusal:
        ServiceAccount(world).validate(attributes)
    message = f'ephemeral container e with envVar E referencing secret.secretName="other" {NOT_REFERENCED}'
    assert (refusal.value.message, refusal.value.code, refusal.value.reason) == (message, 500, "")


def mirror(**spec: object) -> Object:
    obj = pod(**spec)
    obj["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    return obj


def test_a_mirror_pod_stays_as_it_is(world: World) -> None:
    obj = mirror()
    admitted(world, obj)
    assert obj == mirror()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"serviceAccountName": "default"}, "a mirror pod may not reference service accounts"),
        ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "a mirror pod may not reference secrets"),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
            "a mirror pod may not use ServiceAccountToken volume projections",
        ),
    ],
)
def test_a_mirror_pod_has_no_identity(world: World, spec: Object, message: str) -> None:
    assert refused(world, mirror(**spec)) == message
