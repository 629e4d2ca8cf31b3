"""Makes the JSON beside each YAML of default roles: `python -m rbac.bootstrap.generate`."""

from __future__ import annotations

from pathlib import Path

import orjson
import yaml

from rbac.bootstrap.defaults import SOURCES


def generate(source: Path) -> bytes:
    """The JSON that belongs to a YAML."""
    objects = [each for each in yaml.load_all(source.read_bytes(), Loader=yaml.CSafeLoader) if each]
    return orjson.dumps(objects)


if __name__ == "__main__":
    for each in SOURCES:
        each.with_suffix(".json").write_bytes(generate(each))
