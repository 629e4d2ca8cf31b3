"""A suite: the policies under test, the world that they are in, and cases, each a request and what is expected to become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.api.user import UserInfo
from policies.lab.documents import Document, Place, Steps
from policies.lab.manifests import Files, Manifest

if TYPE_CHECKING:
    from cluster.client.kubeconfig import Kubeconfig

ALLOWED: Final = "allowed"


class Identity(Struct, frozen=True):
    """Who asks.  `user` is named outright; of the others one says where to find them."""

    user: UserInfo | None = None
    service_account: tuple[str, str] | None = None
    """Namespace and name."""
    kubeconfig: Kubeconfig | None = None
    impersonates: Mapping[str, Any] = field(default_factory=dict)
    """`user`, `groups`, `uid` and `extra` of whom they act as."""


class Answer(Struct, frozen=True):
    """What a webhook says in place of being called; `fails` says why it can not be, `live` that it is called indeed."""

    allowed: bool = True
    status: Object | None = None
    patch: Sequence[Object] = ()
    warnings: Sequence[str] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    fails: str = ""
    live: bool = False


class Options(Struct, frozen=True):
    """What the server is configured with; equal ones are served by one chain."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    configuration: bytes = b""
    """An AdmissionConfiguration, JSON or YAML; `folder` is what its paths are relative to."""
    folder: Path = Path()
    gates: tuple[tuple[str, bool], ...] = ()
    client_ca: bytes = b""
    """PEM: whose certificates kubeconfigs may show."""
    token_keys: tuple[bytes, ...] = ()
    """PEM: what verifies the service-account tokens that kubeconfigs have."""


_SIMPLE: Final = ("stage", "plugin", "policy", "binding", "webhook", "code", "reason", "message")
"""Expected to be as they are."""


class Expectation(Struct, frozen=True, dict=True):
    """None wherever nothing is expected."""

    allowed: bool
    stage: str | None = None
    plugin: str | None = None
    policy: str | None = None
    binding: str | None = None
    validation: int | str | None = None
    """The position of a validation, or its expression."""
    webhook: str | None = None
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    message_contains: str | None = None
    message_matches: str | None = None
    warnings: Sequence[str] | None = None
    annotations: Mapping[str, str] | None = None
    object: Object | None = None
    golden: Path | None = None
    matched: bool | None = None

    @cached_property
    def simple(self) -> tuple[tuple[str, str | int], ...]:
        """What an outcome's fields are to be equal to."""
        return tuple((name, expected) for name in _SIMPLE if (expected := getattr(self, name)) is not None)

    @cached_property
    def says_more(self) -> bool:
        """Whether anything is expected beside those, the verdict and a validation."""
        others = (self.message_contains, self.message_matches, self.warnings, self.annotations, self.matched, self.object)
        return any(each is not None for each in others)

    @property
    def says_by_whom(self) -> bool:
        """Whether there is anything that a denial by somebody else would not be."""
        of_denial = (self.stage, self.plugin, self.policy, self.binding, self.validation, self.webhook, self.code, self.reason)
        of_words = (self.message, self.message_contains, self.message_matches, self.object, self.golden)
        return any(each is not None for each in (*of_denial, *of_words))


class Case(Struct, frozen=True):
    """One request."""

    name: str
    who: Identity
    expect: Expectation
    verb: str
    source: Document
    steps: Steps
    resource: str = ""
    """As kubectl takes it, where there is no object that tells: `pods`, `deployments.apps`, `deployments.v1.apps`."""
    path: str = ""
    """In place of a resource."""
    namespace: str | None = None
    resource_name: str = ""
    subresource: str = ""
    object: Object | None = None
    old: Manifest | None = None
    """What is there before."""
    patch: tuple[str, Any] | None = None
    """(media type, body)"""
    query: tuple[tuple[str, str], ...] = ()
    world: tuple[Manifest, ...] = ()
    webhooks: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.source.place(self.steps)


class Suite(Struct, frozen=True):
    """`file` is how messages name it."""

    file: str
    name: str
    source: Document
    files: Files
    versions: tuple[str, ...]
    """Of Kubernetes; none for whichever is asked for."""
    policies: tuple[Manifest, ...]
    world: tuple[Manifest, ...]
    options: Options
    webhooks: Mapping[str, Answer]
    cases: tuple[Case, ...]
