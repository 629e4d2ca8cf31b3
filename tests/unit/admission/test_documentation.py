"""docs/admission.md says of every plugin and flag what the code says."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import fields

from admission.order import GATES, ORDERED, Entry
from cluster.assembly.options import AdmissionOptions
from tests.support import ROOT

TEXT = (ROOT / "docs" / "admission.md").read_text()


@pytest.mark.parametrize("entry", ORDERED, ids=lambda entry: entry.name)
def test_every_plugin_has_its_row(entry: Entry) -> None:
    gate = f"`{entry.gate}`" if entry.gate else ""
    assert f"| `{entry.name}` | {'on' if entry.on else 'off'} | {gate} |" in TEXT


def test_the_rows_are_in_the_order_in_which_plugins_run() -> None:
    names = {entry.name for entry in ORDERED}
    assert [each for each in re.findall(r"^\| `(\w+)` \| o", TEXT, re.MULTILINE) if each in names] == [entry.name for entry in ORDERED]


def test_gates_that_are_off_are_named() -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("Gates that are off by default: "))
    assert re.findall(r"`(\w+)`", line) == sorted(gate for gate, on in GATES.items() if not on)


@pytest.mark.parametrize("option", [each.name for each in fields(AdmissionOptions)])
def test_every_flag_is_named(option: str) -> None:
    assert f"`--{option.replace('_', '-')}`" in TEXT
