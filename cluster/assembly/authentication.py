"""Who is asking, as the configuration has it: the authenticators, and what signs and verifies service-account tokens."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import orjson
from msgspec.structs import replace

from cluster.api.authorization import TokenAuthenticator
from cluster.api.protocols import HttpCallers, Reader
from cluster.assembly.config import Config
from cluster.assembly.issuers import anonymous_rule, check_issuers, token_issuers
from cluster.client.callers import Callers
from rbac.authn.authorities import Authorities
from rbac.authn.build import Authentication, FrontProxies, Settings, build_authentication
from rbac.authn.key_files import KeyFiles
from rbac.authn.legacy_tokens import LabelSecret
from rbac.authn.observers import UNOBSERVED, IssuersObserver
from rbac.authn.request_headers import HeaderNames
from rbac.authn.service_accounts import TokenSigner
from rbac.reviews.token_request import EXTENDED_SECONDS, LONGEST, POD_SECONDS

log = logging.getLogger(__name__)
SHORTEST_LIMIT: Final = 3600
"""Seconds that the longest lifetime of tokens may not be below."""


def token_signer(config: Config) -> TokenSigner:
    """ValueError, OSError for a key that cannot be used."""
    options = config.authentication
    longest, extends = int(options.service_account_max_token_expiration), options.service_account_extend_token_expiration
    return TokenSigner(token_keys(config), config.issuer, api_audiences(config), longest=longest, extends=extends)


def token_keys(config: Config) -> KeyFiles:
    """The signing key, and what verifies beside it: the files named, and the cluster's own public keys where it signs with its own."""
    options, home = config.authentication, config.home
    named = [Path(each) for each in options.service_account_key_file]
    if options.service_account_signing_key_file:
        return KeyFiles(Path(options.service_account_signing_key_file), lambda: named)

    def verifying() -> Iterable[Path]:
        return [*sorted(home.pki.glob("sa*.pub")), *named]

    return KeyFiles(home.key("sa"), verifying)


def api_audiences(config: Config) -> tuple[str, ...]:
    return config.authentication.api_audiences or config.issuers


def front_proxy_ca(config: Config) -> Path:
    """The CA of the front proxies."""
    named = config.authentication.requestheader_client_ca_file
    return Path(named) if named else config.home.certificate("front-proxy-ca")


def proxy_headers(config: Config) -> HeaderNames:
    options = config.authentication
    return HeaderNames.of(
        options.requestheader_username_headers,
        options.requestheader_uid_headers,
        options.requestheader_group_headers,
        options.requestheader_extra_headers_prefix,
    )


def front_proxy_trust(config: Config) -> dict[str, str]:
    """What ConfigMap kube-system/extension-apiserver-authentication says of front proxies."""
    options = config.authentication
    lists = {
        "requestheader-allowed-names": options.requestheader_allowed_names,
        "requestheader-extra-headers-prefix": options.requestheader_extra_headers_prefix,
        "requestheader-group-headers": options.requestheader_group_headers,
        "requestheader-uid-headers": options.requestheader_uid_headers,
        "requestheader-username-headers": options.requestheader_username_headers,
    }
    told = {key: orjson.dumps(values).decode() for key, values in lists.items() if values or key != "requestheader-uid-headers"}
    return {"requestheader-client-ca-file": front_proxy_ca(config).read_text(), **told}


def authentication(
    config: Config,
    reader: Reader,
    signer: TokenSigner,
    callers: HttpCallers,
    label_secret: LabelSecret,
    observer: IssuersObserver = UNOBSERVED,
) -> Authentication:
    """`observer` is told of the file of issuers and of their keys.  ValueError, OSError for a file that cannot be used."""
    options = config.authentication
    issuers = token_issuers(config, callers, observer)
    settings = Settings(
        issuers=config.issuers,
        keys=signer.keys,
        audiences=api_audiences(config),
        client_authorities=Authorities.of_pem(config.home.certificate("ca").read_bytes()),
        front_proxies=FrontProxies(
            Authorities.of_pem(front_proxy_ca(config).read_bytes()), options.requestheader_allowed_names, proxy_headers(config)
        ),
        bootstrap_tokens=options.enable_bootstrap_token_auth,
        more_tokens=[*([issuers] if issuers is not None else []), *_remote(config, callers)],
        may_be_anonymous=anonymous_rule(_without_almighty_strangers(config), issuers),
        label_secret=label_secret,
    )
    return build_authentication(settings, reader)


def _without_almighty_strangers(config: Config) -> Config:
    """Where everyone may do everything, the flag makes nobody anonymous."""
    modes, options = config.authorization, config.authentication
    if not options.anonymous_auth or modes.authorization_config or "AlwaysAllow" not in modes.authorization_mode:
        return config
    log.warning("nobody is anonymous where the authorizer is AlwaysAllow: use another --authorization-mode")
    return replace(config, authentication=replace(options, anonymous_auth=False))


def _remote(config: Config, callers: HttpCallers) -> list[TokenAuthenticator]:
    """What asks others about a token."""
    options = config.authentication
    found: list[TokenAuthenticator] = []
    if options.authentication_token_webhook_config_file:
        from rbac.authn.webhook import WebhookTokenAuthenticator

        caller = callers.of_kubeconfig(options.authentication_token_webhook_config_file)
        version, ttl = options.authentication_token_webhook_version, options.authentication_token_webhook_cache_ttl
        found.append(WebhookTokenAuthenticator(caller, api_audiences(config), version=version, ttl=ttl))
    return found


def check_authentication(config: Config) -> None:
    """ValueError, OSError for options that cannot be, as `berth start` finds them before it starts anything.  Nobody is called."""
    from rbac.authn.webhook import VERSIONS

    options = config.authentication
    if len(set(config.issuers)) != len(config.issuers):
        raise ValueError("--service-account-issuer names an issuer twice")
    for issuer in config.issuers:
        if ":" in issuer and not issuer.startswith(("https://", "http://")):
            raise ValueError(f'--service-account-issuer "{issuer}" contains a ":", so it must be a URL')
    if options.service_account_jwks_uri and not options.service_account_jwks_uri.startswith("https://"):
        raise ValueError(f'--service-account-jwks-uri "{options.service_account_jwks_uri}" must be an https URL')
    if options.authentication_token_webhook_version not in VERSIONS:
        version = options.authentication_token_webhook_version
        raise ValueError(f'--authentication-token-webhook-version "{version}" is unknown: choose one of {", ".join(VERSIONS)}')
    if options.authentication_token_webhook_config_file:
        Callers().of_kubeconfig(options.authentication_token_webhook_config_file)
    _check_expiration(options.service_account_max_token_expiration, extend=options.service_account_extend_token_expiration)
    _check_headers(config)
    check_issuers(config)


def _check_expiration(longest: float, *, extend: bool) -> None:
    if not longest:
        return
    if not SHORTEST_LIMIT <= longest <= LONGEST:
        raise ValueError("--service-account-max-token-expiration must be between 1 hour and 2^32 seconds")
    if extend and longest < EXTENDED_SECONDS:
        log.warning(
            "tokens that are mounted into pods live %d seconds, which is longer than --service-account-max-token-expiration, unless that "
            "is below %d seconds; --service-account-extend-token-expiration=false ends that",
            EXTENDED_SECONDS,
            POD_SECONDS,
        )


def _check_headers(config: Config) -> None:
    options = config.authentication
    for name in ("username_headers", "uid_headers", "group_headers", "extra_headers_prefix"):
        flag = f"--requestheader-{name.replace('_', '-')}"
        values = getattr(options, f"requestheader_{name}")
        if any(not value.strip() for value in values):
            raise ValueError(f"{flag} has an empty name")
        if any("_" in value for value in values):
            raise ValueError(f'{flag}: headers with "_" are never read, use "-"')
    uids = options.requestheader_uid_headers
    if uids and "x-remote-uid" not in {each.strip().lower() for each in uids}:
        raise ValueError("--requestheader-uid-headers must have the standard X-Remote-Uid among them")
    if not options.requestheader_allowed_names and _overlap(config):
        raise ValueError("the front proxies' CA is also the clients' CA: --requestheader-allowed-names must say who is a proxy")


def _overlap(config: Config) -> bool:
    named, own = front_proxy_ca(config), config.home.certificate("ca")
    return named.exists() and own.exists() and Authorities.of_pem(named.read_bytes()).shared(Authorities.of_pem(own.read_bytes()))
