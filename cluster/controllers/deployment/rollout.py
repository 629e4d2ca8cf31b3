"""One pass over one Deployment: what is to be made, scaled, deleted and written.  All effects go through Actions.

Upstream: `pkg/controller/deployment` (sync.go, rolling.go, recreate.go, rollback.go).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Final, Protocol

from cluster.api.errors import AlreadyExists, NotFound, StatusError
from cluster.api.names import Object
from cluster.client.events import NORMAL, WARNING
from cluster.client.status import has_cause
from cluster.controllers.deployment import revisions, scaling, status
from cluster.controllers.framework import Requeue
from cluster.controllers.objects import (
    Objects,
    annotations_of,
    being_deleted,
    condition,
    controlled_by,
    controller_reference,
    copied,
    name_of,
    namespace_of,
    pod_phase,
    uid_of,
)

API_VERSION: Final = "apps/v1"
KIND: Final = "Deployment"


class Actions(Protocol):
    """What a pass does to the cluster; each returns the object as it is then."""

    def create_replica_set(self, replica_set: Object) -> Object: ...
    def get_replica_set(self, namespace: str, name: str) -> Object: ...
    def update_replica_set(self, replica_set: Object) -> Object: ...
    def delete_replica_set(self, replica_set: Object) -> None: ...
    def update_deployment(self, deployment: Object) -> Object: ...
    def update_status(self, deployment: Object) -> Object: ...
    def event(self, deployment: Object, kind: str, reason: str, message: str) -> None: ...


class Rollout:
    """`deployment` is a copy of ours; `pods` are those of all its replica sets."""

    def __init__(
        self, deployment: Object, replica_sets: Objects, pods: Objects, actions: Actions, now: Callable[[], datetime.datetime]
    ) -> None:
        self.deployment = deployment
        self._pods = pods
        self._actions = actions
        self._now = now
        self._new, self._old = revisions.split(deployment, replica_sets)

    def run(self) -> None:
        """Raises Requeue where time alone may change something."""
        if being_deleted(self.deployment):
            self._find_new()
            self._write(self._calculated())
            return
        self._note_pause()
        if self.deployment["spec"].get("paused"):
            self._scale_only()
        elif revisions.ROLLBACK in annotations_of(self.deployment):
            self._roll_back()
        elif self._is_scaled():
            self._scale_only()
        elif scaling.is_rolling(self.deployment):
            self._roll()
        else:
            self._recreate()

    @property
    def _everything(self) -> Objects:
        return self._old + ([self._new] if self._new is not None else [])

    # Which replica set is new.

    def _find_new(self) -> None:
        """Numbers the new replica set where there is one, and copies its number to the deployment."""
        if self._new is None:
            return
        changed = copied(self._new)
        annotated = revisions.copy_annotations(self.deployment, changed)
        annotated = revisions.set_revision(changed, revisions.newest_revision(self._old) + 1) or annotated
        seconds = self.deployment["spec"].get("minReadySeconds") or 0
        if annotated or (changed["spec"].get("minReadySeconds") or 0) != seconds:
            changed["spec"]["minReadySeconds"] = seconds
            self._new = self._actions.update_replica_set(changed)
            return
        needs_update = self._set_own_revision(annotations_of(self._new).get(revisions.REVISION, ""))
        if scaling.has_deadline(self.deployment) and self._progressing() is None:
            self._progress("True", "FoundNewReplicaSet", f'Found new replica set "{name_of(self._new)}"')
            needs_update = True
        if needs_update:
            self._save_status()

    def _find_or_make_new(self) -> Object:
        if self._new is not None:
            self._find_new()
            return self._new
        number = revisions.newest_revision(self._old) + 1
        planned = self._planned(number)
        try:
            self._new = self._actions.create_replica_set(planned)
            existed = False
        except AlreadyExists:
            self._new = self._resolve_collision(planned)
            existed = True
        except StatusError as error:
            self._creation_failed(planned, error)
            raise
        name, size = name_of(self._new), scaling.wanted(planned)
        if not existed and size > 0:
            self._event(NORMAL, "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {size}")
        needs_update = self._set_own_revision(str(number))
        if not existed and scaling.has_deadline(self.deployment):
            self._progress("True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
            needs_update = True
        if needs_update:
            self._save_status()
        return self._new

    def _planned(self, number: int) -> Object:
        deployment, spec = self.deployment, self.deployment["spec"]
        template = copied(spec["template"])
        suffix = revisions.template_hash(template, status.status_of(deployment).get("collisionCount"))
        labels = (template.setdefault("metadata", {}).get("labels") or {}) | {revisions.HASH_LABEL: suffix}
        template["metadata"]["labels"] = labels
        selector = copied(spec["selector"])
        selector["matchLabels"] = (selector.get("matchLabels") or {}) | {revisions.HASH_LABEL: suffix}
        size = scaling.new_size(deployment, self._old, 0)
        planned: Object = {
            "apiVersion": API_VERSION,
            "kind": "ReplicaSet",
            "metadata": {
                "name": revisions.replica_set_name(name_of(deployment), suffix),
                "namespace": namespace_of(deployment),
                "labels": dict(labels),
                "ownerReferences": [controller_reference(deployment, API_VERSION, KIND)],
            },
            "spec": {"replicas": size, "selector": selector, "template": template},
        }
        if spec.get("minReadySeconds"):
            planned["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        revisions.copy_annotations(deployment, planned)
        revisions.set_revision(planned, number)
        revisions.set_sizes(planned, *self._sizes())
        return planned

    def _resolve_collision(self, planned: Object) -> Object:
        """The one that exists, where it is ours; else the next pass tries another hash."""
        found = self._actions.get_replica_set(namespace_of(planned), name_of(planned))
        template = self.deployment["spec"]["template"]
        if controlled_by(found, self.deployment) and revisions.same_template(found["spec"]["template"], template):
            return found
        changed = self.deployment.setdefault("status", {})
        changed["collisionCount"] = (changed.get("collisionCount") or 0) + 1
        self._save_status()
        raise AlreadyExists(f'replica set "{name_of(planned)}" is not of deployment "{name_of(self.deployment)}": another hash is tried')

    def _creation_failed(self, planned: Object, error: StatusError) -> None:
        if has_cause(error, "NamespaceTerminating"):
            return
        message = f'Failed to create new replica set "{name_of(planned)}": {error.message}'
        if scaling.has_deadline(self.deployment):
            self._progress("False", "ReplicaSetCreateError", message)
            self._save_status()
        self._event(WARNING, "ReplicaSetCreateError", message)

    # Scaling.

    def _is_scaled(self) -> bool:
        """Whether the deployment was given another size since its replica sets were."""
        self._find_new()
        sizes = (revisions.count_in(each, revisions.DESIRED) for each in scaling.active(self._everything))
        return any(size is not None and size != scaling.wanted(self.deployment) for size in sizes)

    def _scale_only(self) -> None:
        self._find_new()
        self._scale_all()
        if self.deployment["spec"].get("paused") and revisions.ROLLBACK not in annotations_of(self.deployment):
            self._clean_up()
        self._write(self._calculated())

    def _scale_all(self) -> None:
        only = scaling.active_or_latest(self._new, self._old)
        if only is not None:
            self._scale(only, scaling.wanted(self.deployment))
        elif scaling.saturated(self.deployment, self._new):
            for each in scaling.active(self._old):
                self._scale(each, 0)
        elif scaling.is_rolling(self.deployment):
            for each, size in scaling.proportions(self.deployment, scaling.active(self._everything)):
                self._scale(each, size, force=True)

    def _scale(self, replica_set: Object, size: int, *, force: bool = False) -> bool:
        """Whether its size was changed; with `force` its annotations are brought up to date even where the size is right."""
        before = scaling.wanted(replica_set)
        if before == size and not force:
            return False
        changed = copied(replica_set)
        changed["spec"]["replicas"] = size
        if not revisions.set_sizes(changed, *self._sizes()) and before == size:
            return False
        self._replace(self._actions.update_replica_set(changed))
        if before == size:
            return False
        direction = "up" if before < size else "down"
        self._event(NORMAL, "ScalingReplicaSet", f"Scaled {direction} replica set {name_of(replica_set)} from {before} to {size}")
        return True

    def _replace(self, fresh: Object) -> None:
        if self._new is not None and uid_of(self._new) == uid_of(fresh):
            self._new = fresh
        self._old = [fresh if uid_of(each) == uid_of(fresh) else each for each in self._old]

    # Rolling update.

    def _roll(self) -> None:
        new = self._find_or_make_new()
        if self._grow_new(new) or self._shrink_old():
            self._finish()
            return
        if status.complete(self.deployment, status.status_of(self.deployment)):
            self._clean_up()
        self._finish()

    def _grow_new(self, new: Object) -> bool:
        desired = scaling.wanted(self.deployment)
        if scaling.wanted(new) > desired:
            return self._scale(new, desired)
        return self._scale(new, scaling.new_size(self.deployment, self._everything, scaling.wanted(new)))

    def _shrink_old(self) -> bool:
        assert self._new is not None
        if scaling.total(self._old) == 0:
            return False
        least = scaling.wanted(self.deployment) - scaling.max_unavailable(self.deployment)
        new_unavailable = scaling.wanted(self._new) - scaling.reported(self._new, "availableReplicas")
        most = scaling.total(self._everything) - least - new_unavailable
        if most <= 0:
            return False
        unhealthy = self._shrink_unhealthy(most)
        return self._shrink_healthy(scaling.available(self._everything) - least) + unhealthy > 0

    def _shrink_unhealthy(self, most: int) -> int:
        """What isn't available can go without making it worse, and would block the rollout."""
        gone = 0
        for each in scaling.active(self._old):
            count = min(most - gone, scaling.wanted(each) - scaling.reported(each, "availableReplicas"))
            if count > 0:
                self._scale(each, scaling.wanted(each) - count)
                gone += count
        return gone

    def _shrink_healthy(self, most: int) -> int:
        gone = 0
        for each in scaling.active(self._old):
            count = min(scaling.wanted(each), most - gone)
            if count > 0:
                self._scale(each, scaling.wanted(each) - count)
                gone += count
        return gone

    # Recreate.

    def _recreate(self) -> None:
        self._find_new()
        scaled = [self._scale(each, 0) for each in scaling.active(self._old)]
        if any(scaled) or self._old_pods_run():
            self._finish()
            return
        self._scale(self._find_or_make_new(), scaling.wanted(self.deployment))
        if status.complete(self.deployment, status.status_of(self.deployment)):
            self._clean_up()
        self._finish()

    def _old_pods_run(self) -> bool:
        if any(scaling.reported(each) for each in self._old):
            return True
        return any(
            pod_phase(pod) not in ("Failed", "Succeeded") and not (self._new is not None and controlled_by(pod, self._new))
            for pod in self._pods
        )

    # Rollback, as `apps/v1beta1` asked for it.

    def _roll_back(self) -> None:
        self._find_or_make_new()
        deployment, text = self.deployment, annotations_of(self.deployment)[revisions.ROLLBACK]
        target = int(text) if text.isdigit() else 0
        if target == 0:
            target = revisions.last_revision(self._everything)
            if target == 0:
                self._event(WARNING, "DeploymentRollbackRevisionNotFound", "Unable to find last revision.")
                self._end_rollback()
                return
        found = next((each for each in self._everything if revisions.revision(each) == target), None)
        if found is None:
            self._event(WARNING, "DeploymentRollbackRevisionNotFound", "Unable to find the revision to rollback to.")
            self._end_rollback()
        elif revisions.same_template(found["spec"]["template"], deployment["spec"]["template"]):
            message = f'The rollback revision contains the same template as current deployment "{name_of(deployment)}"'
            self._event(WARNING, "DeploymentRollbackTemplateUnchanged", message)
            self._end_rollback()
        else:
            deployment["spec"]["template"] = copied(found["spec"]["template"])
            ((deployment["spec"]["template"].get("metadata") or {}).get("labels") or {}).pop(revisions.HASH_LABEL, None)
            revisions.restore_annotations(deployment, found)
            self._end_rollback()
            self._event(NORMAL, "DeploymentRollback", f'Rolled back deployment "{name_of(deployment)}" to revision {target}')

    def _end_rollback(self) -> None:
        annotations_of(self.deployment).pop(revisions.ROLLBACK, None)
        self._actions.update_deployment(self.deployment)

    # Clean-up and status.

    def _clean_up(self) -> None:
        limit = scaling.history_limit(self.deployment)
        alive = [each for each in self._old if not being_deleted(each)]
        if limit is None or len(alive) <= limit:
            return
        alive.sort(key=lambda each: (revisions.revision(each) or 0, *revisions.by_age(each)))
        for each in alive[: len(alive) - limit]:
            observed = scaling.reported(each, "observedGeneration") >= (each["metadata"].get("generation") or 0)
            if scaling.reported(each) or scaling.wanted(each) or not observed:
                continue
            try:
                self._actions.delete_replica_set(each)
            except NotFound:
                continue

    def _note_pause(self) -> None:
        """While it is paused the deadline doesn't run."""
        current = self._progressing()
        if not scaling.has_deadline(self.deployment) or (current is not None and current.get("reason") == status.TIMED_OUT):
            return
        paused = bool(self.deployment["spec"].get("paused"))
        noted = current is not None and current.get("reason") == status.PAUSED
        if paused and not noted:
            self._progress("Unknown", status.PAUSED, "Deployment is paused")
        elif noted and not paused:
            self._progress("Unknown", "DeploymentResumed", "Deployment is resumed")
        else:
            return
        self._save_status()

    def _finish(self) -> None:
        made = status.of_rollout(self.deployment, self._everything, self._new, self._now())
        if not self._write(made):
            again = status.check_again_in(self.deployment, made, self._now())
            if again is not None:
                raise Requeue(again)

    def _calculated(self) -> Object:
        return status.calculate(self.deployment, self._everything, self._new, self._now())

    def _write(self, made: Object) -> bool:
        if made == status.status_of(self.deployment):
            return False
        self.deployment["status"] = made
        self._save_status()
        return True

    def _save_status(self) -> None:
        """Keeps our copy current, so that later writes of this pass don't conflict with this one."""
        fresh = self._actions.update_status(self.deployment)
        self.deployment["metadata"] = fresh["metadata"]
        self.deployment["status"] = fresh.get("status") or {}

    def _set_own_revision(self, number: str) -> bool:
        annotations = annotations_of(self.deployment)
        if annotations.get(revisions.REVISION) == number:
            return False
        self.deployment["metadata"]["annotations"] = annotations | {revisions.REVISION: number}
        return True

    def _progressing(self) -> Object | None:
        return condition(status.status_of(self.deployment).get("conditions"), status.PROGRESSING)

    def _progress(self, value: str, reason: str, message: str) -> None:
        changed = self.deployment.setdefault("status", {})
        status.set_condition(changed, status.PROGRESSING, value, reason, message, self._now())

    def _sizes(self) -> tuple[int, int]:
        desired = scaling.wanted(self.deployment)
        return desired, desired + scaling.max_surge(self.deployment)

    def _event(self, kind: str, reason: str, message: str) -> None:
        self._actions.event(self.deployment, kind, reason, message)
