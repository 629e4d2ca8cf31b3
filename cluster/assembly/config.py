"""A cluster's configuration and the layout of its home directory."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path
from typing import Any, Final, Self

import orjson
from msgspec import Struct, field
from msgspec.structs import asdict, fields

from cluster.api.private_file import write_private
from cluster.assembly.options import (
    SECTIONS,
    AdmissionOptions,
    AuditOptions,
    AuthenticationOptions,
    AuthorizationOptions,
    EncryptionOptions,
    load_section,
)

DEFAULT_PORT: Final = 6443
DEFAULT_VERSION: Final = "1.36"

_MOVED: Final = {"not_ready_toleration": ("admission", "default_not_ready_toleration_seconds")}
"""Settings of homes that an older version has written: where each is now."""


class Home(Struct, frozen=True):
    """The files of one cluster.  `root` is absolute; nothing here creates anything."""

    root: Path

    @property
    def pki(self) -> Path:
        """Keys and certificates, 0600 in a 0700 folder."""
        return self.root / "pki"

    @property
    def run(self) -> Path:
        """Sockets, the revision counter, pid files: worthless once every process is gone."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def config(self) -> Path:
        """The Config as JSON, written by `berth start` and read by every component."""
        return self.root / "config.json"

    @property
    def nodes(self) -> Path:
        """One folder a node: `<name>/` holds its kubelet's state."""
        return self.root / "nodes"

    @property
    def store_socket(self) -> Path:
        return self.run / "store.sock"

    @property
    def revision_file(self) -> Path:
        """The mmap'd counter of the newest revision."""
        return self.run / "revision"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.root / "admin.kubeconfig"

    def kubeconfig(self, component: str) -> Path:
        """A component's own kubeconfig, e.g. `scheduler`."""
        return self.root / "pki" / f"{component}.kubeconfig"

    def certificate(self, name: str) -> Path:
        return self.pki / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.pki / f"{name}.key"


class Config(Struct, frozen=True):
    """What a cluster is started with; everything else follows from it."""

    home: Home
    port: int = DEFAULT_PORT
    nodes: int = 2
    workers: int = 2
    runtime: str = "auto"
    """`auto`, `docker` or `sim`; `config.json` holds what auto was resolved to."""
    store: str = ""
    """SQLAlchemy URL; empty: SQLite in the home."""
    kubernetes_version: str = DEFAULT_VERSION
    host: str = "127.0.0.1"
    """The address served on."""
    node_host: str = "127.0.0.1"
    """The address that kubelets serve on and that pods reach the API server by (docker: the bridge's gateway)."""
    service_cidr: str = "10.96.0.0/12"
    pod_cidr: str = "10.244.0.0/16"
    cluster_domain: str = "cluster.local"
    node_monitor_grace_period: float = 50.0
    """Seconds without a heartbeat until a node is NotReady."""
    authentication: AuthenticationOptions = field(default_factory=AuthenticationOptions)
    authorization: AuthorizationOptions = field(default_factory=AuthorizationOptions)
    admission: AdmissionOptions = field(default_factory=AdmissionOptions)
    audit: AuditOptions = field(default_factory=AuditOptions)
    encryption: EncryptionOptions = field(default_factory=EncryptionOptions)

    @property
    def name(self) -> str:
        """The cluster's name, and that of its kubeconfig context: `berth` for the default home, else by the home's path."""
        root = self.home.root
        if root == Path.home() / ".berth":
            return "berth"
        import hashlib

        digest = hashlib.sha256(str(root).encode()).hexdigest()[:6]
        readable = re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")
        return f"berth-{readable}-{digest}" if readable else f"berth-{digest}"

    @property
    def store_url(self) -> str:
        return self.store or f"sqlite:///{self.home.root / 'store.db'}"

    @property
    def server(self) -> str:
        """The API server's URL."""
        return f"https://{self.host}:{self.port}"

    @property
    def service_ip(self) -> str:
        """The address of Service default/kubernetes: the first of the service range."""
        return str(next(ipaddress.ip_network(self.service_cidr).hosts()))

    @property
    def advertise_address(self) -> str:
        """The address in the endpoints of default/kubernetes, which may not be loopback: `node_host`, or the machine's own."""
        if not ipaddress.ip_address(self.node_host).is_loopback:
            return self.node_host
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing: it only makes the kernel choose a source address
                return str(probe.getsockname()[0])
            except OSError:
                return self.node_host

    @property
    def issuer(self) -> str:
        """The issuer that signs service-account tokens."""
        return self.issuers[0]

    @property
    def issuers(self) -> tuple[str, ...]:
        """The issuers whose service-account tokens are accepted."""
        return self.authentication.service_account_issuer or (f"https://kubernetes.default.svc.{self.cluster_domain}",)

    @property
    def jwks_uri(self) -> str:
        """Where the keys of service-account tokens are said to be: unless configured, where pods reach the API server."""
        return self.authentication.service_account_jwks_uri or f"https://{self.node_host}:{self.port}/openid/v1/jwks"

    def save(self) -> None:
        """Writes config.json atomically."""
        data = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "home"}
        write_private(self.home.config, orjson.dumps(data, default=asdict, option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, home: Home) -> Self:
        """The Config in the home; FileNotFoundError where there is none, ValueError where it can't be read as one."""
        try:
            data: dict[str, Any] = orjson.loads(home.config.read_bytes())
            for name, (section, now) in _MOVED.items():
                if name in data:
                    data[section] = {now: data.pop(name)} | data.get(section, {})
            data |= {section: load_section(section, data[section]) for section in SECTIONS if section in data}
            return cls(home=home, **data)
        except (orjson.JSONDecodeError, TypeError, AttributeError) as error:
            raise ValueError(f'"{home.config}" is not a configuration of this version: {error}') from error
