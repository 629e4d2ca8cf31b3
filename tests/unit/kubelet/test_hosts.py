from __future__ import annotations

from pathlib import Path

from cluster.kubelet import hosts
from tests.unit.kubelet.pods import pod

LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def test_aliases_follow_the_pods_own_line() -> None:
    made = pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": ["foo", "bar"]}])
    expected = "# Kubernetes-managed hosts file.\n" + LOCAL + "10.0.0.2\tp\n\n# Entries added by HostAliases.\n1.2.3.4\tfoo\tbar\n"
    assert hosts.hosts_file(made, ["10.0.0.2"], "cluster.local") == expected


def test_a_subdomain_gives_a_full_name() -> None:
    made = pod(hostname="h", subdomain="sub")
    assert "10.0.0.2\th.sub.ns.svc.cluster.local\th\n" in hosts.hosts_file(made, ["10.0.0.2"], "cluster.local")


def test_with_the_hosts_network_the_machines_file_is_shown(tmp_path: Path) -> None:
    own = tmp_path / "hosts"
    own.write_text("127.0.0.1 here\n")
    text = hosts.hosts_file(pod(hostNetwork=True), [], "cluster.local", own)
    assert text == "# Kubernetes-managed hosts file (host network).\n127.0.0.1 here\n"


def test_long_names_are_cut_to_a_label() -> None:
    made = pod()
    made["metadata"]["name"] = "a" * 62 + "-" + "b" * 10
    assert hosts.hostname(made) == ("a" * 62, "")


def _cluster(tmp_path: Path) -> hosts.ClusterDns:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 9.9.9.9\nsearch corp.example\noptions timeout:2\n")
    return hosts.ClusterDns(("10.96.0.10",), "cluster.local", file)


def test_cluster_first_searches_the_namespace(tmp_path: Path) -> None:
    text = hosts.resolver(pod(), _cluster(tmp_path)).text()
    assert text == "search ns.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n"


def test_default_is_the_machines_resolver(tmp_path: Path) -> None:
    assert hosts.resolver(pod(dnsPolicy="Default"), _cluster(tmp_path)).servers == ("9.9.9.9",)


def test_none_takes_the_pods_configuration_alone(tmp_path: Path) -> None:
    config = {"nameservers": ["1.1.1.1"], "searches": ["a.b"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}
    text = hosts.resolver(pod(dnsPolicy="None", dnsConfig=config), _cluster(tmp_path)).text()
    assert text == "search a.b\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"
