"""Who may change which part of a resource claim's status: binding it, and telling of its devices, are rights of their own.

Upstream: `pkg/registry/resource/utils.go` (DRAResourceClaimGranularStatusAuthorization, on since 1.36).
"""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.user import split_service_account
from cluster.kinds.checks import status_of, value_of
from cluster.kinds.model import Asker

_NODE_NAME: Final = "authentication.kubernetes.io/node-name"


def authorize_status(claim: Object, old: Object, asker: Asker) -> list[FieldError]:
    """A scheduler needs `resourceclaims/binding`; a driver needs `resourceclaims/driver` of its name, for its own node or any."""
    now, before = status_of(claim), status_of(old)
    errors: list[FieldError] = []
    if any(now.get(part) != before.get(part) for part in ("allocation", "reservedFor")):
        why = asker.refusal(asker.verb, "binding", "", "")
        if why:
            needs = f'changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="{asker.verb}"'
            errors.append(field.forbidden("status.allocation", f"{needs} permission: {why}"))
    if now.get("allocation") is not None:
        errors += _devices(now, before, asker)
    return errors


def _devices(now: Object, before: Object, asker: Asker) -> list[FieldError]:
    verbs = [f"arbitrary-node:{asker.verb}"]
    if _is_on_node(asker, _node(now.get("allocation") or {})):
        verbs.insert(0, f"associated-node:{asker.verb}")
    errors: list[FieldError] = []
    for driver in sorted(_changed_drivers(now, before)):
        refusals = [asker.refusal(verb, "driver", asker.namespace, driver) for verb in verbs]
        if all(refusals):
            needs = f'changing status.devices requires resource="resourceclaims/driver", verb="[{" ".join(verbs)}]"'
            errors.append(field.forbidden("status.devices", f"{needs} permission: {refusals[0]}"))
    return errors


def device_key(device: Object) -> tuple[str, ...]:
    """What tells one allocated device, or one share of it, from others."""
    return tuple(str(device.get(part) or "") for part in ("driver", "pool", "device", "shareID"))


def _changed_drivers(now: Object, before: Object) -> set[str]:
    """The drivers of devices of which something else is told than before."""
    new, old = ({device_key(each): each for each in status.get("devices") or ()} for status in (now, before))
    return {key[0] for key in new.keys() | old.keys() if new.get(key) != old.get(key)}


def _node(allocation: Object) -> str:
    """The one node that an allocation is for; empty where it is for several, or says it in another way."""
    terms = value_of(allocation, "nodeSelector", "nodeSelectorTerms") or []
    if len(terms) != 1 or terms[0].get("matchExpressions") or len(terms[0].get("matchFields") or ()) != 1:
        return ""
    match = terms[0]["matchFields"][0]
    values = match.get("values") or []
    return str(values[0]) if match.get("key") == "metadata.name" and match.get("operator") == "In" and len(values) == 1 else ""


def _is_on_node(asker: Asker, node: str) -> bool:
    return bool(node) and split_service_account(asker.user.name) is not None and asker.user.extra.get(_NODE_NAME) == (node,)
