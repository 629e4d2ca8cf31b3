"""/statusz: what runs here and since when, for people; structured for whoever asks for that.

Upstream: apiserver `pkg/server/statusz`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from cluster.api.errors import NotAcceptable
from cluster.api.names import Object
from cluster.server.context import Context
from cluster.server.negotiation import clauses
from cluster.server.plain import GO_VERSION, git_version
from cluster.server.response import Response
from cluster.server.responses import JSON, YAML, json_response, text_response, yaml_response

_TEXT: Final = frozenset({"text/plain", "text/*", "*/*"})
_STRUCTURED: Final = frozenset({JSON, YAML})
_GROUP: Final = "config.k8s.io"
_VERSIONS: Final = frozenset({"v1alpha1", "v1beta1"})
_DEPRECATED: Final = "This version of the statusz endpoint is deprecated. Please use a newer version."
_NAME: Final = "apiserver"
_TO_USE_THE_API: Final = frozenset({"/api", "/apis", "/openid", "/openapi", "/.well-known"})
_PAGE: Final = """
{name} statusz
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.

Started: {started}
Up: {up}
Go version: {go}
Binary version: {binary}
Emulation version: {emulated}
Paths: {paths}
"""


class Statusz:
    """Says it of a server that started at `started` (epoch seconds) and serves `paths`."""

    def __init__(self, kubernetes_version: str, started: float, paths: Iterable[str]) -> None:
        self._binary = git_version(kubernetes_version).removeprefix("v")
        self._emulated = kubernetes_version
        self._started = started
        roots = {"/" + path.split("/")[1] for path in paths}
        self._paths = sorted(roots - _TO_USE_THE_API - {"/"})

    def __call__(self, context: Context) -> Response:
        accept = context.header("HTTP_ACCEPT")
        if not accept.strip():
            return self._page()
        for media_type, parameters in clauses(accept):
            if media_type in _TEXT and "as" not in parameters:
                return self._page()
            if media_type in _STRUCTURED and parameters.get("as") == "Statusz" and parameters.get("g") == _GROUP:
                version = parameters.get("v", "")
                if version in _VERSIONS:
                    return self._structured(context, version, media_type)
        raise NotAcceptable.of(("text/plain", JSON, YAML))

    def _page(self) -> Response:
        up = self._seconds()
        return text_response(
            _PAGE.format(
                name=_NAME,
                started=time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(self._started)),
                up=f"{up // 3600} hr {up // 60 % 60:02} min {up % 60:02} sec",
                go=GO_VERSION,
                binary=self._binary,
                emulated=self._emulated,
                paths=" ".join(self._paths),
            )
        )

    def _structured(self, context: Context, version: str, media_type: str) -> Response:
        if version == "v1alpha1":
            context.warnings.append(_DEPRECATED)
        body: Object = {
            "kind": "Statusz",
            "apiVersion": f"{_GROUP}/{version}",
            "metadata": {"name": _NAME},
            "startTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "uptimeSeconds": self._seconds(),
            "goVersion": GO_VERSION,
            "binaryVersion": self._binary,
            "emulationVersion": self._emulated,
            "paths": self._paths,
        }
        return yaml_response(body) if media_type == YAML else json_response(body)

    def _seconds(self) -> int:
        return max(0, int(time.time() - self._started))
