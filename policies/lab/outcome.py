"""What became of a request: allowed or denied, where on its way, by whom, and with which words."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any, Final

import orjson
from msgspec import Struct, field

from admission.chain import DECISION, PLUGIN, REASON
from admission.observer import Judgement
from cluster.server.context import NOBODY, Context
from cluster.server.response import Response
from cluster.server.responses import bounded
from rbac.audit.model import DECISION as AUTHORIZATION_DECISION
from rbac.audit.model import REASON as AUTHORIZATION_REASON

AUTHENTICATION: Final = "authentication"
RBAC: Final = "rbac"
DECODING: Final = "decoding"
ADMISSION: Final = "admission"
VALIDATION: Final = "validation"
STORAGE: Final = "storage"
_STORED: Final = frozenset({"NotFound", "AlreadyExists", "Conflict", "Expired", "Gone"})
_outcome: Final = attrgetter("outcome")
_POLICY: Final = re.compile(r"(?:AdmissionPolicy|policy) '([^']*)'(?: with binding '([^']*)')? denied request: ")
_WEBHOOK: Final = re.compile(r'webhook "([^"]+)"')
_DENYING: Final = frozenset({"false", "error", "called"})
VALIDATING_POLICY: Final = "ValidatingAdmissionPolicy"
MUTATING_POLICY: Final = "MutatingAdmissionPolicy"
_BOOKKEEPING: Final = "admission.berth.io/"
_OWN: Final = "authorization.k8s.io/"
_USUAL: Final = frozenset({DECISION, PLUGIN, REASON, AUTHORIZATION_DECISION, AUTHORIZATION_REASON})
"""Annotations that are there of nearly every request, all of them the server's own."""
_NONE: Final[Mapping[str, str]] = {}


class Outcome(Struct, frozen=True):
    """`part` is the part of the policy that denies: `validations[0]`; `internal` says that the chain itself failed."""

    code: int
    stage: str = ""
    plugin: str = ""
    policy: str = ""
    binding: str = ""
    part: str = ""
    webhook: str = ""
    reason: str = ""
    message: str = ""
    warnings: Sequence[str] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    judgements: Sequence[Judgement] = ()
    body: bytes = b""
    internal: bool = False

    @property
    def allowed(self) -> bool:
        return self.code < 400

    def object(self) -> Any:
        """What was answered: the object, or the Status that says why there is none."""
        return _decoded(self.body)


@functools.lru_cache(maxsize=1)
def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def outcome_of(context: Context, response: Response, judgements: Sequence[Judgement]) -> Outcome:
    code = response.status_code
    body = _body(response)
    warnings = bounded(context.warnings) if context.warnings else ()
    annotations = _NONE if context.annotations.keys() <= _USUAL else _foreign(context.annotations)
    if code < 400:
        return Outcome(code, warnings=warnings, annotations=annotations, judgements=judgements, body=body)
    status = _decoded(body)
    if not isinstance(status, dict):
        status = {"message": str(status)}
    reason, message = status.get("reason") or "", status.get("message") or ""
    stage = _stage(context, code, reason)
    plugin = context.annotations.get(PLUGIN, "") if stage == ADMISSION else ""
    blamed = _blamed(plugin, message, judgements) if plugin else {}
    internal = code >= 500 and not plugin
    return Outcome(
        code,
        stage,
        plugin,
        reason=reason,
        message=message,
        warnings=warnings,
        annotations=annotations,
        judgements=judgements,
        body=body,
        internal=internal,
        **blamed,
    )


def _foreign(annotations: Mapping[str, str]) -> Mapping[str, str]:
    return {key: value for key, value in annotations.items() if not key.startswith((_BOOKKEEPING, _OWN))}


def _body(response: Response) -> bytes:
    """A stream is not read: what it would bring is nobody's question."""
    parts = response.response
    if isinstance(parts, list):
        return b"".join(parts)
    response.close()
    return b""


def _stage(context: Context, code: int, reason: str) -> str:
    if context.requester is NOBODY:
        return AUTHENTICATION if code == 401 else DECODING
    verdict = context.verdict
    if verdict is None:
        return RBAC if code == 403 else DECODING
    if not verdict.allowed:
        return RBAC
    decision = context.annotations.get(DECISION)
    if decision == "deny":
        return ADMISSION
    if decision == "allow" or reason in _STORED:
        return STORAGE
    if reason == "Invalid":
        return VALIDATION
    return RBAC if code == 403 else DECODING


def _blamed(plugin: str, message: str, judgements: Sequence[Judgement]) -> dict[str, str]:
    """Which policy, binding, part and webhook of a plugin it was, as far as the plugin has such."""
    denying = compress(judgements, map(_DENYING.__contains__, map(_outcome, judgements)))  # few of many, found without a loop
    own = [each for each in denying if each.plugin == plugin]
    if plugin in (VALIDATING_POLICY, MUTATING_POLICY):
        found = _POLICY.search(message)
        if found is None:
            return {}
        policy, binding = found[1], found[2] or ""
        return {"policy": policy, "binding": binding, "part": _part(policy, binding, message, own)}
    if plugin.endswith("Webhook"):
        named = _WEBHOOK.search(message)
        last = own[-1] if own else None
        webhook = {"webhook": named[1]} if named else {}
        return webhook | ({"policy": last.policy, "part": last.part} if last is not None else {})
    for each in own:
        return {"policy": each.policy, "part": each.part}
    return {}


def _part(policy: str, binding: str, message: str, judgements: Sequence[Judgement]) -> str:
    """The first part that could have led to the denial: it does not hold, or the message tells of its error."""
    for each in judgements:
        if each.policy == policy and each.binding == binding and (each.outcome == "false" or (each.message and each.message in message)):
            if each.part.startswith("matchConditions") and each.outcome == "false":
                continue
            return each.part
    return ""
