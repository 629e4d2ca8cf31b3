"""Suites that are written for a test, and what comes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from msgspec.structs import replace

from policies.lab.results import CaseResult, RunResult
from policies.lab.run import RunOptions, run
from policies.lab.worker import Chains

FOLDER = Path(__file__).parent / "data"
CONFIG: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "team-a"}}


def written(folder: Path, name: str = "suite.json", **suite: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps({"name": path.name.partition(".")[0], **suite}))
    return path


def result(chains: Chains, *paths: Path, **options: Any) -> RunResult:
    """In one worker, unless it says otherwise."""
    return run(replace(RunOptions(tuple(map(str, paths)), jobs=1), **options), chains)


def states(result: RunResult) -> dict[str, str]:
    return {f"{suite.suite.name}/{case.case.name}": case.state for suite in result.suites for case in suite.cases}


def wrong(case: CaseResult) -> list[Any]:
    """What is told of a case that has not passed."""
    return [case.state, case.why, *([each["field"], each["expected"], each["actual"]] for each in case.differences)]
