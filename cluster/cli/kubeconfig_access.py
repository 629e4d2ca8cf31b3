"""The API's kubeconfigs, as `berth kubeconfig` uses them: by the home's administrator, or by whoever a file names."""

from __future__ import annotations

from typing import Final

import orjson

from cluster.api.errors import AlreadyExists, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.cli.api_access import refused
from cluster.cli.failure import CommandError
from cluster.client.http import ApiClient, resource_path

VERSION: Final = "berth.io/v1alpha1"
KUBECONFIGS: Final = GroupVersionResource("berth.io", "v1alpha1", "kubeconfigs")
CLUSTER_KUBECONFIGS: Final = GroupVersionResource("berth.io", "v1alpha1", "clusterkubeconfigs")
_PAGE: Final = 500


class _Exists(CommandError):
    """The name is taken."""


class Access:
    """Verbs over kubeconfigs of a namespace, or of the cluster (namespace ""); CommandError for what the API refuses."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    def create(self, namespace: str, record: Object) -> Object:
        try:
            return self._act("POST", _path(namespace), record)
        except _Exists as error:
            where = f" -n {namespace}" if namespace else ""
            again = f'"berth kubeconfig renew {record["metadata"]["name"]}{where}" issues another credential; or choose another name'
            raise CommandError(f"{error}: {again}") from error

    def renew(self, namespace: str, name: str, spec: Object) -> Object:
        return self._act("POST", _path(namespace, name, "renew"), {"apiVersion": VERSION, "kind": kind_of(namespace), "spec": spec})

    def revoke(self, namespace: str, name: str) -> Object:
        return self._act("POST", _path(namespace, name, "revoke"), None)

    def delete(self, namespace: str, name: str) -> Object:
        return self._act("DELETE", _path(namespace, name), None)

    def get(self, namespace: str, name: str) -> Object:
        return self._act("GET", _path(namespace, name), None)

    def list(self, namespace: str | None) -> list[Object]:
        """Those of the cluster (None), of a namespace, or of all namespaces ("")."""
        resource = CLUSTER_KUBECONFIGS if namespace is None else KUBECONFIGS
        try:
            found = self._api.list(resource, namespace or None, limit=_PAGE)
        except StatusError as error:
            raise refused(error) from error
        head = {"apiVersion": VERSION, "kind": kind_of("" if namespace is None else "any")}
        return [head | item for item in found["items"]]

    def _act(self, method: str, path: str, body: Object | None) -> Object:
        try:
            answer: Object = orjson.loads(self._api.request(method, path, body=orjson.dumps(body) if body is not None else None))
        except NotFound as error:
            if (error.details or {}).get("kind") == "serviceaccounts":
                raise CommandError(
                    f"{error.message}: create the service account first, or add --user for a person; nothing was issued"
                ) from error
            raise refused(error) from error
        except AlreadyExists as error:
            raise _Exists(error.message) from error
        except StatusError as error:
            raise refused(error) from error
        return answer


def kind_of(namespace: str) -> str:
    return "Kubeconfig" if namespace else "ClusterKubeconfig"


def _path(namespace: str, name: str = "", subresource: str = "") -> str:
    return resource_path(KUBECONFIGS if namespace else CLUSTER_KUBECONFIGS, namespace, name, subresource)
