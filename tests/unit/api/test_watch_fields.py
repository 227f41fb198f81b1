"""What a watch token shows: the words of its promise, held against every field that the schema has."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from graphql import GraphQLObjectType, get_named_type, is_abstract_type, is_composite_type, parse

from tasks.api.execution import Documents, Limits, Prepared
from tasks.api.execution.watching import WATCHED_KINDS
from tasks.api.schema import schema
from tasks.status import EventKind

SCHEMA: Final = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
DOCUMENTS: Final = Documents(schema)

TASK: Final = {
    *("id", "type", "status", "isFinal", "version", "cursor", "attempt", "progress", "failure", "resultJson"),
    *("createdAt", "updatedAt", "scheduledFor", "expiresAt", "startedAt", "finishedAt", "nextAttemptAt"),
    "cancelRequestedAt",
}
EVENT: Final = {"cursor", "taskId", "version", "at", "attempt"}
PROMISED: Final[dict[str, set[str]]] = {
    "Query": {"task", "node"},
    "Mutation": set(),
    "Subscription": {"taskUpdated"},
    "Node": {"id"},
    "Task": TASK,
    "TaskProgress": {"fraction", "message", "updatedAt"},
    "TaskFailure": {"code", "message"},
    "TaskUpdate": {"kind", "cursor", "task", "event", "gap"},
    "Gap": {"reason"},
    "TaskEvent": EVENT,
    "TaskStatusChanged": EVENT | {"from", "to", "failure"},
    "TaskProgressed": EVENT | {"progress"},
    "TaskOutput": EVENT | {"chunk"},
    "TaskCancelRequested": EVENT,
}


def promised(graphql_type: Any) -> set[str]:
    if graphql_type.name in PROMISED:
        return PROMISED[graphql_type.name]
    if "Task" in {interface.name for interface in graphql_type.interfaces}:
        return TASK | ({"result"} & set(graphql_type.fields))
    return set(graphql_type.fields) if graphql_type.name in RESULTS else set()


def results() -> Iterator[str]:
    """Name the types that a result is made of."""
    waiting: list[Any] = [
        get_named_type(task.fields["result"].type)
        for task in SCHEMA.get_possible_types(SCHEMA.type_map["Task"])  # type: ignore[arg-type]
        if "result" in task.fields
    ]
    while waiting:
        graphql_type = waiting.pop()
        if isinstance(graphql_type, GraphQLObjectType):
            yield graphql_type.name
            waiting += [get_named_type(field.type) for field in graphql_type.fields.values()]


RESULTS: Final = set(results())


def ways() -> Iterator[tuple[str, str, str, bool]]:
    """Walk all that the promise lets through: a document, type and field at a time, and whether it is promised."""
    roots = (
        ("query", SCHEMA.query_type),
        ("mutation", SCHEMA.mutation_type),
        ("subscription", SCHEMA.subscription_type),
    )
    waiting: list[tuple[list[str], Any]] = [([kind], root) for kind, root in roots]
    seen = set()
    while waiting:
        path, graphql_type = waiting.pop()
        if graphql_type.name in seen:
            continue
        seen.add(graphql_type.name)
        if is_abstract_type(graphql_type):
            members = SCHEMA.get_possible_types(graphql_type)
            interfaces = [one for member in members for one in member.interfaces]
            waiting += [([*path, f"... on {one.name}"], one) for one in [*members, *interfaces]]
        for name, field in graphql_type.fields.items():
            below = get_named_type(field.type)
            leaf = f"{name} {{ __typename }}" if is_composite_type(below) else name
            yield "{ ".join([*path, leaf]) + " }" * len(path), graphql_type.name, name, name in promised(graphql_type)
            if is_composite_type(below) and name in promised(graphql_type):
                waiting.append(([*path, name], below))


WAYS: Final = list(ways())


def faults(document: str) -> list[str]:
    """Return what is FORBIDDEN of a document, whether it is valid otherwise or not."""
    found = Prepared(SCHEMA, parse(document), Limits(max_errors=100)).watch_faults()
    assert {(error.extensions or {}).get("code") for error in found} <= {"FORBIDDEN"}
    return [error.message for error in found]


def test_every_field_is_shown_or_not_as_promised() -> None:
    wrong = [document for document, _, _, is_promised in WAYS if bool(faults(document)) is is_promised]

    assert not wrong


def test_the_walk_came_everywhere() -> None:
    """So that the test above can't hold because it looked at nothing."""
    walked = {name for _, name, _, _ in WAYS}
    tasks = {task.name for task in SCHEMA.get_possible_types(SCHEMA.type_map["Task"])}  # type: ignore[arg-type]

    assert set(PROMISED) | tasks | RESULTS | {"TaskLogged", "User", "TaskType"} <= walked
    assert {True, False} == {is_promised for *_, is_promised in WAYS}


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{ __schema { types { name } } }", id="introspection"),
        pytest.param('{ __type(name: "Task") { name } }', id="introspection of a type"),
        pytest.param('{ task(id: "1") { status: metadata } }', id="under the name of what is shown"),
        pytest.param(
            '{ task(id: "1") { ...F } } fragment F on Task { ...G } fragment G on Task { tags }', id="fragments"
        ),
        pytest.param('{ task(id: "1") { ... { ... on Node { ... on Task { queue } } } } }', id="inline fragments"),
        pytest.param('{ task(id: "1") { ... on ReverseStringTask { arguments { text } } } }', id="arguments"),
        pytest.param('{ node(id: "1") { ... on User { username } } }', id="a user"),
        pytest.param('{ node(id: "1") { ... on User { id } } }', id="a user's id"),
        pytest.param('{ node(id: "1") { ... on TaskType { name } } }', id="a task type"),
        pytest.param('{ task(id: "1") { status @skip(if: true) owner @include(if: false) { id } } }', id="left out"),
        pytest.param('query A { task(id: "1") { status } } query B { me { id } }', id="in another operation"),
        pytest.param("{ me { __typename } }", id="a root field"),
        pytest.param('{ task(id: "1") { failure { exception } } }', id="the exception"),
        pytest.param('{ task(id: "1") { events { nodes { version } } } }', id="the history"),
        pytest.param(
            'subscription { taskUpdated(id: "1") { event { ... on TaskLogged { message } } } }', id="a line of the log"
        ),
        pytest.param("subscription { tasksUpdated { kind } }", id="the feed"),
        pytest.param("mutation { logout { ok } }", id="a mutation"),
    ],
)
def test_hole_is_closed(document: str) -> None:
    prepared = DOCUMENTS.prepare(document)

    assert isinstance(prepared, Prepared), prepared
    assert faults(document)


def test_typename_goes_everywhere() -> None:
    assert not faults(
        '{ __typename task(id: "1") { __typename progress { __typename } } node(id: "1") { __typename } }'
    )


def test_kinds_of_event_that_are_told_are_those_that_can_be_read() -> None:
    assert {str(kind) for kind in WATCHED_KINDS} == {*map(str, EventKind)} - {"LOG"}
