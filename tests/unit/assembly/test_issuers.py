"""The file of --authentication-config, judged together with the flags before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.assembly.config import Config, Home
from cluster.assembly.issuers import anonymous_rule, check_issuers, token_issuers
from cluster.assembly.options import AuthenticationOptions
from cluster.client.callers import Callers
from tests.support_issuer import configuration

MEMBER = {
    "issuer": {"url": "https://issuer.example", "audiences": ["a"]},
    "claimMappings": {"username": {"claim": "sub", "prefix": ""}},
}


def config(folder: Path, text: str | None, *, anonymous: bool = True) -> Config:
    file = folder / "authentication.yaml"
    Home(folder).run.mkdir(exist_ok=True)
    if text is not None:
        file.write_text(text)
    return Config(Home(folder), authentication=AuthenticationOptions(authentication_config=str(file), anonymous_auth=anonymous))


def test_without_a_file_there_are_no_issuers_and_the_flag_says_who_is_anonymous(tmp_path: Path) -> None:
    for flag in (True, False):
        plain = Config(Home(tmp_path), authentication=AuthenticationOptions(anonymous_auth=flag))
        check_issuers(plain)
        assert token_issuers(plain, Callers()) is None
        assert anonymous_rule(plain, None)("/livez") is flag


@pytest.mark.parametrize(
    ("text", "anonymous", "message"),
    [
        (None, True, r"failed to load authentication configuration from file .*authentication.yaml\": No such file or directory"),
        ("", True, "empty config data"),
        (
            configuration(MEMBER | {"claimMappings": {"username": {"expression": "claims.sub +"}}}),
            True,
            r"jwt\[0\].claimMappings.username.expression: Invalid value: .*compilation failed: ERROR: <input>:1:13: Syntax error",
        ),
        (
            configuration(MEMBER | {"issuer": {"url": "https://kubernetes.default.svc.cluster.local", "audiences": ["a"]}}),
            True,
            "URL must not overlap with disallowed issuers",
        ),
        (configuration(anonymous={"enabled": True}), False, "--anonymous-auth flag cannot be set when anonymous field is configured"),
        (configuration(anonymous={"enabled": False}), False, "--anonymous-auth flag cannot be set when anonymous field is configured"),
    ],
)
def test_what_cannot_be_is_found_before_anything_starts(tmp_path: Path, text: str | None, anonymous: bool, message: str) -> None:
    bad = config(tmp_path, text, anonymous=anonymous)
    with pytest.raises(ValueError, match=message):
        check_issuers(bad)
    with pytest.raises((ValueError, OSError), match=message if text is not None else "No such file"):
        token_issuers(bad, Callers())


@pytest.mark.parametrize(
    ("anonymous", "flag", "allowed"),
    [
        ({}, True, {"/livez", "/version"}),
        ({}, False, set()),
        ({"anonymous": {"enabled": False}}, True, set()),
        ({"anonymous": {"enabled": True}}, True, {"/livez", "/version"}),
        ({"anonymous": {"enabled": True, "conditions": [{"path": "/livez"}]}}, True, {"/livez"}),
    ],
)
def test_the_file_or_else_the_flag_says_who_is_anonymous(
    tmp_path: Path, anonymous: dict[str, object], flag: bool, allowed: set[str]
) -> None:
    good = config(tmp_path, configuration(**anonymous), anonymous=flag)
    issuers = token_issuers(good, Callers())
    assert issuers is not None
    try:
        assert {path for path in ("/livez", "/version") if anonymous_rule(good, issuers)(path)} == allowed
    finally:
        issuers.close()
