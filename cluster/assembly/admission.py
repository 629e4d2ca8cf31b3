"""What may be written, as the configuration has it: which plugins run, and what they are configured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from admission.chain import Chain
from admission.configuration import read_configuration
from admission.order import Dependencies, build_chain, check_names
from cluster.api.names import Object
from cluster.assembly.config import Config


@dataclass(frozen=True, slots=True)
class Admission:
    """What a chain is built from beside what it depends on."""

    enable: tuple[str, ...]
    disable: tuple[str, ...]
    gates: Mapping[str, bool]
    configurations: Mapping[str, Object]

    def chain(self, dependencies: Dependencies) -> Chain:
        return build_chain(dependencies, enable=self.enable, disable=self.disable, gates=self.gates)


def admission(config: Config) -> Admission:
    """What the flags and their file say; ValueError."""
    options = config.admission
    gates = dict(_gate(each) for each in options.feature_gates)
    check_names(options.enable_admission_plugins, options.disable_admission_plugins, gates)
    path = options.admission_control_config_file
    configurations = read_configuration(Path(path)) if path else {}
    return Admission(options.enable_admission_plugins, options.disable_admission_plugins, gates, configurations)


def _gate(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if value.lower() not in ("true", "false"):
        raise ValueError(f'feature gate "{text}" is no gate: write it as Name=true or Name=false')
    return name, value.lower() == "true"
