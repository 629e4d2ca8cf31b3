"""Who asks, as a case says it: named outright, or by credentials that are authenticated indeed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cluster.api.authorization import Credentials
from cluster.api.names import GroupResource
from cluster.api.protocols import Reader
from cluster.api.user import UserInfo, service_account_groups, service_account_name
from policies.lab.suite import Identity, Options
from rbac.authn.request_headers import STANDARD, HeaderNames
from rbac.authn.users import authenticated

if TYPE_CHECKING:
    from cluster.client.kubeconfig import Kubeconfig
    from rbac.authn.build import Authentication
    from rbac.authn.keys import TokenKeys

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_ACCOUNTS: Final = GroupResource("", "serviceaccounts")
_HEADERS: Final = (("user", "IMPERSONATE-USER"), ("uid", "IMPERSONATE-UID"))


class Named:
    """The authenticator of the chain: it knows whom the case names, and of others asks a server's authenticators about what they show."""

    proxy_headers: Final[HeaderNames] = STANDARD

    def __init__(self, reader: Reader, options: Options) -> None:
        self._reader = reader
        self._options = options
        self.user: UserInfo | None = None
        """Who asks next; None where their credentials are to tell."""

    @property
    def authenticator(self) -> Named:
        return self

    def authenticate(self, credentials: Credentials) -> UserInfo:
        """See cluster.server.authentication.Identifier."""
        return self.user if self.user is not None else self.real.authenticator.authenticate(credentials)

    def authenticate_token(self, token: str, audiences: Iterable[str]) -> tuple[UserInfo, tuple[str, ...]]:
        """As a TokenReview asks."""
        return self.real.tokens.authenticate_token(token, tuple(audiences))

    @functools.cached_property
    def real(self) -> Authentication:
        """A server's own authenticators, with the suite's CA and keys; loaded by the first case that needs them."""
        from rbac.authn.authorities import Authorities
        from rbac.authn.build import Settings, build_authentication

        options = self._options
        ca = Authorities.of_pem(options.client_ca) if options.client_ca else None
        settings = Settings(issuers=(ISSUER,), keys=SuiteKeys(options.token_keys), client_authorities=ca)
        return build_authentication(settings, self._reader)


class SuiteKeys:
    """The keys of service-account tokens: a suite's verify, and one that is made when it is needed signs."""

    def __init__(self, verifying: tuple[bytes, ...]) -> None:
        self._verifying = verifying

    @functools.cached_property
    def _keys(self) -> TokenKeys:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        from rbac.authn.keys import TokenKeys, load_public_keys

        signing = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return TokenKeys.of(signing, [key for pem in self._verifying for key in load_public_keys(pem)])

    def current(self) -> TokenKeys:
        return self._keys

    def refreshed(self) -> TokenKeys:
        return self._keys


class Callers:
    """What identities come to: a user, or what a request shows."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._finished: dict[int, tuple[Identity, UserInfo]] = {}
        self._shown: dict[int, tuple[Identity, Mapping[str, Any]]] = {}

    def user(self, identity: Identity) -> UserInfo | None:
        """In all groups that authentication puts them into; None for a kubeconfig's."""
        if identity.service_account is not None:
            return self._service_account(*identity.service_account)
        if identity.user is None:
            return None
        known = self._finished.get(id(identity))
        if known is None:
            known = self._finished[id(identity)] = identity, authenticated(identity.user)
        return known[1]

    def _service_account(self, namespace: str, name: str) -> UserInfo:
        """With the UID that it has in the world, if it is there."""
        account = self._reader.get(_ACCOUNTS, namespace, name)
        uid = "" if account is None else account["metadata"]["uid"]
        return authenticated(UserInfo(service_account_name(namespace, name), uid, service_account_groups(namespace)))

    def environ(self, identity: Identity) -> Mapping[str, Any]:
        """What a request carries of an identity: credentials, whom it acts as.  ValueError, OSError for a kubeconfig that has none."""
        known = self._shown.get(id(identity))
        if known is None:
            known = self._shown[id(identity)] = identity, _environ(identity)
        return known[1]


def _environ(identity: Identity) -> Mapping[str, Any]:
    found = dict(_credentials(identity.kubeconfig)) if identity.kubeconfig is not None else {}
    headers = _impersonation(identity.impersonates)
    if "HTTP_AUTHORIZATION" in found:
        headers.append(("AUTHORIZATION", found["HTTP_AUTHORIZATION"]))
    return found | {"berth.headers": headers}


def _credentials(kubeconfig: Kubeconfig) -> Mapping[str, Any]:
    token = kubeconfig.token or (kubeconfig.token_file.read_text().strip() if kubeconfig.token_file else "")
    if token:
        return {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    return {"gunicorn.socket": _Peer(kubeconfig.certificate)} if kubeconfig.certificate else {}


class _Peer:
    """A connection whose other end has shown a certificate."""

    def __init__(self, pem: bytes) -> None:
        import ssl

        self._certificate = ssl.PEM_cert_to_DER_cert(pem.decode("ascii").strip() + "\n")

    def getpeercert(self, *, binary_form: bool) -> bytes:
        assert binary_form, "nobody reads any other form"
        return self._certificate


def _impersonation(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = [(header, given[field]) for field, header in _HEADERS if given.get(field)]
    headers += [("IMPERSONATE-GROUP", group) for group in given.get("groups") or ()]
    for key, values in (given.get("extra") or {}).items():
        headers += [(f"IMPERSONATE-EXTRA-{key.upper()}", value) for value in values]
    return headers
