"""The schemas of each version."""

import subprocess
import sys

import pytest

from cluster.schema.model import SchemaSet, versions


def test_every_minor_from_1_25_on_has_schemas() -> None:
    assert versions()[0] == "1.25"
    assert "1.36" in versions()


@pytest.mark.parametrize("version", versions())
def test_every_version_loads(version: str) -> None:
    schemas = SchemaSet.for_version(version)
    assert schemas.gvk("", "v1", "Pod") == "io.k8s.api.core.v1.Pod"
    assert schemas.gvk("apps", "v1", "Nothing") is None
    assert schemas.definition("io.k8s.api.core.v1.ContainerPort")["properties"]["hostPort"] == {"format": "int32", "type": "integer"}


def test_every_default_belongs_to_a_property() -> None:
    schemas = SchemaSet.for_version("1.36")
    for name in schemas.names():
        assert schemas.declared_defaults(name).keys() <= schemas.definition(name).get("properties", {}).keys()


def test_an_unknown_version_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r'no schemas of Kubernetes "1.7": choose one of 1.25, 1.26'):
        SchemaSet.for_version("1.7")


def test_descriptions_are_read_only_when_asked_for() -> None:
    schemas = SchemaSet.for_version("1.36")
    assert "description" not in schemas.definition("io.k8s.api.core.v1.Pod")
    assert schemas.described()["io.k8s.api.core.v1.Pod"]["description"].startswith("Pod is a collection of containers")


def test_the_package_that_has_the_data_is_not_imported() -> None:
    program = "import sys; from cluster.schema.model import SchemaSet; SchemaSet.for_version(); print('kubernetes_validate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
