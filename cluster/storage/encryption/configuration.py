"""The EncryptionConfiguration file: which resources are sealed, and with which keys.

Upstream: apiserver `pkg/apis/apiserver/v1` (types), `pkg/apis/apiserver/validation/validation_encryption.go`,
`pkg/server/options/encryptionconfig`.  The first provider of a resource seals, all of them open.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.followed_file import MAX_BYTES, read_file
from cluster.storage.encryption.providers import AesCbc, AesGcm, Identity, Provider

_VERSION: Final = "apiserver.config.k8s.io/v1"
_CIPHERS: Final[Mapping[str, Callable[[str, bytes], Provider]]] = {"aesgcm": AesGcm, "aescbc": AesCbc}
_PROVIDERS: Final = ("kms", "aesgcm", "aescbc", "secretbox", "identity")
_KEY_BYTES: Final = {"aesgcm": (16, 24, 32), "aescbc": (16, 24, 32), "secretbox": (32,)}
_UNSUPPORTED: Final = {"kms": "key management services", "secretbox": "secretbox"}
_WITHOUT_API: Final = frozenset({"apiserveripinfo", "serviceipallocations", "servicenodeportallocations"})


class BadConfiguration(ValueError):
    """A file that is no EncryptionConfiguration; the message names every fault, and no secret."""


class Rule(Struct, frozen=True):
    """The providers of some resources, the one that seals first."""

    resources: tuple[str, ...]
    providers: tuple[Provider, ...]

    def covers(self, resource: str) -> bool:
        """Whether a resource such as `secrets` or `deployments.apps` is meant."""
        _, _, group = resource.partition(".")
        return any(each in (resource, "*.*", f"*.{group}") for each in self.resources)


class Encryption:
    """What to seal and how; the first rule that covers a resource counts."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self._rules = tuple(rules)
        self._known: dict[str, tuple[Provider, ...]] = {}

    def providers(self, resource: str) -> tuple[Provider, ...]:
        """The providers of a resource, the one that seals first; none where it is not covered."""
        found = self._known.get(resource)
        if found is None:
            found = next((rule.providers for rule in self._rules if rule.covers(resource)), ())
            self._known[resource] = found
        return found

    @property
    def prefixes(self) -> tuple[bytes, ...]:
        """What the values begin with that some provider opens."""
        return tuple({provider.prefix for rule in self._rules for provider in rule.providers if provider.prefix})


def load(path: Path) -> Encryption:
    """The configuration in a file.  BadConfiguration, OSError."""
    return decode(path, read_file(path))


def decode(path: Path, data: bytes) -> Encryption:
    """The configuration that a file holds.  BadConfiguration, which names the file."""
    if len(data) > MAX_BYTES:
        raise BadConfiguration(f'encryption configuration "{path}" is larger than {MAX_BYTES} bytes')
    try:
        return parse(data)
    except BadConfiguration as error:
        raise BadConfiguration(f'encryption configuration "{path}": {error}') from None


def parse(data: bytes) -> Encryption:
    """The configuration in YAML or JSON.  BadConfiguration."""
    import yaml

    try:
        document: Any = yaml.load(data, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)  # the whole error would quote the file
        raise BadConfiguration(f"it is not YAML{f' (line {mark.line + 1})' if mark else ''}") from None
    if not isinstance(document, dict) or document.get("kind") != "EncryptionConfiguration" or document.get("apiVersion") != _VERSION:
        raise BadConfiguration(f'it is no EncryptionConfiguration of "{_VERSION}"')
    errors = _unknown(document, ("apiVersion", "kind", "resources"), "")
    resources = document.get("resources")
    if not resources or not isinstance(resources, list):
        errors.append(field.required("resources", "at least one resources is required"))
        resources = []
    rules: list[Rule] = []
    for place, entry in enumerate(resources):
        rules.append(_rule(entry, field.index("resources", place), errors))
    if errors:
        raise BadConfiguration("; ".join(map(str, errors)))
    return Encryption(rules)


def _rule(entry: object, path: str, errors: list[FieldError]) -> Rule:
    if not isinstance(entry, dict):
        errors.append(field.invalid(path, type(entry).__name__, "must be an object"))
        return Rule((), ())
    errors += _unknown(entry, ("resources", "providers"), f"{path}.")
    names = entry.get("resources")
    where = f"{path}.resources"
    if not names or not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        errors.append(field.required(where, f"at least one {where} is required"))
        names = []
    errors += _overlaps(names, where) + _bad_names(names, where)
    providers = entry.get("providers")
    where = f"{path}.providers"
    if not providers or not isinstance(providers, list):
        errors.append(field.required(where, f"at least one {where} is required"))
        providers = []
    made = [provider for place, each in enumerate(providers) for provider in _providers(each, field.index(where, place), errors)]
    return Rule(tuple(names), tuple(made))


def _providers(entry: object, path: str, errors: list[FieldError]) -> list[Provider]:
    """One provider for each key of an entry."""
    given = [each for each in _PROVIDERS if isinstance(entry, dict) and entry.get(each) is not None]
    if isinstance(entry, dict):
        errors += _unknown(entry, _PROVIDERS, f"{path}.")
    if not given:
        why = "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
        errors.append(field.invalid(path, "", why))
        return []
    if len(given) > 1:
        why = "more than one provider specified in a single element, should split into different list elements"
        errors.append(field.invalid(path, ",".join(given), why))
        return []
    kind = given[0]
    if kind == "identity":
        return [Identity()]
    if kind in _UNSUPPORTED:
        errors.append(field.forbidden(f"{path}.{kind}", f"{_UNSUPPORTED[kind]} are not supported: use aesgcm"))
        return []
    assert isinstance(entry, dict)
    body = entry[kind] if isinstance(entry[kind], dict) else {}
    errors += _unknown(body, ("keys",), f"{path}.{kind}.")
    keys = body.get("keys")
    if not keys or not isinstance(keys, list):
        errors.append(field.required(f"{path}.{kind}.keys", "at least one keys is required"))
        return []
    secrets = [_key(each, field.index(f"{path}.{kind}.keys", place), kind, errors) for place, each in enumerate(keys)]
    return [_CIPHERS[kind](name, secret) for name, secret in filter(None, secrets)]


def _key(entry: object, path: str, kind: str, errors: list[FieldError]) -> tuple[str, bytes] | None:
    """(name, secret); None where something is wrong with it."""
    entry = entry if isinstance(entry, dict) else {}
    errors += _unknown(entry, ("name", "secret"), f"{path}.")
    name, secret = entry.get("name"), entry.get("secret")
    if not name or not isinstance(name, str):
        errors.append(field.required(f"{path}.name", "name is a mandatory field for a key"))
    elif ":" in name:
        errors.append(field.invalid(f"{path}.name", name, "must not contain ':'"))
    if not secret or not isinstance(secret, str):
        errors.append(field.required(f"{path}.secret", "secret is a mandatory field for a key"))
        return None
    try:
        decoded = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        errors.append(field.invalid(f"{path}.secret", "REDACTED", "secrets must be base64 encoded"))
        return None
    lengths = _KEY_BYTES[kind]
    if len(decoded) not in lengths:
        expected = f"[{' '.join(map(str, lengths))}]"
        why = f"secret is not of the expected length, got {len(decoded)}, expected one of {expected}"
        errors.append(field.invalid(f"{path}.secret", "REDACTED", why))
        return None
    return (name, decoded) if isinstance(name, str) and name and ":" not in name else None


def _overlaps(names: list[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if len(set(names)) < len(names):
        errors.append(field.invalid(path, names, "the same resource cannot be specified multiple times"))
    parsed = [each.partition(".")[::2] for each in dict.fromkeys(names)]
    starred = {group for resource, group in parsed if resource == "*"}
    several = {group for _, group in parsed if sum(other == group for _, other in parsed) > 1}
    if len(parsed) > 1 and ("*" in starred or starred & several):
        why = "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked"
        errors.append(field.invalid(path, names, why))
    return errors


def _bad_names(names: list[str], path: str) -> list[FieldError]:
    errors = []
    for place, name in enumerate(names):
        resource, _, group = name.partition(".")
        why = ""
        if name != name.lower():
            why = "resource name should not contain capital letters"
        elif name == "*":
            why = "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
        elif name in _WITHOUT_API:
            why = "resources which do not have REST API/s cannot be encrypted"
        elif group == "events.k8s.io":
            why = "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
        elif group == "extensions":
            why = "'extensions' group has been removed and cannot be used for encryption"
        elif group == "*" and resource != "*":
            why = "encrypting the same resource across groups is not supported"
        if why:
            errors.append(field.invalid(field.index(path, place), name, why))
    return errors


def _unknown(document: Mapping[str, object], known: Sequence[str], path: str) -> list[FieldError]:
    return [field.forbidden(f"{path}{name}", "unknown field") for name in document if name not in known]
