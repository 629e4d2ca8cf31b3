"""The rules for names and metadata, and their words."""

import pytest

from cluster.api import validation as v

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
KEY = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or "
    "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


@pytest.mark.parametrize(
    ("check", "value", "messages"),
    [
        (v.is_dns1123_label, "web-1", []),
        (v.is_dns1123_label, "Web", [LABEL]),
        (v.is_dns1123_label, "a.b", ["must not contain dots"]),
        (v.is_dns1123_label, "a" * 64, ["must be no more than 63 characters"]),
        (v.is_dns1123_label, "a\n", [LABEL]),
        (v.is_dns1123_subdomain, "a.b-c.d", []),
        (v.is_dns1123_subdomain, "a" * 254, ["must be no more than 253 characters"]),
        (v.is_dns1035_label, "a1", []),
        (v.is_qualified_name, "example.com/Name", []),
        (v.is_qualified_name, "/Name", ["prefix part must be non-empty"]),
        (v.is_qualified_name, "a/", ["name part must be non-empty", "name part " + KEY]),
        (v.is_qualified_name, "a" * 64, ["name part must be no more than 63 bytes"]),
        (
            v.is_qualified_name,
            "a/b/c",
            [f"a valid label key {KEY} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"],
        ),
        (v.is_valid_label_value, "", []),
        (v.is_valid_label_value, "x" * 64, ["must be no more than 63 bytes"]),
        (v.is_config_map_key, "a.b_c-D", []),
        (v.is_config_map_key, "..", ["must not be '..'"]),
        (v.is_config_map_key, "..a", ["must not start with '..'"]),
        (v.is_env_var_name, "a b-c.d", []),
        (v.is_env_var_name, "", ["environment variable name must be non-empty"]),
        (v.is_env_var_name, "a=b", ["a valid environment variable name must consist only of printable ASCII characters other than '='"]),
        (v.is_valid_ip, "10.9.8.7", []),
        (v.is_valid_ip, "fe80:0::1", []),
        (v.is_valid_ip, "10.09.8.7", ["must not have leading 0s"]),
        (v.is_valid_ip, "::ffff:1.2.3.4", ["must not be an IPv4-mapped IPv6 address"]),
        (v.is_valid_ip, "x", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]),
        (v.is_valid_ip, "fe80::1%eth0", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]),
        (v.is_valid_port_name, "http-1", []),
        (v.is_valid_port_name, "1", ["must contain at least one letter (a-z)"]),
        (v.is_valid_port_name, "a--b", ["must not contain consecutive hyphens"]),
        (v.is_valid_port_name, "-a", ["must not begin or end with a hyphen"]),
        (v.is_valid_port_num, 0, ["must be between 1 and 65535, inclusive"]),
    ],
)
def test_values(check, value, messages) -> None:
    assert check(value) == messages


@pytest.mark.parametrize(
    ("rule", "name", "prefix", "valid"),
    [
        (v.name_is_dns_subdomain, "a.b", False, True),
        (v.name_is_dns_subdomain, "web-", True, True),
        (v.name_is_dns_subdomain, "web-", False, False),
        (v.name_is_dns_subdomain, "é-", True, False),
        (v.name_is_dns_label, "a.b", False, False),
        (v.name_is_dns1035_label, "1a", False, False),
        (v.path_segment_name, "system:node", False, True),
        (v.path_segment_name, "..", False, False),
        (v.path_segment_name, "..", True, True),
        (v.path_segment_name, "a/b", False, False),
    ],
)
def test_name_rules(rule, name, prefix, valid) -> None:
    assert (rule(name, prefix) == []) is valid


def shown(errors) -> list[str]:
    return [str(error) for error in errors]


@pytest.mark.parametrize(
    ("metadata", "namespaced", "errors"),
    [
        ({"name": "a", "namespace": "dev"}, True, []),
        ({"namespace": "dev"}, True, ["metadata.name: Required value: name or generateName is required"]),
        ({"name": "a"}, True, ["metadata.namespace: Required value"]),
        ({"name": "a", "namespace": "dev"}, False, ["metadata.namespace: Forbidden: not allowed on this type"]),
        ({"name": "a", "generation": -1}, False, ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]),
        ({"name": "a", "labels": {"x": "a b"}}, False, [f'metadata.labels: Invalid value: "a b": {v.is_valid_label_value("a b")[0]}']),
        ({"name": "a", "annotations": {"UPPER": "any thing"}}, False, []),
        ({"name": "a", "annotations": {"k": "x" * 262144}}, False, ["metadata.annotations: Too long: may not be more than 262144 bytes"]),
        (
            {"name": "a", "finalizers": ["orphan", "foregroundDeletion"]},
            False,
            [
                'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: '
                "finalizer orphan and foregroundDeletion cannot be both set"
            ],
        ),
        (
            {"name": "a", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}]},
            False,
            ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
        ),
    ],
)
def test_metadata_on_creation(metadata, namespaced, errors) -> None:
    assert shown(v.validate_object_meta(metadata, namespaced, v.name_is_dns_subdomain)) == errors


def test_only_one_owner_is_the_controller() -> None:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": True}
    (error,) = v.validate_owner_references([owner, owner | {"name": "q"}], "metadata.ownerReferences")
    assert error.detail == 'Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q'


OLD = {"name": "a", "namespace": "dev", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 2, "resourceVersion": "7"}


@pytest.mark.parametrize(
    ("old", "change", "errors"),
    [
        ({}, {}, []),
        ({}, {"labels": {"a": "b"}}, []),
        ({}, {"name": "b"}, ['metadata.name: Invalid value: "b": field is immutable']),
        ({}, {"uid": "w"}, ['metadata.uid: Invalid value: "w": field is immutable']),
        ({}, {"resourceVersion": ""}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']),
        ({}, {"generation": 1}, ["metadata.generation: Invalid value: 1: must not be decremented"]),
        ({"deletionTimestamp": "x", "finalizers": ["a/b"]}, {"deletionTimestamp": "x", "finalizers": []}, []),
        (
            {"deletionTimestamp": "x"},
            {"deletionTimestamp": "x", "finalizers": ["c/d"]},
            [
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
                'found new finalizers []string{"c/d"}'
            ],
        ),
    ],
)
def test_metadata_on_update(old, change, errors) -> None:
    assert shown(v.validate_object_meta_update(OLD | change, OLD | old)) == errors


@pytest.mark.parametrize(
    ("selector", "errors"),
    [
        (None, []),
        ({"matchLabels": {"a": "b"}}, []),
        (
            {"matchExpressions": [{"key": "a", "operator": "In"}]},
            ["s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"],
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
            ["s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"],
        ),
        (
            {"matchExpressions": [{"key": "a", "operator": "Is"}]},
            ['s.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator'],
        ),
    ],
)
def test_label_selectors(selector, errors) -> None:
    assert shown(v.validate_label_selector(selector, "s")) == errors
