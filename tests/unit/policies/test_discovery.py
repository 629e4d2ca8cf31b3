"""Which files are suites."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policies.lab.discovery import discover, folders
from policies.lab.documents import Broken
from policies.lab.manifests import Files


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("suite.yaml", "b/x.suite.yml", "b/a-suite.json", "b/policy.yaml", "b/.git/suite.yaml", "c/d/suite.yaml", "c/suite.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["."], ["suite.yaml", "b/a-suite.json", "b/x.suite.yml", "c/d/suite.yaml"]),
        (["c", "suite.yaml"], ["c/d/suite.yaml", "suite.yaml"]),
        (["b/policy.yaml"], ["b/policy.yaml"]),
        (["b/*.yml"], ["b/x.suite.yml"]),
        (["*/"], ["b/a-suite.json", "b/x.suite.yml", "c/d/suite.yaml"]),
        (["**/suite.yaml"], ["c/d/suite.yaml", "suite.yaml"]),
        (["b", "b/x.suite.yml"], ["b/a-suite.json", "b/x.suite.yml"]),
    ],
)
def test_files_patterns_and_folders_are_looked_through_in_order(tree: Path, given: list[str], found: list[str]) -> None:
    assert [str(path) for path in discover(given)] == found


@pytest.mark.parametrize("given", ["none.yaml", "*.none", "c/*.yaml", "b/.git/none"])
def test_what_stands_for_nothing_is_told(tree: Path, given: str) -> None:
    with pytest.raises(Broken, match="there is no suite") as broken:
        discover([given])
    assert str(broken.value).startswith(f"{given}: ")


def test_a_file_that_is_named_in_several_ways_is_there_once(tree: Path) -> None:
    assert [str(path) for path in discover(["suite.yaml", "./suite.yaml", "suite.*"])] == ["suite.yaml"]


def test_folders_are_those_in_which_suites_are_looked_for(tree: Path) -> None:
    assert sorted(map(str, folders(Path()))) == [".", "b", "c", "c/d"]


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [("b/*.yaml", {"b", "b/policy.yaml"}), ("c/**/*.txt", {"c", "c/d", "c/suite.txt"}), ("none/*.yaml", {"none"}), ("x.yaml", {"x.yaml"})],
)
def test_what_a_pattern_could_find_later_is_known(tree: Path, pattern: str, paths: set[str]) -> None:
    files = Files(tree)
    files.matching(pattern)
    assert {os.path.relpath(path, tree) for path in files.paths} == paths
