"""From a suite's document to a Suite: files are read, defaults and templates are merged, and what does not fit together is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from cluster.api.names import Object
from cluster.api.user import ANONYMOUS, MASTERS, UNAUTHENTICATED, UserInfo
from cluster.cel.patterns import compiled
from cluster.cel.values import CelError
from cluster.registry.patch import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from policies.lab.documents import Broken, Document, Place, Steps, read
from policies.lab.format import check
from policies.lab.manifests import Files, Manifest, of_value
from policies.lab.suite import Answer, Case, Expectation, Identity, Options, Suite

ADMIN: Final = Identity(UserInfo("admin", groups=(MASTERS,)))
_ANONYMOUS: Final = Identity(UserInfo(ANONYMOUS, groups=(UNAUTHENTICATED,)))
_NAMED: Final = {"admin": ADMIN, "anonymous": _ANONYMOUS}
_PATCHES: Final = {
    "json": JSON_PATCH,
    "merge": MERGE_PATCH,
    "strategic": STRATEGIC_PATCH,
    "apply": "application/apply-patch+yaml",
}
_FILE: Final = "file"
_OF_DENIALS: Final = (
    "stage",
    "plugin",
    "policy",
    "binding",
    "validation",
    "webhook",
    "reason",
    "message",
    "messageContains",
    "messageMatches",
)
_WHO: Final = ("user", "serviceAccount", "kubeconfig")


def load_suite(path: Path, files: Files | None = None) -> Suite:
    """Broken, with everything that is wrong with it; `files` knows even then what it is made of."""
    found = read(path)
    if len(found) != 1:
        raise Broken((Place(str(path)), f"a suite is one document, this file has {len(found)}"))
    check(found[0])
    return _Compilation(found[0], files or Files(path.parent)).suite()


class _Compilation:
    """Of one document, whose form is right; what else is wrong is collected."""

    def __init__(self, document: Document, files: Files) -> None:
        self._document = document
        self._files = files
        self._faults: list[tuple[Place, str]] = []
        self._folded: dict[bytes, Identity] = {}
        self._expected: dict[str, Expectation] = {}

    def suite(self) -> Suite:
        document, value = self._document, self._document.value
        made = Suite(
            file=document.file,
            name=value["name"],
            source=document,
            files=self._files,
            versions=tuple(value.get("kubernetesVersions") or ()),
            policies=tuple(self._of_files(value.get("policies") or (), ("policies",))),
            world=self._world(value.get("world") or {}, ("world",)),
            options=self._options(value.get("options") or {}),
            webhooks=_answers(value.get("webhooks") or {}),
            cases=tuple(self._cases(value["cases"], value.get("defaults") or {})),
        )
        if not self._faults:
            self._check_names(made)
        if self._faults:
            raise Broken(*self._faults)
        return made

    def _fault(self, steps: Steps, why: str) -> None:
        self._faults.append((self._document.place(steps), why))

    # files and objects

    def _of_files(self, patterns: Any, steps: Steps) -> Iterator[Manifest]:
        for position, pattern in enumerate(patterns):
            paths = self._files.matching(pattern)
            if not paths:
                self._fault((*steps, position), f'no file is named "{pattern}" in "{self._files.folder}"')
            for path in paths:
                try:
                    yield from self._files.manifests(path)
                except Broken as broken:
                    self._faults += broken.faults

    def _world(self, world: Mapping[str, Any], steps: Steps) -> tuple[Manifest, ...]:
        found: list[Manifest] = []
        for name, labels in (world.get("namespaces") or {}).items():
            namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}
            found.append(Manifest(namespace, self._document, (*steps, "namespaces", name)))
        found += self._of_files(world.get("files") or (), (*steps, "files"))
        for position, value in enumerate(world.get("objects") or ()):
            try:
                found += of_value(value, self._document, (*steps, "objects", position))
            except Broken as broken:
                self._faults += broken.faults
        return tuple(found)

    def _object(self, value: Object, steps: Steps) -> Manifest | None:
        """An object that is given inline, or as `{file: ..., with: ...}`."""
        if not isinstance(value.get(_FILE), str):
            return Manifest(value, self._document, steps)
        stray = next((key for key in value if key not in (_FILE, "with")), None)
        if stray is not None:
            self._faults.append((self._document.place((*steps, stray), key=True), "an object that is in a file has nothing here but with"))
            return None
        try:
            named = self._files.one(value[_FILE])
        except Broken as broken:
            self._faults += broken.faults
            return None
        except LookupError as error:
            self._fault((*steps, _FILE), str(error.args[0]))
            return None
        change = value.get("with")
        if change is None:
            return named
        if not isinstance(change, dict):
            self._fault((*steps, "with"), "it must be a mapping, which is merged into the object")
            return None
        return Manifest(merged(named.object, change), self._document, steps)

    def _bytes(self, name: str, steps: Steps) -> bytes:
        try:
            return self._files.path(name).read_bytes()
        except OSError as error:
            self._fault(steps, f'"{name}" cannot be read: {error.strerror}')
            return b""

    def _options(self, options: Mapping[str, Any]) -> Options:
        given = options.get("admissionConfiguration")
        configuration, folder = b"", Path()
        if isinstance(given, str):
            configuration = self._bytes(given, ("options", "admissionConfiguration"))
            folder = self._files.path(given).parent
        elif given is not None:
            configuration, folder = orjson.dumps(given), self._files.folder
        ca, keys = options.get("clientCA"), options.get("serviceAccountKeys") or ()
        return Options(
            enable=tuple(options.get("enableAdmissionPlugins") or ()),
            disable=tuple(options.get("disableAdmissionPlugins") or ()),
            configuration=configuration,
            folder=folder,
            gates=tuple((options.get("featureGates") or {}).items()),
            client_ca=self._bytes(ca, ("options", "clientCA")) if ca else b"",
            token_keys=tuple(self._bytes(key, ("options", "serviceAccountKeys", position)) for position, key in enumerate(keys)),
        )

    # cases

    def _cases(self, cases: list[Object], defaults: Object) -> Iterator[Case]:
        for position, case in enumerate(cases):
            steps: Steps = ("cases", position)
            rows = case.get("each")
            whole = merged(defaults, case) if defaults else case
            if rows is None:
                made = self._case(whole["name"], whole, steps)
                if made is not None:
                    yield made
                continue
            template = {key: value for key, value in whole.items() if key != "each"}
            for place, row in enumerate(rows):
                name = f"{template['name']}/{row.get('name') or place}"
                made = self._case(name, merged(template, row), (*steps, "each", place))
                if made is not None:
                    yield made

    def _case(self, name: str, case: Object, steps: Steps) -> Case | None:
        before = len(self._faults)
        expect = self._expectation(case.get("expect") or {}, (*steps, "expect"))
        who = self._identity(case.get("as", "admin"), (*steps, "as"))
        given, old, patch = case.get("object"), case.get("old"), case.get("patch")
        manifest = self._object(given, (*steps, "object")) if given is not None else None
        before_it = self._object(old, (*steps, "old")) if old is not None else None
        verb = case.get("verb") or _verb(case)
        if not verb:
            self._fault(steps, "what is asked is missing: an object, a patch, or a verb")
        if given is None and old is None and not case.get("resource") and not case.get("path"):
            self._fault(steps, "what it is about is missing: an object, a resource, or a path")
        if patch is not None and patch.keys() != {"type", "body"}:
            self._fault((*steps, "patch"), "a patch has a type and a body")
        world = case.get("world")
        fixtures = self._world(world, (*steps, "world")) if world else ()
        if len(self._faults) > before:
            return None
        assert expect is not None
        assert who is not None
        return Case(
            name=name,
            who=who,
            expect=expect,
            verb=verb,
            source=self._document,
            steps=steps,
            resource=case.get("resource") or "",
            path=case.get("path") or "",
            namespace=case.get("namespace"),
            resource_name=case.get("resourceName") or "",
            subresource=case.get("subresource") or "",
            object=manifest.object if manifest is not None else None,
            old=before_it,
            patch=(_PATCHES[patch["type"]], patch["body"]) if patch is not None else None,
            query=_query(case),
            world=fixtures,
            webhooks=_answers(case.get("webhooks") or {}),
        )

    def _expectation(self, expect: Object, steps: Steps) -> Expectation | None:
        """Equal ones are one, as of identities."""
        form = repr(expect)
        known = self._expected.get(form)
        if known is None:
            known = self._made_expectation(expect, steps)
            if known is not None:
                self._expected[form] = known
        return known

    def _made_expectation(self, expect: Object, steps: Steps) -> Expectation | None:
        allowed = expect.get("allowed")
        if allowed is None:
            self._fault(steps, 'field "allowed" is missing: say whether it is true or false')
            return None
        if allowed:
            wrong = [name for name in _OF_DENIALS if expect.get(name) is not None]
            if wrong:
                self._fault((*steps, wrong[0]), "it is of what is denied, and this is to be allowed")
                return None
        if expect.get("messageMatches") is not None:
            try:
                compiled(expect["messageMatches"])
            except CelError as error:
                self._fault((*steps, "messageMatches"), str(error))
                return None
        golden = expect.get("golden")
        return Expectation(
            allowed=allowed,
            stage=expect.get("stage"),
            plugin=expect.get("plugin"),
            policy=expect.get("policy"),
            binding=expect.get("binding"),
            validation=expect.get("validation"),
            webhook=expect.get("webhook"),
            code=expect.get("code"),
            reason=expect.get("reason"),
            message=expect.get("message"),
            message_contains=expect.get("messageContains"),
            message_matches=expect.get("messageMatches"),
            warnings=expect.get("warnings"),
            annotations=expect.get("auditAnnotations"),
            object=expect.get("object"),
            golden=self._files.path(golden) if golden else None,
            matched=expect.get("matched"),
        )

    def _identity(self, given: Any, steps: Steps) -> Identity | None:
        """Equal ones are one, so that what is found out of one is known of all."""
        if isinstance(given, str):
            found = _NAMED.get(given)
            if found is None:
                self._fault(steps, f'"{given}" is nobody that is known without a world: write "admin", "anonymous", or "{{user: {given}}}"')
            return found
        form = orjson.dumps(given)
        known = self._folded.get(form)
        if known is not None:
            return known
        made = self._made_identity(given, steps)
        if made is not None:
            self._folded[form] = made
        return made

    def _made_identity(self, given: Object, steps: Steps) -> Identity | None:
        named = [each for each in _WHO if given.get(each)]
        if len(named) != 1:
            self._fault(steps, f"it names {'several' if named else 'nobody'}: choose one of {', '.join(_WHO)}")
            return None
        (way,) = named
        stray = [each for each in ("groups", "uid", "extra") if given.get(each) and way != "user"]
        if stray:
            self._fault((*steps, stray[0]), f"{stray[0]} belongs to a user, a {way} has its own")
            return None
        impersonates = given.get("impersonate") or {}
        if impersonates and not impersonates.get("user"):
            self._fault((*steps, "impersonate"), "it names no user")
            return None
        if way == "kubeconfig":
            return self._of_kubeconfig(given[way], impersonates, (*steps, way))
        if way == "user":
            return Identity(user_of(given), impersonates=impersonates)
        namespace, slash, name = given[way].partition("/")
        if not (namespace and slash and name) or "/" in name:
            self._fault((*steps, way), f'"{given[way]}" names no service account: write it as namespace/name')
            return None
        return Identity(service_account=(namespace, name), impersonates=impersonates)

    def _of_kubeconfig(self, name: str, impersonates: Mapping[str, Any], steps: Steps) -> Identity | None:
        from cluster.client.kubeconfig import load

        try:
            return Identity(kubeconfig=load(self._files.path(name)), impersonates=impersonates)
        except OSError as error:
            self._fault(steps, f'"{error.filename or name}" cannot be read: {error.strerror}')
        except ValueError as error:
            self._fault(steps, str(error))
        return None

    def _check_names(self, suite: Suite) -> None:
        seen: set[str] = set()
        for case in suite.cases:
            if case.name in seen:
                self._faults.append((case.place, f'another case is named "{case.name}", too'))
            seen.add(case.name)


def user_of(given: Object) -> UserInfo:
    """The user that a mapping names."""
    extra = {key.lower(): tuple(values) for key, values in (given.get("extra") or {}).items()}
    return UserInfo(given["user"], given.get("uid") or "", tuple(given.get("groups") or ()), extra)


def merged(base: Object, change: Object) -> Object:
    """A new mapping: what both have as mappings is merged, of anything else the change's counts; null takes away."""
    if base.keys().isdisjoint(change) and None not in change.values():
        return {**base, **change}
    result = dict(base)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
            continue
        known = result.get(key)
        result[key] = merged(known, value) if type(known) is dict and type(value) is dict else value
    return result


def _verb(case: Object) -> str:
    """What is meant where it is not said."""
    if case.get("patch") is not None:
        return "patch"
    if case.get("object") is None:
        return ""
    return "create" if case.get("old") is None or case.get("subresource") in ("binding", "eviction") else "update"


def _query(case: Object) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for key, value in (case.get("query") or {}).items():
        pairs += [(key, each) for each in (value if isinstance(value, list) else [value])]
    if case.get("dryRun"):
        pairs.append(("dryRun", "All"))
    return tuple(pairs)


def _answers(given: Object) -> dict[str, Answer]:
    return {
        name: Answer(
            allowed=answer.get("allowed", True),
            status=answer.get("status"),
            patch=answer.get("patch") or (),
            warnings=answer.get("warnings") or (),
            annotations=answer.get("auditAnnotations") or {},
            fails=answer.get("fails") or "",
            live=answer.get("live", False),
        )
        for name, answer in given.items()
    }
