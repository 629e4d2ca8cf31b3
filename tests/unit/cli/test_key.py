"""`berth key`: the keys of service-account tokens."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from cluster.assembly import pki
from cluster.assembly.authentication import token_keys, token_signer
from cluster.assembly.config import Config, Home
from cluster.assembly.options import AuthenticationOptions
from cluster.cli.command import main

ACCOUNT = {"metadata": {"name": "a", "namespace": "n", "uid": "u"}}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config(Home(tmp_path))
    made.save()
    pki.ensure(made)
    return made


def listed(config: Config, capsys: pytest.CaptureFixture[str], action: str = "list") -> list[list[str]]:
    assert main(["key", action, "--home", str(config.home.root)]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_a_new_key_signs_and_the_old_ones_go_on_verifying(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    signer = token_signer(config)
    (first,) = listed(config, capsys)
    assert first[1:] == ["ES256", "signs"]
    second, *old = listed(config, capsys, "rotate")
    assert (second[2], old) == ("signs", [[first[0], "ES256", "verifies"]])
    third, *old = listed(config, capsys, "rotate")
    assert sorted(each[0] for each in old) == sorted((first[0], second[0]))
    assert {key.key_id for key in signer.keys.refreshed().public} == {first[0], second[0], third[0]}
    assert {stat.S_IMODE(path.stat().st_mode) for path in config.home.pki.glob("sa*")} == {0o600}


def test_a_signing_key_that_was_lost_is_made_anew_and_its_tokens_stay_good(config: Config) -> None:
    (before,) = token_keys(config).current().public
    config.home.key("sa").unlink()
    pki.ensure(config)
    assert [key.key_id for key in token_keys(config).current().public][1:] == [before.key_id]


def test_a_key_of_ones_own_is_not_rotated(config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.key"
    own.write_bytes(config.home.key("sa").read_bytes())
    options = AuthenticationOptions(service_account_signing_key_file=str(own))
    replace(config, authentication=options).save()
    assert main(["key", "rotate", "--home", str(tmp_path)]) == 1
    assert "--service-account-key-file, then replace that file" in capsys.readouterr().err


def test_without_a_cluster_there_are_no_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "list", "--home", str(tmp_path / "none")]) == 1
    assert "Traceback" not in capsys.readouterr().err
