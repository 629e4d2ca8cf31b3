"""What is recorded, as the configuration has it: the policy, and the backends that events go to."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cluster.api.protocols import HttpCallers
from cluster.assembly.config import Config
from cluster.server.audit import Auditor
from rbac.audit.default_policy import default_policy
from rbac.audit.log_file import MEGABYTE, STDOUT, LogFile, StandardOutput
from rbac.audit.model import Sink
from rbac.audit.policy import Policy
from rbac.audit.policy_file import load_policy

OFF: Final = "none"


def log_path(config: Config) -> Path | None:
    """The audit log's file; None where there is no log, or none that is a file."""
    given = config.audit.audit_log_path
    if given in (STDOUT, OFF):
        return None
    return Path(given) if given else config.home.logs / "audit.log"


def policy(config: Config) -> tuple[Policy, list[str]]:
    """(the policy, problems in its file that are ignored); ValueError for a file that is none."""
    file = config.audit.audit_policy_file
    if not file:
        return default_policy(), []
    try:
        return load_policy(file)
    except ValueError as error:
        raise ValueError(f"loading audit policy file: {error}") from None


def auditor(config: Config, callers: HttpCallers) -> Auditor | None:  # noqa: ARG001
    """None where events would go nowhere; ValueError, OSError for what cannot be used."""
    sinks: list[Sink] = []
    given = config.audit.audit_log_path
    path = log_path(config)
    if given == STDOUT:
        sinks.append(StandardOutput())
    elif path is not None:
        options = config.audit
        sinks.append(
            LogFile(
                path,
                max_size=options.audit_log_maxsize * MEGABYTE,
                max_backups=options.audit_log_maxbackup,
                max_age=options.audit_log_maxage,
                compress=options.audit_log_compress,
            )
        )
    if not sinks:
        return None
    return Auditor(policy(config)[0], sinks[0])
