"""Paths that are no resources: health, version, the root, and what verifies service-account tokens."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson

from cluster.api.errors import NotFound
from cluster.api.names import Object
from cluster.server.context import Context
from cluster.server.response import Response
from cluster.server.responses import JSON, json_response, text_response

RECORDED_PATCH: Final[Mapping[str, str]] = {"1.36": "1.36.2"}
"""The patch release whose behaviour a minor version follows."""

GO_VERSION: Final = "go1.26"
"""What clients are told where they ask for the version of Go."""


def git_version(kubernetes_version: str) -> str:
    """The version that clients are told: `v1.36.2` for `1.36`."""
    return f"v{RECORDED_PATCH.get(kubernetes_version, f'{kubernetes_version}.0')}"


class Health:
    """/healthz, /livez and /readyz, whole or one check at a time."""

    def __init__(self, checks: Mapping[str, Callable[[], None]], observe: Callable[[str, str, bool], None]) -> None:
        """`observe` is told of each check that was made: its name, what asked for it (e.g. `livez`), and whether it held."""
        self._checks = dict(checks)
        self._observe = observe

    def __call__(self, context: Context) -> Response:
        root, *rest = context.path.strip("/").split("/")
        names = list(self._checks)
        if rest:
            if len(rest) != 1 or rest[0] not in self._checks:
                raise NotFound.path()
            names = rest
        excluded = set(context.query.getlist("exclude"))
        results = [(name, "excluded" if name in excluded else self._asked(name, root)) for name in names]
        failed = any(result == "failed" for _, result in results)
        if not failed and "verbose" not in context.query:
            return text_response("ok")
        lines = [_LINES[result].format(name) for name, result in results]
        lines.append(f"{root} check {'failed' if failed else 'passed'}\n")
        return text_response("\n".join(lines), 500 if failed else 200)

    def results(self) -> list[tuple[str, bool]]:
        """(name, whether it holds now) of every check."""
        return [(name, self._holds(name)) for name in self._checks]

    def _asked(self, name: str, root: str) -> str:
        good = self._holds(name)
        self._observe(name, root, good)
        return "ok" if good else "failed"

    def _holds(self, name: str) -> bool:
        try:
            self._checks[name]()
        except Exception:  # whatever is wrong, the check has failed, and that is its answer
            return False
        return True


_LINES = {"ok": "[+]{} ok", "failed": "[-]{} failed: reason withheld", "excluded": "[+]{} excluded: ok"}


class Version:
    """/version."""

    def __init__(self, kubernetes_version: str) -> None:
        major, minor = kubernetes_version.split(".")[:2]
        build_date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        self.build = {
            "gitVersion": git_version(kubernetes_version),
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": build_date,
            "goVersion": GO_VERSION,
            "compiler": "berth",
            "platform": f"linux/{machine}",
        }
        self._body = orjson.dumps(
            {
                "major": major,
                "minor": minor,
                "emulationMajor": major,
                "emulationMinor": minor,
                "minCompatibilityMajor": major,
                "minCompatibilityMinor": str(max(0, int(minor) - 1)),
                **self.build,
            },
            option=orjson.OPT_INDENT_2,
        )

    def __call__(self, context: Context) -> Response:  # noqa: ARG002 - a Handler
        return json_response(self._body)


class Root:
    """/: the paths there are."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._body: Object = {"paths": sorted(paths)}

    def __call__(self, context: Context) -> Response:  # noqa: ARG002 - a Handler
        return json_response(self._body)


class TokenKeys:
    """/.well-known/openid-configuration and /openid/v1/jwks, which let others verify service-account tokens."""

    def __init__(self, document: Callable[[], Object], keys: Callable[[], Object]) -> None:
        self._document = document
        self._keys = keys

    def configuration(self, context: Context) -> Response:  # noqa: ARG002 - a Handler
        return Response(orjson.dumps(self._document()), content_type=JSON, headers={"Cache-Control": "public, max-age=3600"})

    def jwks(self, context: Context) -> Response:  # noqa: ARG002 - a Handler
        body = orjson.dumps(self._keys())
        return Response(body, content_type="application/jwk-set+json", headers={"Cache-Control": "public, max-age=3600"})
