"""The ciphers: each seals a value under a name that is written before it, and binds it to its key in the database.

Upstream: apiserver `pkg/storage/value/encrypt/{aes,identity}`.  A value's prefix is `k8s:enc:<cipher>:v1:<key>:`.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

SEALED: Final = b"k8s:enc:"
"""How every sealed value begins; one that is not sealed is JSON."""
_NONCE: Final = 12
_BLOCK: Final = 16


class Unreadable(Exception):
    """A value that its key does not open: it was changed, or moved to another object."""


class Provider(Protocol):
    """One key of one cipher."""

    prefix: bytes

    def seal(self, value: bytes, key: str) -> bytes:
        """The value of the object with that key, with the prefix."""
        ...

    def open(self, sealed: bytes, key: str) -> bytes:
        """Takes what `seal` made.  Unreadable."""
        ...


class Identity:
    """Leaves values as they are."""

    prefix = b""

    def seal(self, value: bytes, key: str) -> bytes:  # noqa: ARG002 - a Provider's signature
        return value

    def open(self, sealed: bytes, key: str) -> bytes:  # noqa: ARG002 - a Provider's signature
        return sealed


class AesGcm:
    """AES in Galois/counter mode: a random nonce, and the object's key as authenticated data."""

    def __init__(self, name: str, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.prefix = b"%saesgcm:v1:%s:" % (SEALED, name.encode())
        self._cipher = AESGCM(secret)

    def seal(self, value: bytes, key: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return self.prefix + nonce + self._cipher.encrypt(nonce, value, key.encode())

    def open(self, sealed: bytes, key: str) -> bytes:
        from cryptography.exceptions import InvalidTag

        start = len(self.prefix)
        try:
            return self._cipher.decrypt(sealed[start : start + _NONCE], sealed[start + _NONCE :], key.encode())
        except (InvalidTag, ValueError):
            raise Unreadable(f'the value of "{key}" was not sealed as it is') from None


class AesCbc:
    """AES in cipher block chaining mode with a random vector and PKCS #7 padding; it authenticates nothing."""

    def __init__(self, name: str, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.algorithms import AES

        self.prefix = b"%saescbc:v1:%s:" % (SEALED, name.encode())
        self._algorithm = AES(secret)

    def seal(self, value: bytes, key: str) -> bytes:  # noqa: ARG002 - a Provider's signature
        from cryptography.hazmat.primitives.ciphers import Cipher, modes

        vector, padding = os.urandom(_BLOCK), _BLOCK - len(value) % _BLOCK
        encryptor = Cipher(self._algorithm, modes.CBC(vector)).encryptor()
        return self.prefix + vector + encryptor.update(value + bytes([padding]) * padding) + encryptor.finalize()

    def open(self, sealed: bytes, key: str) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, modes

        start = len(self.prefix)
        vector, body = sealed[start : start + _BLOCK], sealed[start + _BLOCK :]
        if len(vector) < _BLOCK or not body or len(body) % _BLOCK:
            raise Unreadable(f'the value of "{key}" is cut')
        decryptor = Cipher(self._algorithm, modes.CBC(vector)).decryptor()
        padded = decryptor.update(body) + decryptor.finalize()
        padding = padded[-1]
        if not 1 <= padding <= _BLOCK or padded[-padding:] != bytes([padding]) * padding:
            raise Unreadable(f'the value of "{key}" was not sealed as it is')
        return padded[:-padding]
