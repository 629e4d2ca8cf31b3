"""`berth policy explain`: what the whole chain makes of one manifest, stage by stage."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from cluster.api.names import Object
from policies.lab.asking import BrokenCase, SuiteInChain
from policies.lab.compile import ADMIN
from policies.lab.describe import described
from policies.lab.discovery import is_suite
from policies.lab.documents import Broken, Document, Place
from policies.lab.manifests import Files, Manifest
from policies.lab.run import DEFAULT_VERSION
from policies.lab.suite import Answer, Case, Expectation, Identity, Options, Suite
from policies.lab.trace import Trace
from policies.lab.worker import Chains


class Question(Struct, frozen=True):
    """A manifest, `file#name` of a file with several; files and patterns are relative to the folder one is in."""

    file: str
    who: Identity = ADMIN
    verb: str = ""
    namespace: str | None = None
    subresource: str = ""
    old: str = ""
    policies: tuple[str, ...] = ()
    world: tuple[str, ...] = ()
    version: str = DEFAULT_VERSION
    options: Options = Options()
    dry_run: bool = False
    live: bool = False
    """Whether webhooks are called; where not, they are taken to allow everything."""


def explain(question: Question) -> Object:
    """See describe.described; Broken for files that can not be used, and for what can not be asked."""
    files = Files(Path())
    manifest = _one(files, question.file)
    old = _one(files, question.old) if question.old else None
    verb = question.verb or ("create" if old is None else "update")
    if old is None and verb != "create":
        old = manifest  # what is there before is what is asked about
    case = Case(
        name=question.file,
        who=question.who,
        expect=Expectation(True),
        verb=verb,
        source=manifest.source,
        steps=manifest.steps,
        namespace=question.namespace,
        subresource=question.subresource,
        object=None if verb in ("get", "delete") else manifest.object,
        old=old,
        query=(("dryRun", "All"),) if question.dry_run else (),
    )
    suite = _suite(question, files, manifest.source, case)
    try:
        place = SuiteInChain(suite, *Chains().of(question.version, question.options))
    except ValueError as error:
        raise Broken((Place("options"), str(error))) from None
    try:
        trace = Trace()
        with place.asked(case, trace) as asked:
            return described(place, asked, trace, whole=True)
    except BrokenCase as broken:
        raise Broken((manifest.place(), str(broken))) from None


def _suite(question: Question, files: Files, source: Document, case: Case) -> Suite:
    """All that is given, as a suite of one case."""
    policies, world = tuple(_all(files, question.policies)), tuple(_all(files, question.world))
    hooks = [hook for each in (*policies, *world) for hook in each.object.get("webhooks") or () if isinstance(hook, dict)]
    webhooks = {str(hook.get("name")): Answer(live=question.live) for hook in hooks}
    return Suite(question.file, question.file, source, files, (), policies, world, question.options, webhooks, (case,))


def _one(files: Files, reference: str) -> Manifest:
    try:
        return files.one(reference)
    except LookupError as error:
        raise Broken((Place(reference), str(error.args[0]))) from None


def _all(files: Files, patterns: Iterable[str]) -> Iterable[Manifest]:
    for pattern in patterns:
        path = files.path(pattern)
        found = files.matching(f"{pattern}/**/*.y*ml" if path.is_dir() else pattern)
        if not found:
            raise Broken((Place(pattern), "no file is named like this"))
        for each in found:
            if not is_suite(each):
                yield from files.manifests(each)
