"""Reads what a kubeconfig's current context says of a server and its credentials."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
from msgspec import Struct


class Kubeconfig(Struct, frozen=True):
    """One server and one way to authenticate there; certificates and keys in PEM."""

    server: str
    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    token: str | None = None
    token_file: Path | None = None
    namespace: str = "default"


def load(path: Path, *, context: str = "") -> Kubeconfig:
    """The context named, or the current one; ValueError where the file lacks what it refers to."""
    return parse(path.read_bytes(), context=context, folder=path.parent, source=str(path))


def parse(data: bytes, *, context: str = "", folder: Path = Path(), source: str = "kubeconfig") -> Kubeconfig:
    """`folder` is where relative file names start; `source` names the document in errors."""
    document = decode(data)
    name = context or document.get("current-context") or ""
    chosen = member(document, "contexts", name, "context", source)
    cluster = member(document, "clusters", chosen.get("cluster", ""), "cluster", source)
    user = member(document, "users", chosen.get("user", ""), "user", source) if chosen.get("user") else {}
    if not cluster.get("server"):
        raise ValueError(f'"{source}": cluster "{chosen.get("cluster")}" names no server; write it as "server: https://..."')
    return Kubeconfig(
        server=cluster["server"],
        ca=material(cluster, "certificate-authority", folder),
        certificate=material(user, "client-certificate", folder),
        key=material(user, "client-key", folder),
        token=user.get("token"),
        token_file=folder / user["tokenFile"] if user.get("tokenFile") else None,
        namespace=chosen.get("namespace") or "default",
    )


def decode(data: bytes) -> dict[str, Any]:
    """A kubeconfig, YAML or JSON; ValueError for what is none."""
    if data.lstrip()[:1] == b"{":
        document = orjson.loads(data)
    else:
        import yaml  # only files made by others are YAML: ours are JSON, which is YAML too and read without it

        try:
            document = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both loaders are safe ones
        except yaml.YAMLError as error:
            raise ValueError(f"the kubeconfig is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise ValueError("the kubeconfig is not a mapping")
    return document


def member(document: dict[str, Any], section: str, name: str, kind: str, source: str) -> dict[str, Any]:
    """The named context, cluster or user (`kind`) of its section; ValueError where the document has none."""
    for entry in document.get(section) or ():
        if entry.get("name") == name:
            return entry.get(kind) or {}
    raise ValueError(f'"{source}" has no {kind} "{name}"')


def material(entry: dict[str, Any], field: str, folder: Path) -> bytes | None:
    """The PEM that an entry holds or names; ValueError, OSError where it cannot be had."""
    if entry.get(f"{field}-data"):
        return base64.b64decode("".join(entry[f"{field}-data"].split()), validate=True)
    return (folder / entry[field]).read_bytes() if entry.get(field) else None
