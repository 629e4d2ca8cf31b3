"""What is wrong with the spec of a review that explains access, with the paths of the fields."""

from __future__ import annotations

from typing import Final, NamedTuple

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.kinds.catalog import Catalog, is_stored
from cluster.kinds.model import Kind
from cluster.server.dry_run import VERBS
from rbac.credentials.reference import CLUSTER_KUBECONFIGS, KUBECONFIGS
from rbac.explain.matrix import MAX_CELLS, MatrixQuestion
from rbac.explain.who_is import read_certificate
from rbac.reviews.access import spec_errors


class Limit(NamedTuple):
    """How long a list of the status is unless the spec says, and at most."""

    default: int
    most: int


EXPLANATIONS: Final = Limit(5, 100)
SUBJECTS: Final = Limit(500, 5000)
RULES: Final = Limit(500, 5000)
CREDENTIALS: Final = ("token", "certificate")
"""Fields that are never sent back."""
MAX_GROUPS: Final = 1000
_SUBJECT_KINDS: Final = ("User", "Group", "ServiceAccount")


def explanation_errors(spec: Object, only: str, catalog: Catalog) -> list[FieldError]:
    """Of an AccessExplanation, or with `only` of a LocalAccessExplanation of that namespace."""
    shown = [name for name in CREDENTIALS if spec.get(name)]
    errors = _attribute_errors(spec, only) + _limit_errors(spec, EXPLANATIONS)
    if only:
        errors += [field.forbidden(f"spec.{name}", "credentials are explained by an AccessExplanation only") for name in shown]
    elif shown:
        given = [name for name in ("user", "uid", "groups", "extra") if spec.get(name)]
        errors += [field.forbidden(f"spec.{name}", f"may not be given together with {shown[0]}, which says who it is") for name in given]
    if not shown:
        errors += _user_errors(spec, "user, groups, token or certificate" if not only else "user or groups")
    if spec.get("audiences") and not spec.get("token"):
        errors.append(field.forbidden("spec.audiences", "may be given together with token only"))
    if spec.get("certificate"):
        try:
            read_certificate(spec["certificate"])
        except ValueError as error:
            errors.append(field.invalid("spec.certificate", field.OMITTED, str(error)))
    if spec.get("object") is not None:
        errors += _object_errors(spec, only, catalog)
    return errors


def _user_errors(spec: Object, needed: str) -> list[FieldError]:
    if not spec.get("user") and not spec.get("groups"):
        return [field.required("spec.user", f"one of {needed} must be given")]
    if len(spec.get("groups") or ()) > MAX_GROUPS:
        return [field.too_many("spec.groups", len(spec["groups"]), MAX_GROUPS)]
    return []


def _attribute_errors(spec: Object, only: str) -> list[FieldError]:
    errors = spec_errors(spec, subject=False)
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None:
        errors += [field.required(f"spec.resourceAttributes.{name}", "") for name in ("verb", "resource") if not resource.get(name)]
        namespace = resource.get("namespace")
        if only and namespace and namespace != only:
            errors.append(field.invalid("spec.resourceAttributes.namespace", namespace, f'must be "{only}", the namespace of the request'))
    if path is not None:
        errors += [field.required(f"spec.nonResourceAttributes.{name}", "") for name in ("verb", "path") if not path.get(name)]
        if only:
            errors.append(field.forbidden("spec.nonResourceAttributes", "a path is in no namespace"))
    return errors


def _object_errors(spec: Object, only: str, catalog: Catalog) -> list[FieldError]:
    resource = spec.get("resourceAttributes")
    if resource is None:
        return [field.forbidden("spec.object", "may be given together with resourceAttributes only")]
    if resource.get("verb") not in VERBS or resource.get("subresource"):
        return [field.forbidden("spec.object", "may be given for a create or update of the object itself only")]
    kind = kind_of(spec["object"], catalog)
    if kind is None:
        return [field.invalid("spec.object", field.OMITTED, "its apiVersion and kind name nothing that is stored as it is sent")]
    errors: list[FieldError] = []
    if kind.resource.group_resource != (resource.get("group", ""), resource.get("resource", "")):
        why = f"it is one of {kind.resource.group_resource}, which is not the resource in question"
        errors.append(field.invalid("spec.object", field.OMITTED, why))
    metadata = spec["object"].get("metadata") or {}
    if not isinstance(metadata, dict):
        return [*errors, field.invalid("spec.object.metadata", field.OMITTED, "must be an object")]
    name = metadata.get("name", "")
    if resource["verb"] == "update" and not resource.get("name"):
        errors.append(field.required("spec.resourceAttributes.name", "an update names its object"))
    if resource.get("name") and name and resource["name"] != name:
        errors.append(field.invalid("spec.object.metadata.name", name, "must match spec.resourceAttributes.name"))
    if kind.namespaced and not (only or resource.get("namespace")):
        errors.append(field.required("spec.resourceAttributes.namespace", "the object is namespaced"))
    return errors


def kind_of(obj: Object, catalog: Catalog) -> Kind | None:
    """The kind that a manifest is of; None for what is not stored as it is sent, kubeconfigs among it."""
    try:
        group, version = parse_api_version(obj["apiVersion"])
        kind = catalog.by_kind(GroupVersionKind(group, version, obj["kind"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if kind is None or not is_stored(kind) or "create" not in kind.verbs:
        return None
    return None if kind.resource.group_resource in (KUBECONFIGS, CLUSTER_KUBECONFIGS) else kind


def _limit_errors(spec: Object, bounds: Limit) -> list[FieldError]:
    limit = spec.get("limit")
    if limit is not None and not 1 <= limit <= bounds.most:
        return [field.invalid("spec.limit", limit, f"must be between 1 and {bounds.most}, inclusive")]
    return []


def who_can_errors(spec: Object, only: str) -> list[FieldError]:
    """Of a WhoCanReview or LocalWhoCanReview."""
    return _attribute_errors(spec, only) + _limit_errors(spec, SUBJECTS)


def subject_errors(spec: Object, only: str) -> list[FieldError]:
    """Of a SubjectRulesReview or LocalSubjectRulesReview."""
    errors = _user_errors(spec, "user or groups") + _limit_errors(spec, RULES)
    namespace = spec.get("namespace")
    if only and namespace and namespace != only:
        errors.append(field.invalid("spec.namespace", namespace, f'must be "{only}", the namespace of the request'))
    return errors


def matrix_errors(spec: Object, only: str) -> list[FieldError]:
    """Of an AccessMatrixReview or LocalAccessMatrixReview."""
    errors: list[FieldError] = []
    for place, subject in enumerate(spec.get("subjects") or ()):
        path = field.index("spec.subjects", place)
        if subject.get("kind") not in _SUBJECT_KINDS:
            errors.append(field.not_supported(f"{path}.kind", subject.get("kind", ""), _SUBJECT_KINDS))
        if not subject.get("name"):
            errors.append(field.required(f"{path}.name", ""))
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            errors.append(field.required(f"{path}.namespace", ""))
        if subject.get("kind") != "ServiceAccount" and subject.get("namespace"):
            errors.append(field.forbidden(f"{path}.namespace", "only a ServiceAccount has one"))
    for place, resource in enumerate(spec.get("resources") or ()):
        if not resource.get("resource"):
            errors.append(field.required(f"{field.index('spec.resources', place)}.resource", ""))
    for place, verb in enumerate(spec.get("verbs") or ()):
        if not verb:
            errors.append(field.required(field.index("spec.verbs", place), ""))
    for place, namespace in enumerate(spec.get("namespaces") or ()):
        if only and namespace != only:
            why = f'must be "{only}", the namespace of the request'
            errors.append(field.invalid(field.index("spec.namespaces", place), namespace, why))
    return errors


def size_errors(question: MatrixQuestion) -> list[FieldError]:
    """Of a matrix that is too big to be answered at once: subjects by resources by verbs by namespaces."""
    cells = question.cells()
    if cells <= MAX_CELLS:
        return []
    why = f"it asks for {cells} cells, {MAX_CELLS} are answered at once: name fewer subjects, resources, verbs or namespaces"
    return [field.forbidden("spec", why)]
