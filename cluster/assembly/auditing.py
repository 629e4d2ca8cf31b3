"""What is recorded, as the configuration has it: the policy, and the backends that events go to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.api.protocols import HttpCallers
from cluster.assembly.config import Config
from cluster.assembly.options import AuditOptions
from cluster.client.callers import Callers
from cluster.server.audit import Auditor
from rbac.audit.default_policy import default_policy
from rbac.audit.log_file import MEGABYTE, STDOUT, LogFile, StandardOutput
from rbac.audit.model import Sink, Union
from rbac.audit.policy import Policy

OFF: Final = "none"
BATCH: Final = "batch"
STRICT: Final = "blocking-strict"
MODES: Final = (BATCH, "blocking", STRICT)


def log_path(config: Config) -> Path | None:
    """The audit log's file; None where there is no log, or none that is a file."""
    given = config.audit.audit_log_path
    if given in (STDOUT, OFF):
        return None
    return Path(given) if given else config.home.logs / "audit.log"


def auditor(config: Config, callers: HttpCallers, counted: Callable[[Sink], Sink] = lambda sink: sink) -> Auditor | None:
    """None where events would go nowhere; `counted` is put before all backends.  ValueError, OSError for what cannot be used."""
    options = config.audit
    sinks: list[Sink] = []
    path = log_path(config)
    if options.audit_log_path == STDOUT:
        sinks.append(StandardOutput())
    elif path is not None:
        size, backups, age = options.audit_log_maxsize * MEGABYTE, options.audit_log_maxbackup, options.audit_log_maxage
        sinks.append(LogFile(path, max_size=size, max_backups=backups, max_age=age, compress=options.audit_log_compress))
    if options.audit_webhook_config_file:
        sinks.append(_webhook(options, callers))
    if not sinks:
        return None
    return Auditor(_policy(options)[0], counted(sinks[0] if len(sinks) == 1 else Union(sinks)))


def check(config: Config) -> list[str]:
    """What is ignored in the policy's file; ValueError, OSError for options and files that the server could not start with."""
    auditor(config, Callers())
    path = log_path(config)
    if path is not None and path.is_dir():
        raise ValueError(f'audit log path "{path}" is a directory: name a file')
    return _policy(config.audit)[1]


def _policy(options: AuditOptions) -> tuple[Policy, list[str]]:
    """(the policy, what is ignored in its file); ValueError for a file that is none."""
    file = options.audit_policy_file
    if not file:
        return default_policy(), []
    from rbac.audit.policy_file import load_policy

    try:
        return load_policy(file)
    except ValueError as error:
        raise ValueError(f"loading audit policy file: {error}") from None


def _webhook(options: AuditOptions, callers: HttpCallers) -> Sink:
    """The webhook behind its buffer, cut to size."""
    from rbac.audit.buffered import BatchOptions, Buffered
    from rbac.audit.truncate import Truncated
    from rbac.audit.webhook import Webhook

    _check_webhook(options)
    mode = options.audit_webhook_mode
    try:
        caller = callers.of_kubeconfig(options.audit_webhook_config_file)
    except (ValueError, OSError) as error:
        raise ValueError(f"initializing audit webhook: {error}") from None
    sink: Sink = Webhook(caller, options.audit_webhook_initial_backoff, strict=mode == STRICT)
    if mode == BATCH:
        batch = BatchOptions(
            options.audit_webhook_batch_buffer_size,
            options.audit_webhook_batch_max_size,
            options.audit_webhook_batch_max_wait,
            options.audit_webhook_batch_throttle_qps,
            options.audit_webhook_batch_throttle_burst,
        )
        sink = Buffered(sink, batch)
    if options.audit_webhook_truncate_enabled:
        sink = Truncated(sink, options.audit_webhook_truncate_max_event_size, options.audit_webhook_truncate_max_batch_size)
    return sink


def _check_webhook(options: AuditOptions) -> None:
    """ValueError in upstream's words.  Upstream: apiserver `pkg/server/options/audit.go`."""
    mode = options.audit_webhook_mode
    if mode not in MODES:
        raise ValueError(f'invalid audit webhook mode {mode}, allowed modes are "{",".join(MODES)}"')
    positive = {
        "buffer size": options.audit_webhook_batch_buffer_size,
        "max batch size": options.audit_webhook_batch_max_size,
        "throttle QPS": options.audit_webhook_batch_throttle_qps,
        "throttle burst": options.audit_webhook_batch_throttle_burst,
    }
    for what, value in positive.items():
        if mode == BATCH and value <= 0:
            raise ValueError(f"invalid audit batch webhook {what} {value}, must be a positive number")
    event, batch = options.audit_webhook_truncate_max_event_size, options.audit_webhook_truncate_max_batch_size
    if event <= 0:
        raise ValueError(f"invalid audit truncate webhook max event size {event}, must be a positive number")
    if batch < event:
        raise ValueError(f"invalid audit truncate webhook max batch size {batch}, must be greater than max event size ({event})")
