"""What the checker makes of objects whose fields are known, and what others are told of what it found."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cluster.cel import types
from cluster.cel.checker import Checked, check
from cluster.cel.environment import STORED, CompileError, Environment
from cluster.cel.syntax.ast import Call, Select
from cluster.cel.syntax.parser import parse
from cluster.cel.types import Field, Type, list_of, map_of, object_type


def fields(**kinds: Type) -> Mapping[str, Field]:
    return {name: Field(name, name, kind) for name, kind in kinds.items()}


PORT = object_type("Port", lambda: fields(number=types.INT, name=types.STRING))
NODE: Type = object_type("Node", lambda: fields(value=types.INT, next=NODE))
SPEC = object_type(
    "Spec",
    lambda: {
        **fields(replicas=types.INT, ports=list_of(PORT), labels=map_of(types.STRING, types.STRING), weight=types.wrapper_of(types.INT)),
        "__namespace__": Field("__namespace__", "namespace", types.STRING),
        "a__dash__b": Field("a__dash__b", "a-b", types.STRING),
    },
)
QUANTITY = Type(types.TypeKind.OBJECT, "kubernetes.Quantity")
VARIABLES = {"self": SPEC, "node": NODE, "quantity": QUANTITY, "x": types.INT, "any": types.DYN}
VARIABLES |= {"claims": map_of(types.STRING, types.ANY)}


def environment(minor: int = 36) -> Environment:
    return Environment(minor, VARIABLES, types={"Port": PORT, "Node": NODE})


def checked(text: str, minor: int = 36) -> Checked:
    return check(parse(text), environment(minor).declarations)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self.replicas", types.INT),
        ("self.ports", list_of(PORT)),
        ("self.ports[0].number", types.INT),
        ("self.ports.map(p, p.name)", list_of(types.STRING)),
        ("self.ports.filter(p, p.number > 3)", list_of(PORT)),
        ("self.labels['a']", types.STRING),
        ("self.?replicas", types.optional_of(types.INT)),
        ("self.?ports[0].name", types.optional_of(types.STRING)),
        ("self.weight", types.wrapper_of(types.INT)),
        ("self.weight == null", types.BOOL),
        ("self.weight + 1", types.INT),
        ("[self.weight, 1]", list_of(types.wrapper_of(types.INT))),
        ("has(self.replicas)", types.BOOL),
        ("node.next.next.value", types.INT),
        ("self == null", types.BOOL),
        ("any.replicas", types.DYN),
        ("claims.any", types.ANY),
        ("claims.any.replicas", types.DYN),
        ("claims.any + 1", types.INT),
        ("claims.any == 1 && claims.any == 'a'", types.BOOL),
        ("claims.?any", types.optional_of(types.ANY)),
        ("[claims.any, claims.other]", list_of(types.ANY)),
        ("x > 1 ? self : null", SPEC),
        ("Port{number: 1, name: 'http'}", PORT),
        ("Port{number: any}", PORT),
        ("Port{?number: optional.of(1)}", PORT),
        ("Node{next: Node{value: 1}}.next", NODE),
        ("Port", types.type_of(PORT)),
        ("type(self)", types.type_of(SPEC)),
    ],
)
def test_types(text: str, expected: Type) -> None:
    found = checked(text)
    assert found.problems == []
    assert environment().compile(text).type == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("self.missing", "undefined field 'missing'"),
        ("self.ports[0].missing", "undefined field 'missing'"),
        ("has(self.missing)", "undefined field 'missing'"),
        ("self.?missing", "undefined field 'missing'"),
        ("self.ports.name", "type 'list(Port)' does not support field selection"),
        ("self + 1", "found no matching overload for '_+_' applied to '(Spec, int)'"),
        ("self.ports.all(p, p.number == p.name)", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("self.weight + 'a'", "found no matching overload for '_+_' applied to '(wrapper(int), string)'"),
        ("quantity.value", "unexpected failed resolution of 'kubernetes.Quantity'"),
        ("Port{number: 'a'}", "expected type of field 'number' is 'int' but provided type is 'string'"),
        ("Port{missing: 1}", "undefined field 'missing'"),
        ("Port{?number: 1}", "expected type 'optional_type(int)' but found 'int'"),
        ("Spec{replicas: 1}", "undeclared reference to 'Spec' (in container '')"),
        ("claims.any.all(k, true)", "expression of type 'any' cannot be range of a comprehension (must be list, map, or dynamic)"),
        ("self.all(k, true)", "expression of type 'Spec' cannot be range of a comprehension (must be list, map, or dynamic)"),
    ],
)
def test_what_is_wrong_with_objects(text: str, message: str) -> None:
    assert [told for _, told in checked(text).problems] == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("['a', claims.any]", "expected type 'string' but found 'any'"),
        ("[claims.any, claims.any.b]", "expected type 'any' but found 'dyn'"),
        ("'%d'.format([claims.any])", "clause can only be used on integers, was given google.protobuf.Any"),
    ],
)
def test_any_is_a_type_of_its_own_where_types_must_be_the_same(text: str, message: str) -> None:
    with pytest.raises(CompileError) as failure:
        environment().compile(text)
    assert message in failure.value.message


@pytest.mark.parametrize(("minor", "sound"), [(30, False), (31, True), (36, True)])
def test_a_keyword_names_a_field_since_1_31(minor: int, sound: bool) -> None:
    assert (checked("self.namespace == 'a'", minor).problems == []) is sound
    assert checked("self.__namespace__ == 'a'", minor).problems == []


def test_every_error_is_told_from_the_top_to_the_end() -> None:
    with pytest.raises(CompileError) as failure:
        environment().compile("self.b ||\n  self.a == 1 || missing")
    assert failure.value.kind == "check"
    assert failure.value.message.splitlines() == [
        "ERROR: <input>:1:5: undefined field 'b'",
        " | self.b ||",
        " | ....^",
        "ERROR: <input>:2:7: undefined field 'a'",
        " |   self.a == 1 || missing",
        " | ......^",
        "ERROR: <input>:2:18: undeclared reference to 'missing' (in container '')",
        " |   self.a == 1 || missing",
        " | .................^",
    ]


def test_references_say_what_is_meant() -> None:
    tree = parse("optional.of(self.replicas).value() + x")
    found = check(tree, environment().declarations)
    assert isinstance(tree.root, Call)
    value, x = tree.root.arguments
    assert found.references[tree.root.id].overloads == ("add_int64",)
    assert found.references[x.id].name == "x"
    assert isinstance(value, Call)
    made = value.target
    assert isinstance(made, Call)
    assert (made.function, made.target) == ("optional.of", None)
    selected = made.arguments[0]
    assert isinstance(selected, Select)
    assert selected.id not in found.references
    assert found.types[selected.id] == types.INT


def test_several_overloads_may_be_meant_where_types_are_not_known() -> None:
    tree = parse("any in any")
    assert check(tree, environment().declarations).references[tree.root.id].overloads == ("in_list", "in_map")


def test_what_only_its_use_has_bound_is_not_certain() -> None:
    tree = parse("any.first().value() + 1")
    found = check(tree, environment().declarations)
    assert isinstance(tree.root, Call)
    value = tree.root.arguments[0].id
    assert found.types[value] == types.INT
    assert found.certain[value] == types.DYN
    assert Environment(STORED, VARIABLES).compile("any.first().value() + 1").evaluate({"any": [2]}).value == 3
