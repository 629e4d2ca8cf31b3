"""Who may act for a signer: `approve`, `sign` or `attest` what its name stands for.

Upstream: `pkg/certauthorization/certauthorization.go`.
"""

from __future__ import annotations

from cluster.api.authorization import Attributes, Authorizer
from cluster.api.user import UserInfo


def may_act_for(authorizer: Authorizer, user: UserInfo, verb: str, signer: str) -> bool:
    """Allowed for the signer's name, or for its whole domain, as `example.com/*`."""
    return any(
        authorizer.authorize(
            Attributes(user, verb, api_group="certificates.k8s.io", api_version="*", resource="signers", name=name)
        ).allowed
        for name in (signer, f"{signer.partition('/')[0]}/*")
    )
