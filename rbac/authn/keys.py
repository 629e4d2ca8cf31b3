"""The keys that sign and verify service-account tokens.  Upstream: `pkg/serviceaccount/jwt.go`, `openidmetadata.go`."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from msgspec import Struct

from cluster.api.names import Object
from cluster.api.token_keys import UNKNOWN_KEY, algorithm_and_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_CURVES: Final = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_PUBLIC: Final = ("PUBLIC KEY", "RSA PUBLIC KEY")


class PublicKey(Struct, frozen=True):
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


class TokenKeys(Struct, frozen=True, eq=False):
    """The keys at one time: the one that signs, and all that verify, the signing one first."""

    signing: RSAPrivateKey | EllipticCurvePrivateKey
    public: tuple[PublicKey, ...]
    by_id: Mapping[str, PublicKey]

    @classmethod
    def of(cls, signing_pem: bytes, verifying: Iterable[PublicKey] = ()) -> Self:
        """ValueError where the PEM has no private key that tokens can be signed with."""
        private = load_private_key(signing_pem)
        by_id = {key.key_id: key for key in (public_key(private.public_key()), *verifying)}
        return cls(private, tuple(by_id.values()), by_id)

    def candidates(self, key_id: str) -> tuple[PublicKey, ...]:
        """The keys that may have signed a token with that key ID, all of them for one without."""
        if not key_id:
            return self.public
        found = self.by_id.get(key_id)
        return () if found is None else (found,)


class KeySource(Protocol):
    """Where the keys come from; they change over time."""

    def current(self) -> TokenKeys:
        """The keys as they were a few seconds ago at most: the same value until they change."""
        ...

    def refreshed(self) -> TokenKeys:
        """The keys as they are now, for a token whose key is not known."""
        ...


def load_private_key(pem: bytes) -> RSAPrivateKey | EllipticCurvePrivateKey:
    """The first private key of a PEM file.  ValueError where there is none, or none that can sign tokens."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    for kind, block in _blocks(pem):
        if kind.endswith("PRIVATE KEY"):
            key = _private(block)
            if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
                raise ValueError(UNKNOWN_KEY)
            return key
    raise ValueError("data does not contain a valid RSA or ECDSA private key")


def load_public_keys(pem: bytes) -> list[PublicKey]:
    """All keys of a PEM file: public ones, certificates', and the public halves of private ones.  ValueError for none, or others."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    found: list[PublicKey] = []
    for kind, block in _blocks(pem):
        if kind.endswith("PRIVATE KEY"):
            found.append(public_key(_private(block).public_key()))
        elif kind == "CERTIFICATE":
            found.append(public_key(x509.load_pem_x509_certificate(block).public_key()))
        elif kind in _PUBLIC:
            found.append(public_key(serialization.load_pem_public_key(block)))
    if not found:
        raise ValueError("data does not contain any valid RSA or ECDSA public keys")
    return found


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


def _blocks(pem: bytes) -> Iterable[tuple[str, bytes]]:
    for match in _BLOCK.finditer(pem):
        yield match[1].decode(), match[0] + b"\n"


def _private(block: bytes) -> Any:
    from cryptography.hazmat.primitives import serialization

    try:
        return serialization.load_pem_private_key(block, None)
    except TypeError:
        raise ValueError("the private key is encrypted: use one without a passphrase") from None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _integer(number: int, size: int = 0) -> str:
    return _base64url(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))
