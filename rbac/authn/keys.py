"""The keys that sign and verify service-account tokens.  Upstream: `pkg/serviceaccount/jwt.go`, `openidmetadata.go`."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluster.api.names import Object
from cluster.api.token_keys import algorithm_and_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
CACHE_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A verification key; `algorithm` is the only one that it accepts."""

    key: RSAPublicKey | EllipticCurvePublicKey
    key_id: str
    algorithm: str

    def jwk(self) -> Object:
        """The key as RFC 7517 has it."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

        common = {"use": "sig", "kid": self.key_id, "alg": self.algorithm}
        if isinstance(self.key, RSAPublicKey):
            numbers = self.key.public_numbers()
            return common | {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
        point, size = self.key.public_numbers(), (self.key.curve.key_size + 7) // 8
        curve = _CURVES[self.key.curve.name]
        return common | {"kty": "EC", "crv": curve, "x": _integer(point.x, size), "y": _integer(point.y, size)}


def load_public_keys(pem: bytes) -> list[PublicKey]:
    """A PEM file's key: a public one, a certificate's, or the public half of a private one.  ValueError for others."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    if b"PRIVATE KEY" in pem:
        return [public_key(serialization.load_pem_private_key(pem, None).public_key())]
    if b"BEGIN CERTIFICATE" in pem:
        return [public_key(each.public_key()) for each in x509.load_pem_x509_certificates(pem)]
    return [public_key(serialization.load_pem_public_key(pem))]


def public_key(key: object) -> PublicKey:
    """A key with upstream's key ID; ValueError unless RSA or NIST EC."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    algorithm, key_id = algorithm_and_id(key)
    assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey)
    return PublicKey(key, key_id, algorithm)


def key_set(keys: Iterable[PublicKey]) -> Object:
    """The document at /openid/v1/jwks."""
    return {"keys": [key.jwk() for key in keys]}


def discovery_document(issuer: str, jwks_uri: str, keys: Sequence[PublicKey]) -> Object:
    """The document at /.well-known/openid-configuration."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key.algorithm for key in keys}),
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _integer(number: int, size: int = 0) -> str:
    return _base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))
