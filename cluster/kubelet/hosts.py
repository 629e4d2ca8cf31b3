"""The files `/etc/hosts` and `/etc/resolv.conf` of a pod.  Upstream: `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/network/dns`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field

from cluster.api.names import Object

_HEADER: Final = "# Kubernetes-managed hosts file.\n"
_HOST_NETWORK_HEADER: Final = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL: Final = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)
_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_CHARACTERS: Final = 2048
_HOSTNAME_LIMIT: Final = 63


class Dns(Struct, frozen=True):
    """What a resolver is told."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def text(self) -> str:
        parts = []
        if self.searches:
            parts.append(f"search {' '.join(self.searches)}\n")
        parts += [f"nameserver {server}\n" for server in self.servers]
        if self.options:
            parts.append(f"options {' '.join(self.options)}\n")
        return "".join(parts)


class ClusterDns(Struct, frozen=True):
    """The cluster's own DNS; no servers: there is none, and pods resolve as the machine does."""

    servers: tuple[str, ...] = ()
    domain: str = "cluster.local"
    resolv_conf: Path = field(default=Path("/etc/resolv.conf"))


def hostname(pod: Object) -> tuple[str, str]:
    """(host name, domain) of a pod; the domain is empty without a subdomain."""
    spec, metadata = pod["spec"], pod["metadata"]
    override = spec.get("hostnameOverride")
    if override:
        return str(override), ""
    name = spec.get("hostname") or metadata["name"]
    name = name[:_HOSTNAME_LIMIT].rstrip("-.")
    subdomain = spec.get("subdomain")
    return name, f"{subdomain}.{metadata['namespace']}.svc" if subdomain else ""


def hosts_file(pod: Object, addresses: Sequence[str], cluster_domain: str, machine_hosts: Path = Path("/etc/hosts")) -> str:
    """The content of `/etc/hosts`; with the host's network, the machine's own file follows the header."""
    aliases = _aliases(pod["spec"].get("hostAliases") or [])
    if pod["spec"].get("hostNetwork"):
        own = machine_hosts.read_text(errors="replace") if machine_hosts.exists() else ""
        return _HOST_NETWORK_HEADER + own + aliases
    name, domain = hostname(pod)
    shown = f"{name}.{domain}.{cluster_domain}\t{name}" if domain else name
    return _HEADER + _LOCAL + "".join(f"{address}\t{shown}\n" for address in addresses) + aliases


def _aliases(aliases: Sequence[dict[str, Any]]) -> str:
    if not aliases:
        return ""
    lines = [f"{alias['ip']}\t{chr(9).join(alias.get('hostnames') or [])}\n" for alias in aliases]
    return "\n# Entries added by HostAliases.\n" + "".join(lines)


def resolver(pod: Object, cluster: ClusterDns) -> Dns:
    """By the pod's dnsPolicy and dnsConfig."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    host = parse_resolv_conf(cluster.resolv_conf)
    if policy == "None":
        base = Dns()
    elif not cluster.servers or policy == "Default" or (policy == "ClusterFirst" and spec.get("hostNetwork")):
        base = host
    else:
        namespace = pod["metadata"]["namespace"]
        own = (f"{namespace}.svc.{cluster.domain}", f"svc.{cluster.domain}", cluster.domain)
        base = Dns(cluster.servers, tuple(dict.fromkeys(own + host.searches)), ("ndots:5",))
    return _bounded(_with_config(base, spec.get("dnsConfig") or {}))


def parse_resolv_conf(path: Path) -> Dns:
    """The machine's resolver; a missing file is an empty one."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return Dns()
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in lines:
        words = line.split("#")[0].split()
        if len(words) > 1 and words[0] == "nameserver":
            servers.append(words[1])
        elif words and words[0] == "search":
            searches = tuple(word.rstrip(".") or "." for word in words[1:])
        elif words and words[0] == "options":
            options = tuple(words[1:])
    return Dns(tuple(servers), searches, options)


def _with_config(base: Dns, config: dict[str, Any]) -> Dns:
    servers = dict.fromkeys((*base.servers, *(config.get("nameservers") or ())))
    searches = dict.fromkeys((*base.searches, *(config.get("searches") or ())))
    options = {each.partition(":")[0]: each for each in base.options}
    for option in config.get("options") or ():
        value = option.get("value")
        options[option["name"]] = f"{option['name']}:{value}" if value is not None else option["name"]
    return Dns(tuple(servers), tuple(searches), tuple(options.values()))


def _bounded(dns: Dns) -> Dns:
    searches = list(dns.searches[:_MAX_SEARCHES])
    while searches and len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        searches.pop()
    return Dns(dns.servers[:_MAX_NAMESERVERS], tuple(searches), dns.options)
