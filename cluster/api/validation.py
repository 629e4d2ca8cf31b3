"""The rules for names, labels, annotations and metadata, in upstream's words.

Upstream: apimachinery `pkg/util/validation`, `pkg/api/validate/content`, `pkg/api/validation/objectmeta.go` and
`pkg/apis/meta/v1/validation`.  A check of one value returns messages; a check of an object returns field errors; neither raises.
Lengths are in bytes of UTF-8.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object

NameRule = Callable[[str, bool], list[str]]
"""(name, whether it is a generateName prefix) to messages."""

IMMUTABLE: Final = "field is immutable"
ANNOTATIONS_LIMIT: Final = 256 * 1024
_GOOD_LABELS: Final[set[tuple[str, str]]] = set()
"""Labels that were found to be good, as the same few are on most objects."""
_MOST_LABELS: Final = 4096

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_WORDS: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_SUBDOMAIN: Final = _LABEL + r"(\." + _LABEL + ")*"
_SUBDOMAIN_WORDS: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_DNS1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_DNS1035_WORDS: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character"
)
_WILDCARD: Final = r"\*\." + _SUBDOMAIN
_WILDCARD_WORDS: Final = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, "
    "which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_KEY: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_KEY_WORDS: Final = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_VALUE: Final = f"({_KEY})?"
_VALUE_WORDS: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"
_CONFIG_KEY_WORDS: Final = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_ENV_WORDS: Final = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_PERCENT: Final = "[0-9]+%"
_HEADER: Final = "[-A-Za-z0-9]+"

_label = re.compile(_LABEL).fullmatch
_subdomain = re.compile(_SUBDOMAIN).fullmatch
_dns1035 = re.compile(_DNS1035).fullmatch
_wildcard = re.compile(_WILDCARD).fullmatch
_key = re.compile(_KEY).fullmatch
_value = re.compile(_VALUE).fullmatch
_config_key = re.compile(_CONFIG_KEY).fullmatch
_percent = re.compile(_PERCENT).fullmatch
_header = re.compile(_HEADER).fullmatch


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def max_length_error(limit: int, unit: str = "characters") -> str:
    return f"must be no more than {limit} {unit}"


def regex_error(words: str, pattern: str, *examples: str) -> str:
    """What is wrong, examples of what is right, and the pattern that decides."""
    if not examples:
        return f"{words} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{words} (e.g. {shown}regex used for validation is '{pattern}')"


def inclusive_range_error(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def is_dns1123_label(value: str) -> list[str]:
    if len(value) <= 63 and _label(value):
        return []
    messages = [max_length_error(63)] if _size(value) > 63 else []
    if not _label(value):
        if _subdomain(value):
            messages.append("must not contain dots")
        else:
            messages.append(regex_error(_LABEL_WORDS, _LABEL, "my-name", "123-abc"))
    return messages


def _is_subdomain(value: str, unit: str) -> list[str]:
    if len(value) <= 253 and _subdomain(value):
        return []
    messages = [max_length_error(253, unit)] if _size(value) > 253 else []
    if not _subdomain(value):
        messages.append(regex_error(_SUBDOMAIN_WORDS, _SUBDOMAIN, "example.com"))
    return messages


def is_dns1123_subdomain(value: str) -> list[str]:
    return _is_subdomain(value, "characters")


def is_wildcard_dns1123_subdomain(value: str) -> list[str]:
    messages = [max_length_error(253)] if _size(value) > 253 else []
    if not _wildcard(value):
        messages.append(regex_error(_WILDCARD_WORDS, _WILDCARD, "*.example.com"))
    return messages


def is_dns1035_label(value: str) -> list[str]:
    messages = [max_length_error(63)] if _size(value) > 63 else []
    if not _dns1035(value):
        messages.append(regex_error(_DNS1035_WORDS, _DNS1035, "my-name", "abc-123"))
    return messages


def is_qualified_name(value: str) -> list[str]:
    """A label key: an optional DNS subdomain and a slash, then a name of at most 63 bytes."""
    if len(value) <= 63 and _key(value):
        return []  # without a prefix
    parts = value.split("/")
    messages: list[str] = []
    if len(parts) > 2:
        rule = regex_error(_KEY_WORDS, _KEY, "MyName", "my.name", "123-abc")
        return [f"a valid label key {rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    name = parts[-1]
    if len(parts) == 2:
        if not parts[0]:
            messages.append("prefix part must be non-empty")
        else:
            messages += [f"prefix part {each}" for each in _is_subdomain(parts[0], "bytes")]
    if not name:
        messages.append("name part must be non-empty")
    elif _size(name) > 63:
        messages.append("name part " + max_length_error(63, "bytes"))
    if not _key(name):
        messages.append("name part " + regex_error(_KEY_WORDS, _KEY, "MyName", "my.name", "123-abc"))
    return messages


def is_valid_label_value(value: str) -> list[str]:
    if len(value) <= 63 and _value(value):
        return []
    messages = [max_length_error(63, "bytes")] if _size(value) > 63 else []
    if not _value(value):
        messages.append(regex_error(_VALUE_WORDS, _VALUE, "MyValue", "my_value", "12345"))
    return messages


def _parent_directory(value: str) -> list[str]:
    if value in (".", ".."):
        return [f"must not be '{value}'"]
    return ["must not start with '..'"] if value.startswith("..") else []


def is_config_map_key(value: str) -> list[str]:
    messages = [max_length_error(253)] if _size(value) > 253 else []
    if not _config_key(value):
        messages.append(regex_error(_CONFIG_KEY_WORDS, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    return messages + _parent_directory(value)


def is_env_var_name(value: str) -> list[str]:
    """As upstream judges it since the relaxed rule became the default: printable ASCII but for `=`."""
    messages = [] if value else ["environment variable name must be non-empty"]
    if any(not " " <= char <= "~" or char == "=" for char in value):
        messages.append(_ENV_WORDS)
    return messages


def is_valid_port_num(port: int) -> list[str]:
    return [] if 1 <= port <= 65535 else [inclusive_range_error(1, 65535)]


def is_valid_port_name(value: str) -> list[str]:
    messages = [max_length_error(15)] if _size(value) > 15 else []
    if not re.fullmatch("[-a-z0-9]+", value):
        messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", value):
        messages.append("must contain at least one letter (a-z)")
    if "--" in value:
        messages.append("must not contain consecutive hyphens")
    if value and (value[0] == "-" or value[-1] == "-"):
        messages.append("must not begin or end with a hyphen")
    return messages


def is_valid_percent(value: str) -> list[str]:
    words = "a valid percent string must be a numeric string followed by an ending '%'"
    return [] if _percent(value) else [regex_error(words, _PERCENT, "1%", "93%")]


def is_http_header_name(value: str) -> list[str]:
    words = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return [] if _header(value) else [regex_error(words, _HEADER, "X-Header-Name")]


def is_valid_ip(value: str) -> list[str]:
    """An address as fields that predate strict checking take it: no leading zeros, no IPv4 inside IPv6, any spelling of IPv6."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        if re.fullmatch(r"\d+(\.\d+){3}", value) and all(int(part) < 256 for part in value.split(".")):
            return ["must not have leading 0s"]
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
        if address.ipv4_mapped:
            return ["must not be an IPv4-mapped IPv6 address"]
    return []


def _mask_trailing_dash(name: str) -> str:
    """A prefix may end in a dash, since characters will follow."""
    return name[:-2] + "a" if len(name) > 1 and name.endswith("-") and name[-2].isascii() else name


def name_is_dns_subdomain(name: str, prefix: bool) -> list[str]:
    return is_dns1123_subdomain(_mask_trailing_dash(name) if prefix else name)


def name_is_dns_label(name: str, prefix: bool) -> list[str]:
    return is_dns1123_label(_mask_trailing_dash(name) if prefix else name)


def name_is_dns1035_label(name: str, prefix: bool) -> list[str]:
    return is_dns1035_label(_mask_trailing_dash(name) if prefix else name)


def path_segment_name(name: str, prefix: bool) -> list[str]:
    """What a URL's segment can hold; the names of RBAC kinds obey only this."""
    if not prefix and name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in name]


def validate_labels(labels: Mapping[str, str] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if not labels or _GOOD_LABELS.issuperset(labels.items()):
        return errors
    for name, value in labels.items():
        wrong = validate_label_name(name, path)
        wrong += [field.invalid(path, value, each) for each in is_valid_label_value(value)]
        errors += wrong
        if not wrong:
            if len(_GOOD_LABELS) >= _MOST_LABELS:
                _GOOD_LABELS.clear()
            _GOOD_LABELS.add((name, value))
    return errors


def validate_label_name(name: str, path: str) -> list[FieldError]:
    return [field.invalid(path, name, each) for each in is_qualified_name(name)]


def validate_annotations(annotations: Mapping[str, str] | None, path: str) -> list[FieldError]:
    """Keys are qualified names whatever their case; keys and values together have at most 256 KiB."""
    errors: list[FieldError] = []
    total = 0
    for name, value in (annotations or {}).items():
        errors += [field.invalid(path, name, each) for each in is_qualified_name(name.lower())]
        total += _size(name) + _size(value)
    if total > ANNOTATIONS_LIMIT:
        errors.append(field.too_long(path, "", ANNOTATIONS_LIMIT))
    return errors


def validate_label_selector(selector: Mapping[str, Any] | None, path: str, *, any_values: bool = False) -> list[FieldError]:
    """A `metav1.LabelSelector`; `any_values`: of requirements any values are taken, as the object has such already."""
    if not selector:
        return []
    errors = validate_labels(selector.get("matchLabels"), field.child(path, "matchLabels"))
    for position, requirement in enumerate(selector.get("matchExpressions") or ()):
        errors += _validate_requirement(requirement, field.index(field.child(path, "matchExpressions"), position), any_values)
    return errors


def _validate_requirement(requirement: Mapping[str, Any], path: str, any_values: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    values_path = field.child(path, "values")
    if operator in ("In", "NotIn"):
        if not values:
            errors.append(field.required(values_path, "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            errors.append(field.forbidden(values_path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    else:
        errors.append(field.invalid(field.child(path, "operator"), operator, "not a valid selector operator"))
    errors += validate_label_name(requirement.get("key", ""), field.child(path, "key"))
    for position, value in enumerate(() if any_values else values):
        errors += [field.invalid(field.index(values_path, position), value, each) for each in is_valid_label_value(value)]
    return errors


def validate_owner_references(references: Sequence[Mapping[str, Any]] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    controller = ""
    for reference in references or ():
        errors += _validate_owner_reference(reference, path)
        if not reference.get("controller"):
            continue
        name = f"{reference.get('kind', '')}/{reference.get('name', '')}"
        if controller:
            words = f'Only one reference can have Controller set to true. Found "true" in references for {controller} and {name}'
            errors.append(field.invalid(path, list(references or ()), words))
        else:
            controller = name
    return errors


def _validate_owner_reference(reference: Mapping[str, Any], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    api_version, kind = reference.get("apiVersion", ""), reference.get("kind", "")
    if not api_version or api_version.count("/") > 1 or api_version.endswith("/"):
        errors.append(field.invalid(field.child(path, "apiVersion"), api_version, "version must not be empty"))
    errors += [
        field.invalid(field.child(path, name), reference.get(name, ""), "must not be empty")
        for name in ("kind", "name", "uid")
        if not reference.get(name)
    ]
    if (api_version, kind) == ("v1", "Event"):
        errors.append(field.invalid(path, dict(reference), "/v1, Kind=Event is disallowed from being an owner"))
    return errors


def validate_finalizers(finalizers: Sequence[str] | None, path: str) -> list[FieldError]:
    errors = [field.invalid(path, name, each) for name in finalizers or () for each in is_qualified_name(name)]
    if finalizers and "orphan" in finalizers and "foregroundDeletion" in finalizers:
        errors.append(field.invalid(path, list(finalizers), "finalizer orphan and foregroundDeletion cannot be both set"))
    return errors


def validate_managed_fields(entries: Sequence[Mapping[str, Any]] | None, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, entry in enumerate(entries or ()):
        at = field.index(path, position)
        if entry.get("operation", "") not in ("Apply", "Update"):
            errors.append(field.invalid(field.child(at, "operation"), entry.get("operation", ""), "must be `Apply` or `Update`"))
        if entry.get("fieldsType", "FieldsV1") not in ("", "FieldsV1"):
            errors.append(field.invalid(field.child(at, "fieldsType"), entry["fieldsType"], "must be `FieldsV1`"))
        errors += validate_field_manager(entry.get("manager", ""), field.child(at, "manager"))
        if _size(entry.get("subresource", "")) > 256:
            errors.append(field.too_long(field.child(at, "subresource"), "", 256))
    return errors


def validate_field_manager(name: str, path: str) -> list[FieldError]:
    """A field manager's name: at most 128 bytes, all printable."""
    errors = [field.too_long(path, "", 128)] if _size(name) > 128 else []
    for position, char in enumerate(name):
        if not char.isprintable():
            errors.append(field.invalid(path, name, f"invalid character U+{ord(char):04X} (at position {position})"))
    return errors


def validate_object_meta(metadata: Object, namespaced: bool, name_fn: NameRule, path: str = "metadata") -> list[FieldError]:
    """Metadata on creation, after a name has been generated."""
    errors: list[FieldError] = []
    prefix, name, namespace = metadata.get("generateName", ""), metadata.get("name", ""), metadata.get("namespace", "")
    if prefix:
        errors += [field.invalid(f"{path}.generateName", prefix, each) for each in name_fn(prefix, True)]
    if name:
        errors += [field.invalid(f"{path}.name", name, each) for each in name_fn(name, False)]
    else:
        errors.append(field.required(f"{path}.name", "name or generateName is required"))
    if not namespaced:
        if namespace:
            errors.append(field.forbidden(f"{path}.namespace", "not allowed on this type"))
    elif namespace:
        errors += [field.invalid(f"{path}.namespace", namespace, each) for each in is_dns1123_label(namespace)]
    else:
        errors.append(field.required(f"{path}.namespace"))
    if metadata.get("generation", 0) < 0:
        errors.append(field.invalid(f"{path}.generation", metadata["generation"], "must be greater than or equal to 0"))
    if "labels" in metadata:
        errors += validate_labels(metadata["labels"], f"{path}.labels")
    if "annotations" in metadata:
        errors += validate_annotations(metadata["annotations"], f"{path}.annotations")
    if "ownerReferences" in metadata:
        errors += validate_owner_references(metadata["ownerReferences"], f"{path}.ownerReferences")
    if "finalizers" in metadata:
        errors += validate_finalizers(metadata["finalizers"], f"{path}.finalizers")
    if "managedFields" in metadata:
        errors += validate_managed_fields(metadata["managedFields"], f"{path}.managedFields")
    return errors


_UNCHANGING: Final = (
    ("name", ""),
    ("namespace", ""),
    ("uid", ""),
    ("creationTimestamp", None),
    ("deletionTimestamp", None),
    ("deletionGracePeriodSeconds", None),
)


def validate_object_meta_update(new: Object, old: Object, path: str = "metadata") -> list[FieldError]:
    """Metadata on update: identity and deletion never change, finalizers only go while the object is being deleted."""
    errors: list[FieldError] = []
    if old.get("deletionTimestamp"):
        added = sorted(set(new.get("finalizers") or ()) - set(old.get("finalizers") or ()))
        if added:
            shown = ", ".join(f'"{each}"' for each in added)
            words = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{shown}}}"
            errors.append(field.forbidden(field.child(path, "finalizers"), words))
    if not new.get("resourceVersion"):
        errors.append(field.invalid(field.child(path, "resourceVersion"), "", "must be specified for an update"))
    if new.get("generation", 0) < old.get("generation", 0):
        errors.append(field.invalid(field.child(path, "generation"), new.get("generation", 0), "must not be decremented"))
    for name, zero in _UNCHANGING:
        value = new.get(name, zero)
        if value != old.get(name, zero):
            errors.append(field.invalid(field.child(path, name), value, IMMUTABLE))
    errors += validate_labels(new.get("labels"), field.child(path, "labels"))
    errors += validate_annotations(new.get("annotations"), field.child(path, "annotations"))
    errors += validate_owner_references(new.get("ownerReferences"), field.child(path, "ownerReferences"))
    errors += validate_managed_fields(new.get("managedFields"), field.child(path, "managedFields"))
    return errors
