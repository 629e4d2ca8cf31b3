"""ServiceAccount: every pod runs as a service account that exists, and gets its token as a volume.

Upstream: `plugin/pkg/admission/serviceaccount`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from cluster.api.errors import StatusError
from cluster.api.names import GroupResource, Object
from cluster.api.pod_references import secret_names
from cluster.api.protocols import Reader
from rbac.authz.references import is_mirror

TOKEN_SECONDS: Final = 3607
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX: Final = "kube-api-access-"
ENFORCE: Final = "kubernetes.io/enforce-mountable-secrets"
_PODS: Final = GroupResource("", "pods")
_ACCOUNTS: Final = GroupResource("", "serviceaccounts")
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"
_DEFAULT_WAIT: Final = 2.0
"""Seconds that a pod waits for its namespace's default service account, which a controller makes."""


class ServiceAccount:
    name = "ServiceAccount"
    resources: Final = frozenset({_PODS})

    def __init__(self, reader: Reader, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._reader = reader
        self._sleep = sleep

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Gives a new pod its service account, token volume and image pull secrets.  Mirror pods stay as they are.

        What `validate` refuses is refused before other plugins, and the pod's own rules, have their say.
        """
        pod = attributes.object
        if pod is None or not _concerns(attributes) or attributes.operation is not Operation.CREATE:
            return
        if not is_mirror(pod):
            self._complete(attributes, pod.setdefault("spec", {}))
        self.validate(attributes)

    def _complete(self, attributes: Attributes, spec: Object) -> None:
        spec["serviceAccountName"] = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        spec["serviceAccount"] = spec["serviceAccountName"]  # its old name, which the API still shows
        account = self._account(attributes, spec["serviceAccountName"])
        if _automount(account, spec):
            _mount_token(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [{"name": each.get("name", "")} for each in account["imagePullSecrets"]]

    def validate(self, attributes: Attributes) -> None:
        """Forbidden for a pod whose service account is missing, or that uses secrets its account may not mount.

        For secrets of ephemeral containers it is an error without a reason, which is how upstream's comes out.
        """
        pod = attributes.object
        if pod is None or not _concerns(attributes):
            return
        if attributes.operation is Operation.CREATE and is_mirror(pod):
            _check_mirror(attributes, pod.get("spec") or {})
            return
        if attributes.operation is not Operation.CREATE and attributes.subresource != "ephemeralcontainers":
            return
        spec = pod.get("spec") or {}
        if not spec.get("serviceAccountName"):
            name = pod["metadata"].get("name", "")
            raise forbidden(attributes, f"no service account specified for pod {attributes.namespace}/{name}")
        account = self._account(attributes, spec["serviceAccountName"])
        if (account["metadata"].get("annotations") or {}).get(ENFORCE) in _TRUE:
            ephemeral = attributes.operation is Operation.UPDATE
            for why in _unmountable(account, spec, ephemeral=ephemeral):
                raise StatusError(why) if ephemeral else forbidden(attributes, why)

    def _account(self, attributes: Attributes, name: str) -> Object:
        account = self._reader.get(_ACCOUNTS, attributes.namespace, name)
        deadline = time.monotonic() + _DEFAULT_WAIT
        while account is None and name == "default" and time.monotonic() < deadline:
            self._sleep(0.05)
            account = self._reader.get(_ACCOUNTS, attributes.namespace, name)
        if account is None:
            where = f"{attributes.namespace}/{name}"
            raise forbidden(attributes, f'error looking up service account {where}: serviceaccount "{name}" not found')
        return account


def _concerns(attributes: Attributes) -> bool:
    return attributes.resource.group_resource == _PODS and attributes.subresource in ("", "ephemeralcontainers")


def _automount(account: Object, spec: Object) -> bool:
    """The pod's wish, else the account's, else yes."""
    for wish in (spec.get("automountServiceAccountToken"), account.get("automountServiceAccountToken")):
        if wish is not None:
            return bool(wish)
    return True


def _mount_token(spec: Object) -> None:
    """Mounts the token volume in each container that has nothing at its path, and adds the volume if one needs it."""
    volumes = spec.get("volumes") or []
    existing = next((each["name"] for each in volumes if each.get("name", "").startswith(VOLUME_PREFIX)), None)
    name = existing or VOLUME_PREFIX + "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311 - a name, not a secret
    needed = False
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        mounts = container.get("volumeMounts") or []
        if not any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
            container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
            needed = True
    if needed and existing is None:
        spec["volumes"] = [*volumes, {"name": name, "projected": token_volume_source()}]


def token_volume_source() -> Object:
    """The projected volume with the token, the cluster's CA and the namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [namespace]}},
        ],
        "defaultMode": 420,
    }


def _check_mirror(attributes: Attributes, spec: Object) -> None:
    if spec.get("serviceAccountName"):
        raise forbidden(attributes, "a mirror pod may not reference service accounts")
    if any(True for _ in secret_names(spec)):
        raise forbidden(attributes, "a mirror pod may not reference secrets")
    for volume in spec.get("volumes") or ():
        if any(source.get("serviceAccountToken") for source in (volume.get("projected") or {}).get("sources") or ()):
            raise forbidden(attributes, "a mirror pod may not use ServiceAccountToken volume projections")


def _unmountable(account: Object, spec: Object, *, ephemeral: bool) -> Iterator[str]:
    """Why the account does not let the pod (or its ephemeral containers) have the secrets that it names."""
    name = account["metadata"]["name"]
    mountable = {each.get("name") for each in account.get("secrets") or ()}
    if ephemeral:
        yield from _unmountable_in("ephemeral container", spec.get("ephemeralContainers"), mountable, name)
        return
    for volume in spec.get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName")
        if volume.get("secret") and secret not in mountable:
            yield f'volume with secret.secretName="{secret}" is not allowed because service account {name} does not reference that secret'
    yield from _unmountable_in("init container", spec.get("initContainers"), mountable, name)
    yield from _unmountable_in("container", spec.get("containers"), mountable, name)
    pullable = {each.get("name") for each in account.get("imagePullSecrets") or ()}
    for place, each in enumerate(spec.get("imagePullSecrets") or ()):
        if each.get("name") not in pullable:
            shown = f'imagePullSecrets[{place}].name="{each.get("name", "")}"'
            yield f"{shown} is not allowed because service account {name} does not reference that imagePullSecret"


def _unmountable_in(title: str, containers: list[Object] | None, mountable: Collection[str | None], account: str) -> Iterator[str]:
    end = f"is not allowed because service account {account} does not reference that secret"
    for container in containers or ():
        shown = f"{title} {container.get('name', '')}"
        for variable in container.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if reference and reference.get("name") not in mountable:
                secret = reference.get("name", "")
                yield f'{shown} with envVar {variable.get("name", "")} referencing secret.secretName="{secret}" {end}'
        for source in container.get("envFrom") or ():
            reference = source.get("secretRef")
            if reference and reference.get("name") not in mountable:
                yield f'{shown} with envFrom referencing secret.secretName="{reference.get("name", "")}" {end}'
