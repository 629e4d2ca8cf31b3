"""`berth policy`: suites of policy tests through the real chain, and what the chain makes of one manifest.

`test` exits 0 where all passed, 1 where something did not or too little is covered, 2 where a suite is broken.
"""

from __future__ import annotations

import argparse
import gc
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluster.api.output import as_json, printable
from cluster.cli.failure import CommandError

if TYPE_CHECKING:
    from policies.lab.explain import Question
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
    _explain_arguments(actions.add_parser("explain", help="what the whole chain makes of one manifest, without a server"))


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", help="a manifest; FILE#NAME of one with several")
    add("--as", dest="user", default="", metavar="USER", help="who asks; default an admin, whom RBAC lets do everything")
    add("--as-group", action="append", default=[], metavar="GROUP", help="a group of theirs (may be repeated)")
    add("--as-uid", default="", metavar="UID")
    add("--service-account", default="", metavar="NAMESPACE/NAME", help="in place of --as")
    add("-n", "--namespace", help="default the manifest's own")
    add("--verb", choices=("create", "update", "delete", "get"), help="default create, or update with --old")
    add("--subresource", default="", metavar="NAME")
    add("--old", default="", metavar="FILE", help="what an update replaces")
    add("--policies", nargs="+", default=[], metavar="PATH", help="policies, bindings, roles, quotas: files, patterns or folders")
    add("--world", nargs="+", default=[], metavar="PATH", help="what is there besides: namespaces, parameters, other objects")
    add("--kubernetes-version", default="", metavar="VERSION", help="default 1.36")
    add("--enable-admission-plugins", default="", metavar="NAMES", help="plugins to run beside those that run by default")
    add("--disable-admission-plugins", default="", metavar="NAMES", help="plugins not to run though they run by default")
    add("--dry-run", action="store_true")
    add("--live-webhooks", action="store_true", help="call webhooks; otherwise they are taken to allow everything")
    add("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    gc.disable()  # what is loaded stays until the end: the collector would look through it again and again, for a tenth of the start
    try:
        return _test(arguments) if arguments.action == "test" else _explain(arguments)
    finally:
        gc.freeze()  # nor need it look through all that when the process ends


def _explain(arguments: argparse.Namespace) -> int:
    """0 where it is allowed, 1 where it is denied; CommandError for files that can not be used."""
    from policies.lab.documents import Broken
    from policies.lab.explain import explain

    try:
        answer = explain(_question(arguments))
    except Broken as broken:
        raise CommandError(str(broken)) from None
    if arguments.output == "json":
        print(as_json(answer))
    else:
        from policies.lab.reports.explanation import explanation

        print(printable(explanation(answer)), end="")
    return 0 if answer["result"]["allowed"] else 1


def _question(arguments: argparse.Namespace) -> Question:
    from cluster.api.user import UserInfo
    from policies.lab.compile import ADMIN
    from policies.lab.explain import Question
    from policies.lab.run import DEFAULT_VERSION
    from policies.lab.suite import Identity, Options

    if arguments.service_account:
        namespace, slash, name = arguments.service_account.partition("/")
        if not (namespace and slash and name) or arguments.user:
            raise CommandError("name one of --as USER and --service-account NAMESPACE/NAME")
        who = Identity(service_account=(namespace, name))
    elif arguments.user:
        who = Identity(UserInfo(arguments.user, arguments.as_uid, tuple(arguments.as_group)))
    elif arguments.as_group or arguments.as_uid:
        raise CommandError("--as-group and --as-uid belong to a user: name one with --as")
    else:
        who = ADMIN
    enable, disable = (tuple(filter(None, text.split(","))) for text in _plugins(arguments))
    return Question(
        arguments.file,
        who,
        arguments.verb or "",
        arguments.namespace,
        arguments.subresource,
        arguments.old,
        tuple(arguments.policies),
        tuple(arguments.world),
        arguments.kubernetes_version or DEFAULT_VERSION,
        Options(enable=enable, disable=disable),
        arguments.dry_run,
        arguments.live_webhooks,
    )


def _plugins(arguments: argparse.Namespace) -> tuple[str, str]:
    return arguments.enable_admission_plugins, arguments.disable_admission_plugins


def _test(arguments: argparse.Namespace) -> int:
    options = _options(arguments)
    if arguments.watch:
        from policies.lab.watch import watch

        return watch(options, lambda result: _report(arguments, result))
    from policies.lab.run import run as run_suites

    result = run_suites(options)
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
    sys.stdout.write(_shown(arguments, result))
    sys.stdout.flush()
    if arguments.junit:
        from policies.lab.reports.junit import junit

        try:
            arguments.junit.write_bytes(junit(result))
        except OSError as error:
            raise CommandError(f'"{arguments.junit}" cannot be written: {error.strerror}') from None


def _shown(arguments: argparse.Namespace, result: RunResult) -> str:
    """What is asked for alone is loaded."""
    if arguments.output == "json":
        from policies.lab.reports.data import data

        return data(result)
    if arguments.output == "tap":
        from policies.lab.reports.tap import tap

        return tap(result)
    if arguments.output == "github":
        from policies.lab.reports.github import github

        return github(result)
    from policies.lab.reports.text import text

    return text(result, verbose=arguments.verbose)
