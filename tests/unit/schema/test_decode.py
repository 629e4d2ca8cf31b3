"""Decoding: pruning, canonical values, defaults, and the words of refusals."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.errors import BadRequest
from cluster.api.meta import deep_copy
from cluster.api.names import GroupVersionKind
from cluster.schema.decode import decoder
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version("1.36")
POD = decoder(SCHEMAS, GroupVersionKind("", "v1", "Pod"))
DEPLOYMENT = decoder(SCHEMAS, GroupVersionKind("apps", "v1", "Deployment"))
SECRET = decoder(SCHEMAS, GroupVersionKind("", "v1", "Secret"))
LEASE = decoder(SCHEMAS, GroupVersionKind("coordination.k8s.io", "v1", "Lease"))


def spec_of(**spec: Any) -> Any:
    return POD.decode({"spec": spec}).object["spec"]


def container(**more: Any) -> Any:
    return spec_of(containers=[{"name": "a", **more}])["containers"][0]


def test_identity_is_filled_in() -> None:
    decoded = POD.decode({"metadata": {"name": "a"}}).object
    assert (decoded["kind"], decoded["apiVersion"], decoded["metadata"]) == ("Pod", "v1", {"name": "a"})


def test_what_the_api_always_writes_is_filled_in() -> None:
    decoded = DEPLOYMENT.decode({"spec": {}}).object
    assert decoded["spec"] == {"strategy": {}, "template": {"metadata": {}, "spec": {}}}
    assert decoded["status"] == {}
    assert container(ports=[{"containerPort": 80}]) == {"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {}}


def test_filled_in_values_are_not_shared() -> None:
    first, second = (DEPLOYMENT.decode({}).object for _ in range(2))
    first["spec"]["template"]["metadata"]["labels"] = {"a": "b"}
    assert second["spec"]["template"]["metadata"] == {}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"nodeName": None}, {}),
        ({"nodeSelector": {}}, {}),
        ({"nodeSelector": {"a": None}}, {"nodeSelector": {"a": ""}}),
        ({"tolerations": []}, {}),
        ({"tolerations": [None]}, {"tolerations": [{}]}),
        ({"hostNetwork": False, "nodeName": "", "activeDeadlineSeconds": 0}, {"activeDeadlineSeconds": 0}),
        ({"automountServiceAccountToken": False}, {"automountServiceAccountToken": False}),
        ({"unknown": 1, "NodeName": "x"}, {}),
        ({"hostNetwork": True, "terminationGracePeriodSeconds": 0}, {"hostNetwork": True, "terminationGracePeriodSeconds": 0}),
        ({"overhead": {"cpu": 1}}, {"overhead": {"cpu": "1"}}),
    ],
)
def test_pruned(sent: Any, kept: Any) -> None:
    assert spec_of(**sent) == kept


def test_quantities_are_written_canonically() -> None:
    assert container(resources={"limits": {"cpu": "0.1", "memory": "1024Mi"}})["resources"] == {"limits": {"cpu": "100m", "memory": "1Gi"}}


def test_an_int_or_string_stays_what_it_is() -> None:
    probe = {"httpGet": {"port": "http"}, "periodSeconds": 1}
    assert container(readinessProbe=probe)["readinessProbe"]["httpGet"] == {"port": "http"}
    assert container(readinessProbe={"httpGet": {"port": 80}})["readinessProbe"]["httpGet"] == {"port": 80}


def test_times_are_written_in_utc() -> None:
    decoded = LEASE.decode(
        {"metadata": {"creationTimestamp": "2026-01-01T02:00:00+02:00"}, "spec": {"renewTime": "2026-01-01T01:00:00.500000+01:00"}}
    )
    assert decoded.object["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    assert decoded.object["spec"]["renewTime"] == "2026-01-01T00:00:00.500000Z"


def test_free_values_are_kept() -> None:
    managed = {"managedFields": [{"manager": "x", "fieldsV1": {"f:a": {".": {}}, "f:b": None}}]}
    assert POD.decode({"metadata": managed}).object["metadata"] == managed


CANNOT = 'Deployment in version "v1" cannot be handled as a Deployment: '


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"spec": {"replicas": "3"}}, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ({"spec": {"replicas": 1.5}}, "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"),
        (
            {"spec": {"replicas": 2**31}},
            "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        ({"spec": {"paused": 1}}, "json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type bool"),
        ({"spec": []}, "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"),
        ({"metadata": {"name": 1}}, "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"),
        (
            {"metadata": {"labels": {"a": True}}},
            "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (
            {"metadata": {"labels": []}},
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        (
            {"spec": {"template": {"spec": {"containers": {}}}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            {"spec": {"template": {"spec": {"containers": [{"image": 1}]}}}},
            "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string",
        ),
        (
            {"spec": {"template": {"spec": {"overhead": {"cpu": "1x"}}}}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        ({"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1.5}}}}, "json: cannot unmarshal number 1.5 into Go value of type int32"),
        (
            {"metadata": {"creationTimestamp": "now"}},
            'parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006"',
        ),
        ({"metadata": {"creationTimestamp": "2026-13-01T00:00:00Z"}}, 'parsing time "2026-13-01T00:00:00Z": month out of range'),
    ],
)
def test_values_of_the_wrong_type(body: Any, why: str) -> None:
    with pytest.raises(BadRequest) as caught:
        DEPLOYMENT.decode(body)
    assert caught.value.message == CANNOT + why


@pytest.mark.parametrize(("text", "position"), [("YQ", 0), ("%%%%", 0), ("YQ==x", 4), ("Y!Q=", 1), ("YWI==", 4)])
def test_data_that_are_no_base64(text: str, position: int) -> None:
    with pytest.raises(BadRequest, match=f"illegal base64 data at input byte {position}$"):
        SECRET.decode({"data": {"a": text}})


def test_line_breaks_in_base64_are_taken_out() -> None:
    assert SECRET.decode({"data": {"a": "YWJj\nZGVm"}}).object["data"] == {"a": "YWJjZGVm"}


@pytest.mark.parametrize(("fraction", "rest"), [("", "Z"), (".5", ".5Z"), (".1234567", "7Z")])
def test_a_micro_time_has_six_digits(fraction: str, rest: str) -> None:
    shown = ".000000" if rest != "7Z" else "Z07:00"
    with pytest.raises(BadRequest) as caught:
        LEASE.decode({"spec": {"renewTime": f"2026-01-01T00:00:00{fraction}Z"}})
    assert caught.value.message.endswith(f'as "2006-01-02T15:04:05.000000Z07:00": cannot parse "{rest}" as "{shown}"')


@given(
    st.text("YQ=ab+/ \n\r%", max_size=9), st.from_regex(r"\A2026-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|\+00:00|x|)\Z")
)
def test_any_text_is_decoded_or_refused(data: str, time: str) -> None:
    for kind, body in ((SECRET, {"data": {"a": data}}), (SECRET, {"metadata": {"creationTimestamp": time}})):
        message = ""
        try:
            kind.decode(body)
        except BadRequest as error:
            message = error.message
        assert not message or "illegal base64" in message or "parsing time" in message


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (
            {"apiVersion": "v1", "kind": "Pod"},
            'Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion',
        ),
        (
            {"apiVersion": "v1", "kind": "Thing"},
            'Thing in version "v1" cannot be handled as a Deployment: no kind "Thing" is registered for version "v1" '
            'in scheme "pkg/api/legacyscheme/scheme.go:30"',
        ),
        (
            {"apiVersion": "a/b/c"},
            "the object provided is unrecognized (must be of type Deployment): unexpected GroupVersion string: a/b/c "
            '({"apiVersion":"a/b/c"})',
        ),
        (
            {"kind": 1},
            "the object provided is unrecognized (must be of type Deployment): couldn't get version/kind; json parse error: "
            'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":1})',
        ),
    ],
)
def test_objects_of_another_kind(identity: Any, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        DEPLOYMENT.decode(identity)
    assert caught.value.message == message


def test_another_version_of_the_kind_is_refused() -> None:
    scaler = decoder(SCHEMAS, GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"))
    with pytest.raises(BadRequest, match=r"the API version in the data \(autoscaling/v1\) does not match the expected API version"):
        scaler.decode({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler"})


STRICT = {"foo": 1, "spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "imag": "x"}]}}, "bar": None}}


def test_strict_decoding_lists_what_is_unknown() -> None:
    problems = DEPLOYMENT.decode(STRICT, strict=True, duplicates=['duplicate field "spec.replicas"']).problems
    assert problems == [
        'duplicate field "spec.replicas"',
        'unknown field "foo"',
        'unknown field "spec.template.spec.containers[1].imag"',
        'unknown field "spec.bar"',
    ]
    assert DEPLOYMENT.strict_error(problems[1:2]).message == CANNOT + 'strict decoding error: unknown field "foo"'


def test_loose_decoding_lists_nothing() -> None:
    assert DEPLOYMENT.decode(STRICT).problems == []


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["metadata", "spec", "name", "labels", "containers", "ports", "limits", "status", "x"]), inner),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "foo"]), JSON))
def test_any_body_is_decoded_or_refused_and_decoding_again_changes_nothing(body: Any) -> None:
    before = deep_copy(body)
    refused = ""
    try:
        decoded = POD.decode(body, strict=True).object
    except BadRequest as error:
        refused = error.message
    assert body == before
    if refused:
        assert refused.startswith('Pod in version "v1" cannot be handled as a Pod: ')
        return
    again = POD.decode(decoded, strict=True)
    assert again.object == decoded
    assert again.problems == []


def test_deep_values_are_refused_and_do_not_exhaust_the_interpreter() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"not": deep}
    definition = decoder(SCHEMAS, GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
    body = {"spec": {"versions": [{"schema": {"openAPIV3Schema": deep}}]}}
    with pytest.raises(BadRequest, match="exceeded max depth"):
        definition.decode(body)
