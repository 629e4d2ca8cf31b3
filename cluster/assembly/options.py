"""The API server's options, named as kube-apiserver names its flags: `--audit-log-path` is `AuditOptions.audit_log_path`.

`berth start` makes its flags, their environment variables and the table in docs/options.md of these fields; a new option is a field here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


def option(default: Any, text: str, *, path: bool = False) -> Any:
    """A field: its default, what it means, and whether it names a file (which is then made absolute)."""
    return dataclasses.field(default=default, metadata={"help": text, "path": path})


@dataclass(frozen=True, slots=True)
class AuthenticationOptions:
    """Who is asking."""

    authentication_config: str = option("", "AuthenticationConfiguration file: JWT issuers, and who may be anonymous where", path=True)
    anonymous_auth: bool = option(True, "whether a request without credentials is system:anonymous")
    enable_bootstrap_token_auth: bool = option(True, "whether bootstrap.kubernetes.io/token Secrets in kube-system authenticate")
    authentication_token_webhook_config_file: str = option("", "kubeconfig of a webhook that reviews bearer tokens", path=True)
    authentication_token_webhook_cache_ttl: float = option(120.0, "seconds that its answers are kept")
    authentication_token_webhook_version: str = option("v1", "version of TokenReview that it is sent: v1 or v1beta1")
    requestheader_client_ca_file: str = option("", "CA of proxies that name the user in headers, default the cluster's own", path=True)
    requestheader_allowed_names: tuple[str, ...] = option(("front-proxy-client",), "their common names, empty for any that the CA signed")
    requestheader_username_headers: tuple[str, ...] = option(("X-Remote-User",), "headers with the user's name")
    requestheader_uid_headers: tuple[str, ...] = option(("X-Remote-Uid",), "headers with the user's uid")
    requestheader_group_headers: tuple[str, ...] = option(("X-Remote-Group",), "headers with groups")
    requestheader_extra_headers_prefix: tuple[str, ...] = option(("X-Remote-Extra-",), "prefixes of headers with extra values")
    service_account_issuer: tuple[str, ...] = option((), "issuers of service-account tokens: the first signs, all are accepted")
    service_account_signing_key_file: str = option("", "private key that signs tokens, default the cluster's own", path=True)
    service_account_key_file: tuple[str, ...] = option((), "keys that verify tokens beside the signing one", path=True)
    service_account_jwks_uri: str = option("", "where the discovery document says that the keys are")
    service_account_max_token_expiration: float = option(0.0, "longest lifetime of a token in seconds, 0 for no limit")
    service_account_extend_token_expiration: bool = option(True, "whether tokens mounted into pods live a year, for old clients")
    api_audiences: tuple[str, ...] = option((), "audiences that tokens must be for, default the issuers")


@dataclass(frozen=True, slots=True)
class AuthorizationOptions:
    """May they."""

    authorization_config: str = option("", "AuthorizationConfiguration file, in place of --authorization-mode", path=True)
    authorization_mode: tuple[str, ...] = option(("Node", "RBAC"), "authorizers in order: Node, RBAC, Webhook, AlwaysAllow, AlwaysDeny")
    authorization_webhook_config_file: str = option("", "kubeconfig of the webhook of mode Webhook", path=True)
    authorization_webhook_version: str = option("v1", "version of SubjectAccessReview that it is sent: v1 or v1beta1")
    authorization_webhook_cache_authorized_ttl: float = option(300.0, "seconds that it is remembered that it allowed")
    authorization_webhook_cache_unauthorized_ttl: float = option(30.0, "seconds that it is remembered that it did not")


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """What may be written."""

    enable_admission_plugins: tuple[str, ...] = option((), "admission plugins to run beside those that run by default")
    disable_admission_plugins: tuple[str, ...] = option((), "admission plugins not to run though they run by default")
    admission_control_config_file: str = option("", "AdmissionConfiguration file: what plugins are configured with", path=True)
    feature_gates: tuple[str, ...] = option((), "features of admission to switch, as Name=true or Name=false")
    default_not_ready_toleration_seconds: int = option(300, "seconds that pods stay on a node that is not ready, unless they say")
    default_unreachable_toleration_seconds: int = option(300, "seconds that pods stay on a node that is silent, unless they say")


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What happened."""

    audit_policy_file: str = option("", "audit.k8s.io/v1 Policy, default one that logs metadata of what people and workloads do", path=True)
    audit_log_path: str = option("", "log file, default audit.log among the logs; - for standard output, none for no log", path=True)
    audit_log_maxsize: int = option(100, "megabytes of a log file before it is rotated")
    audit_log_maxbackup: int = option(10, "rotated files to keep, 0 for all")
    audit_log_maxage: int = option(0, "days to keep rotated files, 0 for ever")
    audit_log_compress: bool = option(False, "whether rotated files are gzipped")
    audit_webhook_config_file: str = option("", "kubeconfig of a webhook that is sent the events", path=True)
    audit_webhook_mode: str = option("batch", "batch, blocking or blocking-strict")
    audit_webhook_batch_buffer_size: int = option(10000, "events that wait before others are dropped")
    audit_webhook_batch_max_size: int = option(400, "events in a batch")
    audit_webhook_batch_max_wait: float = option(30.0, "seconds after which a batch is sent that is not full")
    audit_webhook_batch_throttle_qps: float = option(10.0, "batches a second at most")
    audit_webhook_batch_throttle_burst: int = option(15, "batches at once at most")
    audit_webhook_initial_backoff: float = option(10.0, "seconds before the first retry")
    audit_webhook_truncate_enabled: bool = option(False, "whether events and batches that are too big are cut")
    audit_webhook_truncate_max_batch_size: int = option(10485760, "bytes of a batch")
    audit_webhook_truncate_max_event_size: int = option(102400, "bytes of an event")


@dataclass(frozen=True, slots=True)
class EncryptionOptions:
    """How objects lie on disk."""

    encryption_provider_config: str = option("", "EncryptionConfiguration file: which resources are encrypted, with which keys", path=True)


SECTIONS: Final = {
    "authentication": AuthenticationOptions,
    "authorization": AuthorizationOptions,
    "admission": AdmissionOptions,
    "audit": AuditOptions,
    "encryption": EncryptionOptions,
}
"""A field of Config to the class of its options."""
_NO_PATHS: Final = ("-", "none")


@dataclass(frozen=True, slots=True)
class Option:
    """One of the options as the command line sees it."""

    section: str
    name: str
    default: Any
    help: str
    path: bool

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "BERTH_" + self.name.upper()

    def parse(self, text: str) -> Any:
        """The value of a text (lists are joined by commas); ValueError for one that is none."""
        if isinstance(self.default, bool):
            if text.lower() not in ("true", "false"):
                raise ValueError(f'{self.flag} "{text}" is neither true nor false')
            return text.lower() == "true"
        if isinstance(self.default, tuple):
            return tuple(self._absolute(each) for each in text.split(",") if each)
        if isinstance(self.default, int | float):
            try:
                number = type(self.default)(text)
            except ValueError:
                raise ValueError(f'{self.flag} "{text}" is no number') from None
            if not 0 <= number < 1 << 53:
                raise ValueError(f'{self.flag} "{text}" is out of range')
            return number
        return self._absolute(text)

    def _absolute(self, text: str) -> str:
        return str(Path(text).expanduser().absolute()) if self.path and text and text not in _NO_PATHS else text


def options() -> Iterator[Option]:
    """All options, section by section."""
    for section, kind in SECTIONS.items():
        for each in dataclasses.fields(kind):
            yield Option(section, each.name, each.default, each.metadata["help"], each.metadata["path"])


def load_section(section: str, data: dict[str, Any]) -> Any:
    """A section as it was saved in JSON; TypeError for a field that it does not have."""
    kind = SECTIONS[section]
    lists = {each.name for each in dataclasses.fields(kind) if isinstance(each.default, tuple)}
    return kind(**{name: tuple(value) if name in lists else value for name, value in data.items()})
