"""What may be written, as the configuration has it: which plugins run, and what they are configured with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from admission.chain import Chain
from admission.configuration import read_configuration
from admission.counting import UNCOUNTED, Counting
from admission.objects import Objects
from admission.order import Create, Dependencies, build_chain, check_names, read_only
from admission.pod_security.observer import UNOBSERVED, EvaluationObserver
from cluster.api.authorization import Authorizer
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import ChangeCallback, HttpCallers, Reader
from cluster.assembly.config import Config
from cluster.assembly.options import AdmissionOptions
from cluster.client.callers import Callers
from cluster.kinds.catalog import catalog
from cluster.schema.model import SchemaSet
from rbac.authz.union import UnionAuthorizer


class Admission(Struct, frozen=True):
    """What a chain is built from beside what it depends on."""

    options: AdmissionOptions
    gates: Mapping[str, bool]
    configurations: Mapping[str, Object]

    def dependencies(
        self,
        reader: Reader,
        authorizer: Authorizer,
        objects: Objects,
        callers: HttpCallers,
        create: Create = read_only,
        evaluations: EvaluationObserver = UNOBSERVED,
        counting: Counting = UNCOUNTED,
    ) -> Dependencies:
        return Dependencies(
            reader,
            authorizer,
            objects,
            callers,
            not_ready_toleration_seconds=self.options.default_not_ready_toleration_seconds,
            unreachable_toleration_seconds=self.options.default_unreachable_toleration_seconds,
            configurations=self.configurations,
            create=create,
            evaluations=evaluations,
            counting=counting,
        )

    def chain(self, dependencies: Dependencies) -> Chain:
        """ValueError for what a plugin can not be configured with."""
        options = self.options
        return build_chain(
            dependencies, enable=options.enable_admission_plugins, disable=options.disable_admission_plugins, gates=self.gates
        )


def admission(config: Config) -> Admission:
    """What the flags and their file say; ValueError."""
    options = config.admission
    gates = dict(_gate(each) for each in options.feature_gates)
    check_names(options.enable_admission_plugins, options.disable_admission_plugins, gates)
    path = options.admission_control_config_file
    return Admission(options, gates, read_configuration(Path(path)) if path else {})


def check_admission(config: Config) -> None:
    """ValueError where an API server could not be started with what the configuration says.

    Every plugin that is on is made, of a cluster that has no objects.
    """
    schemas = SchemaSet.for_version(config.kubernetes_version)
    objects = Objects(catalog(config.kubernetes_version, schemas.gvks()), schemas)
    made = admission(config)
    made.chain(made.dependencies(_Nothing(), UnionAuthorizer(()), objects, Callers()))


class _Nothing:
    """The Reader of a cluster that has no objects, and gets none."""

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:  # noqa: ARG002 - a Reader's signature
        return None

    def list(self, resource: GroupResource, namespace: str | None = None) -> Iterable[Object]:  # noqa: ARG002
        return ()

    def subscribe(self, resource: GroupResource, callback: ChangeCallback) -> None:
        """Calls back for nothing."""


def _gate(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if value.lower() not in ("true", "false"):
        raise ValueError(f'feature gate "{text}" is no gate: write it as Name=true or Name=false')
    return name, value.lower() == "true"
