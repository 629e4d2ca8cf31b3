"""The ConfigMap that tells extension API servers whose client certificates and whose headers to trust.

What other API servers of the cluster have written stays in it: lists and CA bundles are united.
Upstream: `pkg/controlplane/controller/clusterauthenticationtrust`.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from cluster.api.names import Object

_BUNDLES: Final = ("client-ca-file", "requestheader-client-ca-file")
_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def combined_trust(existing: Object | None, expected: Object) -> Object | None:
    """What is to be written: the data there are with what is expected in them; None where all of it is there."""
    if existing is None:
        return expected
    held = existing.get("data") or {}
    data = {key: _united(key, held.get(key) or "", value) for key, value in expected["data"].items()}
    return None if data == held else {**existing, "data": data}


def _united(key: str, held: str, wanted: str) -> str:
    if key in _BUNDLES:
        return "".join(f"{each}\n" for each in dict.fromkeys([*_CERTIFICATE.findall(held), *_CERTIFICATE.findall(wanted)]))
    try:
        values = orjson.loads(held or "[]")
    except orjson.JSONDecodeError:
        values = []
    others = [each for each in values if isinstance(each, str)] if isinstance(values, list) else []
    return orjson.dumps(list(dict.fromkeys([*others, *orjson.loads(wanted)]))).decode()
