"""Kubeconfigs: made for one identity, and merged into or taken out of the file that a user has already.

Upstream: client-go `tools/clientcmd` (api/v1/types.go, loader.go); like kubectl, a writer holds `<file>.lock` meanwhile.
"""

from __future__ import annotations

import base64
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cluster.api.names import Object
from cluster.api.private_file import write_private

__all__ = ["Object", "anchored", "dump", "load", "merge", "remove", "render", "server_of"]
_LISTS: Final = {"clusters": "cluster", "users": "user", "contexts": "context"}
_FILES: Final = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_LOCK_SECONDS: Final = 5.0


def render(
    server: str,
    ca_pem: bytes,
    user: str,
    *,
    token: str | None = None,
    cert_pem: bytes | None = None,
    key_pem: bytes | None = None,
    namespace: str | None = None,
    cluster: str = "berth",
    context: str | None = None,
) -> Object:
    """A kubeconfig of one cluster, user and context (named `<user>@<cluster>` unless told), which is the current one."""
    context = context or f"{user}@{cluster}"
    credentials: Object = {}
    if cert_pem is not None and key_pem is not None:
        credentials = {"client-certificate-data": _encoded(cert_pem), "client-key-data": _encoded(key_pem)}
    if token is not None:
        credentials["token"] = token
    where: Object = {"cluster": cluster}
    if namespace:
        where["namespace"] = namespace
    where["user"] = context
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"certificate-authority-data": _encoded(ca_pem), "server": server}}],
        "users": [{"name": context, "user": credentials}],
        "contexts": [{"name": context, "context": where}],
        "current-context": context,
        "preferences": {},
    }


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


def dump(document: Object) -> bytes:
    """The kubeconfig as YAML."""
    import yaml

    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, encoding="utf-8", width=1 << 20)


def load(path: Path) -> Object:
    """The kubeconfig in a file, an empty one where there is no file; ValueError for one that is broken."""
    import yaml

    try:
        document: Any = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        document = None
    except yaml.YAMLError as error:
        raise ValueError(f'kubeconfig "{path}" is not YAML: {" ".join(str(error).split())}; mend or move the file') from None
    if document is None:
        document = {"apiVersion": "v1", "kind": "Config"}
    if not isinstance(document, dict):
        raise ValueError(f'kubeconfig "{path}" is broken: it is not a mapping; mend or move the file')
    if document.get("kind", "Config") != "Config":
        raise ValueError(f'"{path}" is no kubeconfig: its kind is "{document["kind"]}"; mend or move the file')
    for name, member in _LISTS.items():
        entries = document.get(name)
        if entries is not None and not (isinstance(entries, list) and all(_is_entry(each, member) for each in entries)):
            raise ValueError(f'kubeconfig "{path}" is broken: "{name}" is not a list of named entries; mend or move the file')
    return document


def _is_entry(entry: object, member: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get(member) or {}, dict)


def merge(path: Path, document: Object) -> None:
    """Puts the clusters, users and contexts into the file, in place of those of the same name, and makes its context current.

    All or nothing, 0600.  ValueError for a broken file, OSError for one that cannot be written; both leave it as it was.
    """
    with _locked(path):
        merged = load(path)
        for name in _LISTS:
            added = {entry["name"]: entry for entry in document.get(name) or ()}
            merged[name] = [added.pop(entry["name"], entry) for entry in merged.get(name) or ()] + list(added.values())
        if document.get("current-context"):
            merged["current-context"] = document["current-context"]
        write_private(path.resolve(), dump(merged))


def anchored(document: Object, folder: Path) -> Object:
    """The document with the files that it names relative to its folder named absolutely, so that it means the same elsewhere."""

    def absolute(entry: Object, member: str) -> Object:
        held = entry.get(member) or {}
        return {**entry, member: {**held, **{key: str(folder / held[key]) for key in _FILES if held.get(key)}}}

    members = {name: member for name, member in _LISTS.items() if document.get(name)}
    return {**document, **{name: [absolute(entry, member) for entry in document[name]] for name, member in members.items()}}


def remove(path: Path, context: str) -> bool:
    """Takes a context out of the file, with the cluster and user that nothing else uses; whether it was there.  Errors as of `merge`."""
    if not path.exists():
        return False
    with _locked(path):
        document = load(path)
        contexts = document.get("contexts") or []
        gone = next((entry.get("context") or {} for entry in contexts if entry["name"] == context), None)
        if gone is None:
            return False
        kept = [entry for entry in contexts if entry["name"] != context]
        document["contexts"] = kept
        for name, member in (("clusters", "cluster"), ("users", "user")):
            used = {(entry.get("context") or {}).get(member) for entry in kept}
            document[name] = [entry for entry in document.get(name) or () if entry["name"] != gone.get(member) or entry["name"] in used]
        if document.get("current-context") == context:
            document["current-context"] = ""
        write_private(path.resolve(), dump(document))
    return True


def server_of(path: Path, context: str) -> str | None:
    """The URL of the cluster that a context names; None where the file has no such context.  ValueError for a broken file."""
    document = load(path)
    where = next((entry.get("context") or {} for entry in document.get("contexts") or () if entry["name"] == context), {})
    clusters = [entry.get("cluster") or {} for entry in document.get("clusters") or () if entry["name"] == where.get("cluster")]
    return clusters[0].get("server") if clusters else None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock that kubectl holds while it writes; TimeoutError (an OSError) after some seconds."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_name(path.name + ".lock")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise TimeoutError(f'kubeconfig "{path}" is locked; if nothing writes to it, remove "{lock}"') from None
            time.sleep(0.02)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
