"""What an observer is told of mutating policies, and what is counted of them."""

from __future__ import annotations

from admission.attributes import Attributes
from tests.unit.admission.hooks import Watching, rule
from tests.unit.admission.policy.mutations import MutatingWorld, applied, bound, mutating, of_config_map, patched

SET = patched("[JSONPatch{op: 'add', path: '/data/x', value: variables.x}]")
VARIABLES = [{"name": "unseen", "expression": "1"}, {"name": "x", "expression": "string(object.data.k)"}]


def told(world: MutatingWorld, attributes: Attributes) -> list[tuple[str, str, str, str]]:
    attributes.observer = watching = Watching()
    world.refused(attributes)
    assert {each.plugin for each in watching.judgements} <= {"MutatingAdmissionPolicy"}
    return [(f"{each.policy}/{each.binding}", each.part, each.outcome, each.message) for each in watching.judgements]


def test_every_part_that_was_looked_at() -> None:
    world = MutatingWorld(
        mutating("p", SET, SET, applied("Object{data: object.nope}"), patched("[JSONPatch{op: 'remove', path: '/data/none'}]"),
                 variables=VARIABLES, matchConditions=[{"name": "c", "expression": "object.data.k == 'v'"}], failurePolicy="Ignore")
    )  # fmt: skip
    assert told(world, of_config_map()) == [
        ("p/", "matchConstraints", "matched", ""),
        ("p/p", "matchConditions[0]", "true", ""),
        ("p/p", "variables[1]", "evaluated", ""),
        ("p/p", "mutations[0]", "mutated", ""),
        ("p/p", "variables[1]", "evaluated", ""),
        ("p/p", "mutations[1]", "unchanged", ""),
        ("p/p", "mutations[2]", "error", "expression 'Object{data: object.nope}' resulted in error: no such key: nope"),
        ("p/p", "mutations[3]", "error",
         "JSON Patch: error in remove for path: '/data/none': Unable to remove nonexistent key: none: missing value"),
        ("p/", "matchConstraints", "matched", ""),
        ("p/p", "matchConditions[0]", "true", ""),
    ]  # fmt: skip
    assert world.counted.lines == [("p", "p", "no_error"), ("p", "p", "no_error"), ("p", "p", "invalid_error"), ("p", "p", "invalid_error")]


def test_a_mutation_that_leaves_no_object_is_told_too() -> None:
    world = MutatingWorld(mutating("p", patched("[JSONPatch{op: 'add', path: '/foo', value: 1}]")))
    assert told(world, of_config_map())[-1] == (
        "p/p", "mutations[0]", "error", 'Internal error occurred: strict decoding error: unknown field "foo"',
    )  # fmt: skip
    assert world.counted.lines == [("p", "p", "invalid_error")]


def test_what_was_passed_over() -> None:
    nothing = {"matchLabels": {"no": "such"}}
    world = MutatingWorld(
        mutating("a", SET, rules=[rule(resources="services")]), bound("a", "a"),
        mutating("b", SET, constraints={"objectSelector": nothing}), bound("b", "b"),
        mutating("c", SET), bound("c", "c", resources={"namespaceSelector": nothing}),
        mutating("d", SET, params="v1/None"), bound("d", "d"),
        mutating("e", SET, params="v1/ConfigMap"), bound("e", "e", params={"name": "none"}),
        mutating("f", SET, matchConditions=[{"name": "c", "expression": "object.data.k == 'w'"}]), bound("f", "f"),
        mutating("g", SET, matchConditions=[{"name": "c", "expression": "object.none == 'w'"}]), bound("g", "g"),
    )  # fmt: skip
    assert [each[:3] for each in told(world, of_config_map())] == [
        ("a/", "matchConstraints", "skipped"),
        ("b/", "matchConstraints", "skipped"),
        ("c/", "matchConstraints", "matched"),
        ("c/c", "matchResources", "skipped"),
        ("d/", "matchConstraints", "matched"),
        ("d/", "paramKind", "error"),
        ("e/", "matchConstraints", "matched"),
        ("e/e", "paramRef", "error"),
        ("f/", "matchConstraints", "matched"),
        ("g/", "matchConstraints", "matched"),
        ("f/f", "matchConditions[0]", "false"),
        ("g/g", "matchConditions[0]", "error"),
    ]
    assert world.counted.lines == [("policy", "f", "validate", "CREATE", 0), ("policy", "g", "validate", "CREATE", 1)]
