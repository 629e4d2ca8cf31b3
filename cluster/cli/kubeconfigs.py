"""The kubeconfig files that `berth` writes: the administrator's, each component's, and the context in the user's own."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from cluster.api.private_file import write_private
from cluster.assembly.config import Config
from cluster.cli.failure import CommandError
from rbac.credentials import kubeconfig


def user_file() -> Path:
    """The file that kubectl would write to: the first of KUBECONFIG, else ~/.kube/config."""
    named = [each for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    return Path(named[0]) if named else Path.home() / ".kube" / "config"


def _of(config: Config, user: str, leaf: str) -> kubeconfig.Object:
    home = config.home
    return kubeconfig.render(
        config.server,
        home.certificate("ca").read_bytes(),
        user,
        cert_pem=home.certificate(leaf).read_bytes(),
        key_pem=home.key(leaf).read_bytes(),
        cluster=config.name,
        context=config.name,
    )


def write_components(config: Config, nodes: list[str]) -> None:
    """The kubeconfigs of administrator, controller manager, scheduler and nodes; theirs as JSON, which is YAML too and read faster."""
    write_private(config.home.admin_kubeconfig, kubeconfig.dump(_of(config, config.name, "admin")))
    identities = [("controller-manager", "system:kube-controller-manager"), ("scheduler", "system:kube-scheduler")]
    identities += [(f"node-{node}", f"system:node:{node}") for node in nodes]
    for leaf, user in identities:
        write_private(config.home.kubeconfig(leaf), orjson.dumps(_of(config, user, leaf)))


def merge_admin(config: Config) -> str:
    """Merges the administrator's context into the user's file; what to say of it."""
    try:
        kubeconfig.merge(user_file(), kubeconfig.load(config.home.admin_kubeconfig))
    except (OSError, ValueError) as error:
        raise CommandError(f'the cluster runs, but its context was not merged into "{user_file()}": {error}') from error
    return f'context "{config.name}" is current in {user_file()}'


def merge_into(path: Path, document: kubeconfig.Object) -> None:
    """As `kubeconfig.merge`; ValueError also for another cluster or user of a name that contexts which stay use.

    They would lead somewhere else from then on, whoever made the file.
    """
    here = kubeconfig.load(path)
    replaced = {entry["name"] for entry in document.get("contexts") or ()}
    staying = [entry for entry in here.get("contexts") or () if entry["name"] not in replaced]
    for members, member, option in (("clusters", "cluster", "--cluster-name"), ("users", "user", "--context")):
        used = {(entry.get("context") or {}).get(member): entry["name"] for entry in staying}
        held = {entry["name"]: entry.get(member) or {} for entry in here.get(members) or ()}
        for entry in document.get(members) or ():
            name, brought = entry["name"], entry.get(member) or {}
            if name in used and held.get(name, brought) != brought:
                why = f'{member} "{name}" is another one there{_where(held[name], brought)}, and context "{used[name]}" uses it'
                raise ValueError(f"{why}; issue the kubeconfig with another {option}")
    kubeconfig.merge(path, document)


def _where(there: kubeconfig.Object, here: kubeconfig.Object) -> str:
    """Of clusters at different addresses, these."""
    servers = there.get("server"), here.get("server")
    return f' (at "{servers[0]}", and here at "{servers[1]}")' if servers[0] != servers[1] else ""


def configured(config: Config) -> bool:
    """Whether the user's file has the cluster's context with this server."""
    try:
        return kubeconfig.server_of(user_file(), config.name) == config.server
    except (OSError, ValueError):
        return False


def forget(config: Config) -> None:
    """Takes the cluster's context out of the user's file."""
    try:
        kubeconfig.remove(user_file(), config.name)
    except (OSError, ValueError) as error:
        raise CommandError(f'the context "{config.name}" was not taken out of "{user_file()}": {error}') from error
