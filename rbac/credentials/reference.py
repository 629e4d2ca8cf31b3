"""How a credential names the record of its issue: in a certificate as a URI, in a token as a claim, in a user as an extra.

What names a record is accepted only as long as that record lists it (see `check`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo

GROUP: Final = "berth.io"
KUBECONFIGS: Final = GroupResource(GROUP, "kubeconfigs")
CLUSTER_KUBECONFIGS: Final = GroupResource(GROUP, "clusterkubeconfigs")
URI_SCHEME: Final = "berth:"
"""A certificate's URI is this and the reference; it has no host, so that every X.509 parser takes it."""
CLAIM: Final = "berth.io"
"""A token's private claim: `{"kubeconfig": <reference>}`."""
EXTRA: Final = "berth.io/kubeconfig"
"""The key in a user's extra under which those who authenticated so carry their reference."""
CREDENTIAL_ID: Final = "authentication.kubernetes.io/credential-id"


class Reference(NamedTuple):
    """A record of an issue: `kubeconfigs/<namespace>/<name>/<uid>` or `clusterkubeconfigs/<name>/<uid>`."""

    resource: GroupResource
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, record: Object) -> Reference:
        """The reference to a Kubeconfig or ClusterKubeconfig."""
        metadata = record["metadata"]
        namespace = metadata.get("namespace", "")
        return cls(KUBECONFIGS if namespace else CLUSTER_KUBECONFIGS, namespace, metadata["name"], metadata["uid"])

    @classmethod
    def parse(cls, text: str) -> Reference:
        """ValueError for a text that is no reference."""
        parts = text.split("/")
        if not all(parts):
            raise ValueError("a part of the reference is empty")
        if len(parts) == 4 and parts[0] == KUBECONFIGS.resource:
            return cls(KUBECONFIGS, *parts[1:])
        if len(parts) == 3 and parts[0] == CLUSTER_KUBECONFIGS.resource:
            return cls(CLUSTER_KUBECONFIGS, "", *parts[1:])
        raise ValueError("neither kubeconfigs/<namespace>/<name>/<uid> nor clusterkubeconfigs/<name>/<uid>")

    def __str__(self) -> str:
        return "/".join(filter(None, (self.resource.resource, self.namespace, self.name, self.uid)))


def credential_of(user: UserInfo) -> tuple[Reference, str] | None:
    """(record, credential ID) of a user who authenticated by an issued kubeconfig; None for everyone else."""
    named, credential_ids = user.extra.get(EXTRA), user.extra.get(CREDENTIAL_ID)
    if not named or not credential_ids:
        return None
    try:
        return Reference.parse(named[0]), credential_ids[0]
    except ValueError:
        return None
