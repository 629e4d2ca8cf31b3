"""Which replica set is the new one, which are old, and the annotations that number them.

Upstream: `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

import hashlib
from typing import Final

import orjson

from cluster.api.names import Object
from cluster.controllers.objects import Objects, annotations_of, copied, created_at, name_of, uid_of, without_empty

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
HISTORY: Final = "deployment.kubernetes.io/revision-history"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAX: Final = "deployment.kubernetes.io/max-replicas"
ROLLBACK: Final = "deprecated.deployment.rollback.to"
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_NOT_COPIED: Final = frozenset({_LAST_APPLIED, REVISION, HISTORY, DESIRED, MAX, ROLLBACK})
_HISTORY_LENGTH: Final = 2000
_SAFE: Final = "bcdfghjklmnpqrstvwxz2456789"
_LONGEST_NAME: Final = 253


def template_hash(template: Object, collisions: int | None) -> str:
    """Stable for equal templates, of letters that form no words; another one for each collision counted."""
    data = orjson.dumps([without_empty(template), collisions], option=orjson.OPT_SORT_KEYS)
    number = int.from_bytes(hashlib.sha256(data).digest()[:4], "big")
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(number))


def replica_set_name(deployment: str, suffix: str) -> str:
    return f"{deployment[: _LONGEST_NAME - 1 - len(suffix)]}-{suffix}"


def same_template(one: Object, other: Object) -> bool:
    """Whether they are equal but for the hash label."""
    return bool(_plain(one) == _plain(other))


def _plain(template: Object) -> Object:
    plain = copied(template)
    ((plain.get("metadata") or {}).get("labels") or {}).pop(HASH_LABEL, None)
    made: Object = without_empty(plain)
    return made


def split(deployment: Object, replica_sets: Objects) -> tuple[Object | None, Objects]:
    """(the new replica set, the old ones), oldest first; of several that fit the oldest is the new one."""
    template = deployment["spec"]["template"]
    ordered = sorted(replica_sets, key=by_age)
    new = next((each for each in ordered if same_template(each["spec"]["template"], template)), None)
    return new, [each for each in ordered if new is None or uid_of(each) != uid_of(new)]


def by_age(obj: Object) -> tuple[str, str]:
    return created_at(obj), name_of(obj)


def revision(obj: Object) -> int | None:
    """0 where it has none; None where it is no number."""
    try:
        return int(annotations_of(obj).get(REVISION, "0"))
    except ValueError:
        return None


def newest_revision(replica_sets: Objects) -> int:
    return max((revision(each) or 0 for each in replica_sets), default=0)


def last_revision(replica_sets: Objects) -> int:
    """The second highest: what a rollback to 0 goes back to."""
    numbers = sorted((number for each in replica_sets if (number := revision(each)) is not None), reverse=True)
    return numbers[1] if len(numbers) > 1 else 0


def count_in(replica_set: Object, annotation: str) -> int | None:
    """A number of replicas that an annotation holds; None where it holds none."""
    text = annotations_of(replica_set).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**31 else None


def set_sizes(replica_set: Object, desired: int, most: int) -> bool:
    """Writes the two size annotations; whether that changed anything."""
    return _annotate(replica_set, {DESIRED: str(desired), MAX: str(most)})


def copy_annotations(deployment: Object, replica_set: Object) -> bool:
    """From the deployment, all but those that have a meaning of their own."""
    return _annotate(replica_set, {key: value for key, value in annotations_of(deployment).items() if key not in _NOT_COPIED})


def restore_annotations(deployment: Object, replica_set: Object) -> None:
    """The deployment's annotations become those that the replica set was made with, on rollback."""
    own = {key: value for key, value in annotations_of(deployment).items() if key in _NOT_COPIED}
    kept = {key: value for key, value in annotations_of(replica_set).items() if key not in _NOT_COPIED}
    deployment["metadata"]["annotations"] = own | kept


def set_revision(replica_set: Object, new: int) -> bool:
    """Raises the revision to `new`, keeping the one that it had in the history; whether that changed anything."""
    annotations = annotations_of(replica_set)
    old = annotations.get(REVISION)
    number = revision(replica_set)
    if number is None or number >= new:
        return False
    changed = {REVISION: str(new)}
    if old is not None:
        changed |= _history(annotations.get(HISTORY, ""), old)
    return _annotate(replica_set, changed)


def _history(history: str, old: str) -> dict[str, str]:
    revisions = [*history.split(","), old] if history else [old]
    while len(",".join(revisions)) > _HISTORY_LENGTH and len(revisions) > 1:
        revisions.pop(0)
    return {HISTORY: ",".join(revisions)}


def _annotate(obj: Object, wanted: dict[str, str]) -> bool:
    annotations = annotations_of(obj)
    if wanted.items() <= annotations.items():
        return False
    obj["metadata"]["annotations"] = annotations | wanted
    return True
