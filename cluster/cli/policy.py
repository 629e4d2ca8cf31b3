"""`berth policy`: suites of policy tests through the real chain, and what the chain makes of one manifest.

`test` exits 0 where all passed, 1 where something did not or too little is covered, 2 where a suite is broken.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster.cli.failure import CommandError

if TYPE_CHECKING:
    from policies.lab.results import RunResult
    from policies.lab.run import RunOptions

_OUTPUTS: Final = ("table", "json", "tap", "github")


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:  # noqa: ARG001 - every command's shape
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    test = actions.add_parser("test", help="run suites of policy tests, without a server")
    add = test.add_argument
    add("paths", nargs="+", metavar="PATH", help="suites, patterns of them, or folders with suite.yaml, *.suite.yaml and *-suite.yaml")
    add("--run", metavar="REGEX", help="only cases in whose suite/case it is found")
    add("--kubernetes-version", action="append", default=[], metavar="VERSION", help="in place of the suites' own (may be repeated)")
    add("-j", "--jobs", type=int, default=0, metavar="N", help="processes, default one for each processor")
    add("--fail-fast", action="store_true", help="begin nothing new once a case has not passed")
    add("--update", action="store_true", help="write the golden files that differ")
    add("--coverage", action="store_true", help="tell which policies, bindings, validations, conditions, roles and rules no case exercised")
    add("--coverage-threshold", type=float, metavar="PERCENT", help="exit 1 where less of them is exercised")
    add("-o", "--output", choices=_OUTPUTS, default="table")
    add("--junit", type=Path, metavar="FILE", help="write a JUnit report, too")
    add("-v", "--verbose", action="store_true", help="tell of cases that passed, too")
    add("--watch", action="store_true", help="run again whenever a file changes")


def run(arguments: argparse.Namespace) -> int:
    return _test(arguments)


def _test(arguments: argparse.Namespace) -> int:
    from policies.lab.run import run as run_suites

    result = run_suites(_options(arguments))
    _report(arguments, result)
    return result.exit_code


def _options(arguments: argparse.Namespace) -> RunOptions:
    """CommandError for what is no option."""
    from policies.lab.run import RunOptions

    try:
        select = re.compile(arguments.run) if arguments.run else None
    except re.error as error:
        raise CommandError(f'--run "{arguments.run}" is no regular expression: {error}') from None
    if arguments.jobs < 0:
        raise CommandError(f'--jobs "{arguments.jobs}" is negative')
    if arguments.coverage_threshold is not None and not 0 <= arguments.coverage_threshold <= 100:
        raise CommandError(f'--coverage-threshold "{arguments.coverage_threshold:g}" is not between 0 and 100')
    return RunOptions(
        paths=tuple(arguments.paths),
        select=select,
        versions=tuple(dict.fromkeys(arguments.kubernetes_version)),
        jobs=arguments.jobs,
        fail_fast=arguments.fail_fast,
        update=arguments.update,
        coverage=arguments.coverage,
        threshold=arguments.coverage_threshold,
    )


def _report(arguments: argparse.Namespace, result: RunResult) -> None:
    from policies.lab.reports.text import text

    sys.stdout.write(text(result, verbose=arguments.verbose))
    sys.stdout.flush()
