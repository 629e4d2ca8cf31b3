"""The authenticators of a cluster: client certificates, then bearer tokens, then the anonymous user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.api.protocols import Reader
from rbac.authn.keys import PublicKey
from rbac.authn.service_accounts import ServiceAccountTokenAuthenticator
from rbac.authn.union import BearerAuthenticator, UnionAuthenticator
from rbac.authn.x509 import CertificateAuthenticator
from rbac.credentials.check import CredentialCheck


@dataclass(frozen=True, slots=True)
class Authentication:
    """What the server is given: `authenticator` for requests, `tokens` for TokenReview, `credentials` for when issued ones were used."""

    authenticator: UnionAuthenticator
    tokens: BearerAuthenticator
    credentials: CredentialCheck


def build_authentication(
    public_keys: Sequence[PublicKey], issuer: str, audiences: Sequence[str], reader: Reader, *, anonymous: bool = True
) -> Authentication:
    """`audiences`: those of the API server; empty: its issuer."""
    audiences = tuple(audiences) or (issuer,)
    credentials = CredentialCheck(reader)
    tokens = BearerAuthenticator((ServiceAccountTokenAuthenticator(public_keys, issuer, audiences, reader),), audiences)
    return Authentication(UnionAuthenticator((CertificateAuthenticator(credentials), tokens), anonymous=anonymous), tokens, credentials)
