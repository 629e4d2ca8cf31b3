"""How a key signs service-account tokens: its algorithm and its ID.  Upstream: `pkg/serviceaccount/jwt.go`.

The API server signs bound tokens and verifies all; the tokens controller signs those that are kept in secrets.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

LEGACY_ISSUER: Final = "kubernetes/serviceaccount"
"""The issuer of tokens that are kept in secrets."""
LEGACY_PREFIX: Final = "kubernetes.io/serviceaccount/"
"""How their private claims begin: `namespace`, `secret.name`, `service-account.name`, `service-account.uid`."""
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
        raise ValueError("unknown service-account key: use an RSA key or an EC key on P-256, P-384 or P-521")
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return algorithm, base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
