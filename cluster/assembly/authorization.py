"""May they, as the configuration has it: the authorizers and their order."""

from __future__ import annotations

from cluster.api.protocols import HttpCallers, Reader
from cluster.assembly.config import Config
from rbac.authz.build import Authorization, build_authorization


def authorization(config: Config, reader: Reader, callers: HttpCallers) -> Authorization:  # noqa: ARG001
    return build_authorization(reader)
