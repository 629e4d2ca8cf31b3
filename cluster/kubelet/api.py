"""What a kubelet asks of the API server."""

from __future__ import annotations

import time
from typing import Any, Final

from cluster.api.errors import Conflict, NotFound, StatusError
from cluster.api.names import Object
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.resources import CONFIG_MAPS, PODS, SECRETS, SERVICE_ACCOUNTS

_TRIES: Final = 5


class Api:
    """One node's identity; safe for threads."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def config_map(self, namespace: str, name: str) -> Object:
        return self._client.get(CONFIG_MAPS, namespace, name)

    def secret(self, namespace: str, name: str) -> Object:
        return self._client.get(SECRETS, namespace, name)

    def token(self, namespace: str, service_account: str, request: Object) -> Object:
        return self._client.create(SERVICE_ACCOUNTS, namespace, request, name=service_account, subresource="token")

    def patch_status(self, pod: Object, status: Object) -> Object | None:
        """Writes what differs.  None where the pod is gone, or another of its name is there; StatusError otherwise."""
        metadata = pod["metadata"]
        change = _difference(pod.get("status") or {}, status)
        patch = {"metadata": {"uid": metadata["uid"]}, "status": change}
        try:
            return self._client.patch(
                PODS, metadata["namespace"], metadata["name"], patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status"
            )
        except NotFound:
            return None
        except Conflict:
            return self._current(pod)

    def _current(self, pod: Object) -> Object | None:
        """The pod as it is now; None where another has its name."""
        metadata = pod["metadata"]
        try:
            found = self._client.get(PODS, metadata["namespace"], metadata["name"])
        except NotFound:
            return None
        return found if found["metadata"]["uid"] == metadata["uid"] else None

    def finish(self, pod: Object) -> None:
        """Deletes a pod that has ended, at once, if it is still the same one."""
        metadata = pod["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        for remaining in reversed(range(_TRIES)):
            try:
                self._client.delete(PODS, metadata["namespace"], metadata["name"], options=options)
                return
            except (NotFound, Conflict):
                return
            except StatusError:
                if not remaining:
                    raise
                time.sleep(0.2)


def _difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """A merge patch of the status: lists are whole, what is no longer there is null."""
    change = {key: value for key, value in new.items() if old.get(key) != value}
    change |= {key: None for key in old if key not in new}
    if "conditions" in change:
        before = {each["type"]: each for each in old.get("conditions") or []}
        change["conditions"] = [dict.fromkeys(before.get(each["type"], ())) | each for each in new["conditions"]]
    if "podIPs" in change and old.get("podIPs"):
        # Merged by address, the old ones would stay.
        stale = [each for each in old["podIPs"] if each not in new.get("podIPs", [])]
        change["podIPs"] = list(new.get("podIPs", [])) + [{"$patch": "delete", "ip": each["ip"]} for each in stale]
    return change
