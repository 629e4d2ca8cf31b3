"""How a key signs service-account tokens: its algorithm and its ID.  Upstream: `pkg/serviceaccount/jwt.go`.

The API server signs bound tokens and verifies all; the tokens controller signs those that are kept in secrets.
"""

from __future__ import annotations

import base64
import datetime
from typing import Final

from cluster.api.names import Object
from cluster.api.user import service_account_name

LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
"""The issuer of tokens that are kept in secrets."""
LEGACY_PREFIX: Final = "kubernetes.io/serviceaccount/"
"""How their private claims begin, see `legacy_claims`."""
LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
"""The label of such a secret with the day of the token's last use."""
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
"""The label with the day from which its token is refused."""
TRACKING_NAMESPACE: Final = "kube-system"
TRACKING_NAME: Final = "kube-apiserver-legacy-service-account-token-tracking"
"""The config map that says since when uses are written down."""
TRACKED_SINCE: Final = "since"
UNKNOWN_KEY: Final = "unknown service-account key: use an RSA key or an EC key on P-256, P-384 or P-521"
_ALGORITHMS: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


def algorithm_and_id(key: object) -> tuple[str, str]:
    """(JWS algorithm, base64url of the SHA-256 of the key's PKIX form); ValueError unless RSA or NIST EC."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey):
        algorithm = "RS256"
    elif isinstance(key, EllipticCurvePublicKey) and key.curve.name in _ALGORITHMS:
        algorithm = _ALGORITHMS[key.curve.name]
    else:
        raise ValueError(UNKNOWN_KEY)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    import hashlib  # it takes long to load, and few who know of keys make them

    return algorithm, base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def legacy_claims(account: Object, secret: str) -> dict[str, str]:
    """What a token says that is kept in the secret of that name: whose it is, and never when it ends."""
    metadata = account["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    return {
        "iss": LEGACY_ISSUER,
        LEGACY_PREFIX + "namespace": namespace,
        LEGACY_PREFIX + "secret.name": secret,
        LEGACY_PREFIX + "service-account.name": name,
        LEGACY_PREFIX + "service-account.uid": metadata.get("uid", ""),
        "sub": service_account_name(namespace, name),
    }


def parse_day(text: str) -> datetime.date | None:
    """A day as those labels have it, `2026-01-31`; None for anything else."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%d").date() if len(text) == 10 else None
    except ValueError:
        return None
