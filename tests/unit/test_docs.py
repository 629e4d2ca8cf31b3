"""What is there is documented and tested: each check reads a table of the code and looks for its rows where they belong."""

from __future__ import annotations

import argparse
import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from admission.order import ORDERED
from cluster.assembly.options import Option, options
from cluster.cli.command import COMMANDS, _parser
from cluster.cli.start import FLAGS
from cluster.controllers.table import CONTROLLERS
from cluster.scheduler.plugins import PLUGINS
from tests.support import ROOT

PACKAGES = ("admission", "cluster", "policies", "rbac")
ROOMS = sorted(str(path.parent.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("__init__.py"))
README = (ROOT / "README.md").read_text()
OPTIONS = (ROOT / "docs" / "options.md").read_text()
ENTRY_POINTS = {"policies/lab/chain.py": {"app"}, "wsgi.py": {"app"}}
"""Who may import the composition root; tests may, too."""


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


@functools.cache
def _tests() -> str:
    own = Path(__file__)
    return "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py") if path != own)


def _sources() -> Iterator[Path]:
    yield from (ROOT / "app.py", ROOT / "wsgi.py")
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


@functools.cache
def _imports(path: Path) -> set[str]:
    """The top-level modules that a file imports, wherever in it."""
    tree = ast.parse(path.read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in plain | taken}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_is_in_the_readme(command: str) -> None:
    assert f"`berth {command}" in README


@pytest.mark.parametrize(
    ("command", "action"), [(name, action) for name, parser in _subparsers(_parser()).items() for action in _subparsers(parser)]
)
def test_every_action_of_a_subcommand_is_in_the_readme(command: str, action: str) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `berth {command} "))
    assert re.search(rf"\b{action}\b", row)


@pytest.mark.parametrize("flag", [flag for flag, _, _ in FLAGS])
def test_every_flag_of_the_cluster_is_in_the_readme_with_its_variable(flag: str) -> None:
    assert f"| `--{flag}` | `BERTH_{flag.upper().replace('-', '_')}` |" in README


@pytest.mark.parametrize("option", list(options()), ids=lambda option: option.name)
def test_every_option_of_the_api_server_has_its_row_in_the_options(option: Option) -> None:
    default = {True: "true", False: "false"}.get(option.default) if isinstance(option.default, bool) else option.default
    shown = ",".join(default) if isinstance(default, tuple) else f"{default:g}" if isinstance(default, float) else str(default)
    assert f"| `{option.flag}` | `{option.variable}` | {f'`{shown}`' if shown else ''} | {option.help} |" in OPTIONS


def test_every_parsed_subcommand_has_its_module() -> None:
    assert {*_subparsers(_parser())} == {*COMMANDS}


@pytest.mark.parametrize("module", sorted({each.build.__module__.removesuffix(".controller") for each in CONTROLLERS}))
def test_every_controller_has_a_test(module: str) -> None:
    name = module.rpartition(".")[2]
    assert re.search(rf"from {module}[\w.]* import|from cluster\.controllers import [^\n]*\b{name}\b", _tests())


@pytest.mark.parametrize("name", [plugin.name for plugin in PLUGINS])
def test_every_scheduler_plugin_has_a_test(name: str) -> None:
    assert f'"{name}"' in _tests()


@pytest.mark.parametrize("name", [entry.name for entry in ORDERED])
def test_every_admission_plugin_has_a_test(name: str) -> None:
    assert re.search(rf"import [^\n]*\b{name}\b", _tests())


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_belongs_in_it(room: str) -> None:
    assert ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))


def test_contributing_names_files_that_exist() -> None:
    table = [line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| ")]
    named = {each for line in table for each in re.findall(r"`([\w./]+/[\w./]*)`", line)}
    assert named
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("root", ["app", "wsgi"])
def test_only_an_entry_point_imports_the_composition_root(root: str) -> None:
    importers = {str(path.relative_to(ROOT)) for path in _sources() if root in _imports(path)}
    assert importers == {name for name, roots in ENTRY_POINTS.items() if root in roots}
