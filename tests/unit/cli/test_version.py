"""`berth version`."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from cluster.cli import main


def test_it_names_both_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"berth {version('berth')}, Kubernetes 1.36\n"


def test_programs_get_json(capsys: pytest.CaptureFixture[str]) -> None:
    main(["version", "-o", "json"])
    assert json.loads(capsys.readouterr().out) == {"berth": version("berth"), "kubernetes": "1.36"}


def test_a_wrong_command_line_is_told_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
    assert "invalid choice: 'dance'" in capsys.readouterr().err
