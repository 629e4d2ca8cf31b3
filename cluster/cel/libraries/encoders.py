"""Base64.  Upstream: cel-go `ext/encoders.go`; Go's `encoding/base64`.  Kubernetes has it in none of its environments."""

from __future__ import annotations

import base64
import string
from typing import Final

from cluster.cel import types
from cluster.cel.functions import Library
from cluster.cel.libraries.declaring import plain
from cluster.cel.values import CelError

_ALPHABET: Final = frozenset((string.ascii_letters + string.digits + "+/").encode())
_LINE_ENDS: Final = frozenset(b"\r\n")


def decode(text: str) -> bytes:
    """With all of the padding or without any; line ends are left out."""
    source = bytes(each for each in text.encode() if each not in _LINE_ENDS)
    bare = source.rstrip(b"=")
    padding = len(source) - len(bare)
    if not _ALPHABET.issuperset(bare) or len(bare) % 4 == 1 or padding not in (0, -len(bare) % 4):
        raise CelError(f"illegal base64 data at input byte {_wrong(text.encode())}")
    return base64.b64decode(bare + b"=" * (-len(bare) % 4))


def _wrong(source: bytes) -> int:
    """Where what is without padding goes wrong."""
    return next((at for at, each in enumerate(source) if each not in _ALPHABET and each not in _LINE_ENDS), len(source) - 1)


def encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


ENCODERS: Final = Library(
    "cel.lib.ext.encoders",
    functions=(
        plain("base64.decode", "base64_decode_string", (types.STRING,), types.BYTES, decode),
        plain("base64.encode", "base64_encode_bytes", (types.BYTES,), types.STRING, encode),
    ),
)
