"""The API server's options, named as kube-apiserver names its flags: `--audit-log-path` is `AuditOptions.audit_log_path`.

`berth start` makes its flags, their environment variables and the table in docs/options.md of these fields; a new option is a field here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

from msgspec import Struct
from msgspec.structs import fields

_PATH: Final = object()
Texts = tuple[str, ...]
File = Annotated[str, _PATH]
"""The name of a file, which is made absolute."""
Files = Annotated[tuple[str, ...], _PATH]


class AuthenticationOptions(Struct, frozen=True):
    """Who is asking."""

    authentication_config: Annotated[File, "AuthenticationConfiguration file: JWT issuers, and who may be anonymous where"] = ""
    anonymous_auth: Annotated[bool, "whether a request without credentials is system:anonymous"] = True
    enable_bootstrap_token_auth: Annotated[bool, "whether bootstrap.kubernetes.io/token Secrets in kube-system authenticate"] = True
    authentication_token_webhook_config_file: Annotated[File, "kubeconfig of a webhook that reviews bearer tokens"] = ""
    authentication_token_webhook_cache_ttl: Annotated[float, "seconds that its answers are kept"] = 120.0
    authentication_token_webhook_version: Annotated[str, "version of TokenReview that it is sent: v1 or v1beta1"] = "v1"  # noqa: S105
    requestheader_client_ca_file: Annotated[File, "CA of proxies that name the user in headers, default the cluster's own"] = ""
    requestheader_allowed_names: Annotated[Texts, "their common names, empty for any that the CA signed"] = ("front-proxy-client",)
    requestheader_username_headers: Annotated[Texts, "headers with the user's name"] = ("X-Remote-User",)
    requestheader_uid_headers: Annotated[Texts, "headers with the user's uid"] = ("X-Remote-Uid",)
    requestheader_group_headers: Annotated[Texts, "headers with groups"] = ("X-Remote-Group",)
    requestheader_extra_headers_prefix: Annotated[Texts, "prefixes of headers with extra values"] = ("X-Remote-Extra-",)
    service_account_issuer: Annotated[Texts, "issuers of service-account tokens: the first signs, all are accepted"] = ()
    service_account_signing_key_file: Annotated[File, "private key that signs tokens, default the cluster's own"] = ""
    service_account_key_file: Annotated[Files, "keys that verify tokens beside the signing one"] = ()
    service_account_jwks_uri: Annotated[str, "where the discovery document says that the keys are"] = ""
    service_account_max_token_expiration: Annotated[float, "longest lifetime of a token in seconds, 0 for no limit"] = 0.0
    service_account_extend_token_expiration: Annotated[bool, "whether tokens mounted into pods live a year, for old clients"] = True
    api_audiences: Annotated[Texts, "audiences that tokens must be for, default the issuers"] = ()


class AuthorizationOptions(Struct, frozen=True):
    """May they."""

    authorization_config: Annotated[File, "AuthorizationConfiguration file, in place of --authorization-mode"] = ""
    authorization_mode: Annotated[Texts, "authorizers in order: Node, RBAC, Webhook, AlwaysAllow, AlwaysDeny"] = ("Node", "RBAC")
    authorization_webhook_config_file: Annotated[File, "kubeconfig of the webhook of mode Webhook"] = ""
    authorization_webhook_version: Annotated[str, "version of SubjectAccessReview that it is sent: v1 or v1beta1"] = "v1"
    authorization_webhook_cache_authorized_ttl: Annotated[float, "seconds that it is remembered that it allowed"] = 300.0
    authorization_webhook_cache_unauthorized_ttl: Annotated[float, "seconds that it is remembered that it did not"] = 30.0


class AdmissionOptions(Struct, frozen=True):
    """What may be written."""

    enable_admission_plugins: Annotated[Texts, "admission plugins to run beside those that run by default"] = ()
    disable_admission_plugins: Annotated[Texts, "admission plugins not to run though they run by default"] = ()
    admission_control_config_file: Annotated[File, "AdmissionConfiguration file: what plugins are configured with"] = ""
    feature_gates: Annotated[Texts, "features of admission to switch, as Name=true or Name=false"] = ()
    default_not_ready_toleration_seconds: Annotated[int, "seconds that pods stay on a node that is not ready, unless they say"] = 300
    default_unreachable_toleration_seconds: Annotated[int, "seconds that pods stay on a node that is silent, unless they say"] = 300


class AuditOptions(Struct, frozen=True):
    """What happened."""

    audit_policy_file: Annotated[File, "audit.k8s.io/v1 Policy, default one that logs metadata of what people and workloads do"] = ""
    audit_log_path: Annotated[File, "log file, default audit.log among the logs; - for standard output, none for no log"] = ""
    audit_log_maxsize: Annotated[int, "megabytes of a log file before it is rotated"] = 100
    audit_log_maxbackup: Annotated[int, "rotated files to keep, 0 for all"] = 10
    audit_log_maxage: Annotated[int, "days to keep rotated files, 0 for ever"] = 0
    audit_log_compress: Annotated[bool, "whether rotated files are gzipped"] = False
    audit_webhook_config_file: Annotated[File, "kubeconfig of a webhook that is sent the events"] = ""
    audit_webhook_mode: Annotated[str, "batch, blocking or blocking-strict"] = "batch"
    audit_webhook_batch_buffer_size: Annotated[int, "events that wait before others are dropped"] = 10000
    audit_webhook_batch_max_size: Annotated[int, "events in a batch"] = 400
    audit_webhook_batch_max_wait: Annotated[float, "seconds after which a batch is sent that is not full"] = 30.0
    audit_webhook_batch_throttle_qps: Annotated[float, "batches a second at most"] = 10.0
    audit_webhook_batch_throttle_burst: Annotated[int, "batches at once at most"] = 15
    audit_webhook_initial_backoff: Annotated[float, "seconds before the first retry"] = 10.0
    audit_webhook_truncate_enabled: Annotated[bool, "whether events and batches that are too big are cut"] = False
    audit_webhook_truncate_max_batch_size: Annotated[int, "bytes of a batch"] = 10485760
    audit_webhook_truncate_max_event_size: Annotated[int, "bytes of an event"] = 102400


class EncryptionOptions(Struct, frozen=True):
    """How objects lie on disk."""

    encryption_provider_config: Annotated[File, "EncryptionConfiguration file: which resources are encrypted, with which keys"] = ""


SECTIONS: Final[dict[str, type[Struct]]] = {
    "authentication": AuthenticationOptions,
    "authorization": AuthorizationOptions,
    "admission": AdmissionOptions,
    "audit": AuditOptions,
    "encryption": EncryptionOptions,
}
"""A field of Config to the class of its options."""
_NO_PATHS: Final = ("-", "none")


class Option(Struct, frozen=True):
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
    """All options, section by section: a field's annotation ends with what the option means."""
    for section, kind in SECTIONS.items():
        annotations = get_type_hints(kind, include_extras=True)
        for each in fields(kind):
            notes = annotations[each.name].__metadata__
            yield Option(section, each.name, each.default, notes[-1], _PATH in notes)


def load_section(section: str, data: dict[str, Any]) -> Any:
    """A section as it was saved in JSON; TypeError for a field that it does not have."""
    kind = SECTIONS[section]
    lists = {each.name for each in fields(kind) if isinstance(each.default, tuple)}
    return kind(**{name: tuple(value) if name in lists else value for name, value in data.items()})
