"""What connections are made with: kinds that are no part of the published schemas.  Upstream: `pkg/apis/core/types.go`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.schema.configuration import FLAG, TEXT, TEXTS, definitions
from cluster.schema.model import Schema, SchemaSet

_STREAM: Final[Mapping[str, Schema]] = {"stdin": FLAG, "stdout": FLAG, "stderr": FLAG, "tty": FLAG, "container": TEXT}
_INTEGERS: Final[Schema] = {"type": "array", "items": {"type": "integer", "format": "int32"}}
_OPTIONS: Final[Mapping[str, Mapping[str, Schema]]] = {
    "PodAttachOptions": _STREAM,
    "PodExecOptions": {**_STREAM, "command": TEXTS},
    "PodPortForwardOptions": {"ports": _INTEGERS},
    "PodProxyOptions": {"path": TEXT},
    "NodeProxyOptions": {"path": TEXT},
    "ServiceProxyOptions": {"path": TEXT},
}
CONNECTIONS: Final[SchemaSet] = definitions("", "v1", tuple(_OPTIONS), _OPTIONS)
