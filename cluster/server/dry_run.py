"""What admission would say to a write: the real way of a create or update as a dry run, and who refused it."""

from __future__ import annotations

from typing import Final

import orjson

from admission.attributes import Operation
from admission.chain import PLUGIN
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Authorizer
from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.kinds.model import Kind
from cluster.registry import create
from cluster.registry import update as updating
from cluster.registry.metadata import match_name
from cluster.registry.registry import STRICT, Call, Registry

VERBS: Final = ("create", "update")
_STEPS: Final = {400: "decoding", 403: "escalation", 404: "storage", 409: "storage", 422: "validation"}
"""What refused a write that no plugin refused, by the answer's code."""


def dry_run(registry: Registry, authorizer: Authorizer, kind: Kind, question: Question, sent: Object) -> Object:
    """`status.admission` of an AccessExplanation: whether all passed, or which plugin or later step refused, and its words."""
    verb = question.verb
    options = {"kind": f"{verb.capitalize()}Options", "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"]}
    call = Call(question.user, options, dry_run=True, field_validation=STRICT, authorizer=authorizer)
    namespace = question.namespace if kind.namespaced else ""
    status: Object = {"passed": True}
    try:
        obj = registry.decode(call, kind.gvk, sent)
        if verb == "create":
            create.create(registry, call, kind, namespace, obj)
        else:
            match_name(obj, question.name)
            updating.update(registry, call, updating.Target(kind, namespace, question.name), lambda _: orjson.loads(orjson.dumps(obj)))
    except StatusError as error:
        status = {"passed": False, "code": error.code, "reason": error.reason, "message": error.message}
        plugin = call.annotations.get(PLUGIN)
        status |= {"plugin": plugin, "step": "plugin"} if plugin else {"step": _STEPS.get(error.code, "storage")}
    else:
        operation = Operation.CREATE if verb == "create" else Operation.UPDATE
        status["plugins"] = [plugin.name for plugin in registry.admission.plugins if plugin.handles(operation)]
    return status | ({"warnings": call.warnings} if call.warnings else {})
