"""The command itself, in a process of its own: exit codes, files, and an end in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.integration.policies.suites import CONFIG, FOLDER, written
from tests.support import ROOT, children, eventually

COMMAND = [sys.executable, "-m", "cluster.cli", "policy"]
WORLD: dict[str, object] = {"namespaces": {"team-a": {}}}


def case(name: str, allowed: bool = True) -> dict[str, object]:
    return {"name": name, "object": CONFIG, "expect": {"allowed": allowed}}


def berth(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def suites(tmp_path: Path) -> Path:
    written(tmp_path, "good.suite.json", world=WORLD, cases=[case("c")])
    written(tmp_path, "bad.suite.json", world=WORLD, cases=[case("c", allowed=False)])
    written(tmp_path, "typo.suite.json", world=WORLD, csaes=[])
    return tmp_path


def test_0_where_all_passed(suites: Path) -> None:
    found = berth("test", suites / "good.suite.json", "--coverage-threshold", "100")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines()[-1].startswith("1 passed in ")


def test_1_where_something_did_not_and_2_where_a_suite_is_broken(suites: Path) -> None:
    report = suites / "junit.xml"
    failed = berth("test", suites / "good.suite.json", suites / "bad.suite.json", "-o", "json", "--junit", report)
    assert (failed.returncode, json.loads(failed.stdout)["summary"]["exitCode"]) == (1, 1)
    assert ElementTree.parse(report).getroot().get("failures") == "1"
    broken = berth("test", suites, "-o", "tap", "--junit", report)
    assert broken.returncode == 2
    assert broken.stdout.splitlines()[:3] == ["TAP version 14", "1..4", f"not ok 1 - {suites}/typo.suite.json:1:1"]
    assert ElementTree.parse(report).getroot().get("errors") == "2"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--run", "("), 'berth: --run "(" is no regular expression: missing ), unterminated subpattern at position 0'),
        (("--jobs", "-1"), 'berth: --jobs "-1" is negative'),
        (("--coverage-threshold", "101"), 'berth: --coverage-threshold "101" is not between 0 and 100'),
        (("--junit", "none/j.xml"), 'berth: "none/j.xml" cannot be written: No such file or directory'),
    ],
)
def test_options_that_are_none_are_told(suites: Path, arguments: tuple[str, str], told: str) -> None:
    found = berth("test", suites / "good.suite.json", *arguments)
    assert (found.returncode, found.stderr.splitlines()) == (1, [told])


def test_an_interrupted_run_ends_with_its_workers(suites: Path) -> None:
    path = written(suites, "many.suite.json", world=WORLD, cases=[case(f"case {number}") for number in range(30_000)])
    process = subprocess.Popen([*COMMAND, "test", str(path), "-j", "2"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    workers = eventually(lambda: found if len(found := children(process.pid)) == 2 else None, "two workers")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")
    eventually(lambda: not [pid for pid in workers if os.path.exists(f"/proc/{pid}")], "the workers end")


def test_one_manifest_is_explained(suites: Path) -> None:
    manifest = suites / "config.json"
    manifest.write_text(json.dumps(CONFIG))
    world = suites / "world.json"
    world.write_text(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}}))
    shown = berth("explain", manifest, "--world", world, "--policies", FOLDER / "replicas.yaml", "-o", "json")
    assert (shown.returncode, json.loads(shown.stdout)["result"]["object"]["kind"]) == (0, "ConfigMap")
    denied = berth("explain", manifest, "--world", world, "--as", "jane", "--as-group", "dev")
    assert denied.returncode == 1
    assert denied.stdout.splitlines()[1] == "authentication  jane [dev, system:authenticated]"
    assert berth("explain", manifest, "--as-group", "dev").stderr == (
        "berth: --as-group and --as-uid belong to a user: name one with --as\n"
    )
