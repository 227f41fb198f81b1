"""What the project promises in files: the schema as it is published, and the contract that it was built to."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from graphql import (
    DocumentNode,
    GraphQLInputObjectType,
    GraphQLSchema,
    Visitor,
    VisitorAction,
    build_ast_schema,
    build_schema,
    parse,
    visit,
)
from graphql.language import (
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    Node,
    ObjectTypeDefinitionNode,
    UnionTypeDefinitionNode,
)
from graphql.utilities.find_schema_changes import DangerousChangeType, SafeChangeType, find_schema_changes

from tasks.api.schema import schema

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "tests" / "contract.graphql"
PUBLISHED = ROOT / "schema.graphql"

NOT_DUE = frozenset(
    [
        "Mutation.submitTasks",
        "SubmitTasksInput",
        "SubmitTasksPayload",
        "Query.batch",
        "Task.batch",
        "ReverseStringTask.batch",
        "GenerateRandomNumberTask.batch",
        "UnknownTask.batch",
        "TaskFilter.batchId",
        "TaskBatch",
        "Subscription.batchUpdated",
        "TaskBatchUpdate",
        "Mutation.cancelTasks",
        "Mutation.retryTasks",
        "BulkTasksInput",
        "BulkTasksPayload",
        "BulkTasksError",
        "TaskSelector",
        "ExpectationFailed",
        "Mutation.pauseQueue",
        "Mutation.resumeQueue",
        "QueuePayload",
        "QueueError",
        "Query.queues",
        "Queue",
        "Query.workers",
        "Worker",
        "Query.taskStatistics",
        "Subscription.taskStatisticsUpdated",
        "TaskStatistics",
        "TaskStatisticsUpdate",
        "TaskTypeStatistics",
        "TaskCounts",
        "Percentiles",
    ]
)
"""What the contract has and later issues bring. Take a name out when it is due."""

ADDITIONS = frozenset(
    {
        SafeChangeType.TYPE_ADDED,
        SafeChangeType.FIELD_ADDED,
        SafeChangeType.OPTIONAL_ARG_ADDED,
        SafeChangeType.OPTIONAL_INPUT_FIELD_ADDED,
        SafeChangeType.DESCRIPTION_CHANGED,
        DangerousChangeType.OPTIONAL_ARG_ADDED,
        DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED,
    }
)
"""All that the published schema may say beyond the contract."""

_TYPES = (
    ObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    UnionTypeDefinitionNode,
    EnumTypeDefinitionNode,
)


class _DueOnly(Visitor):
    """Takes out of a document what is not due."""

    def enter(self, node: Node, _key: object, _parent: object, _path: object, ancestors: list[Node]) -> VisitorAction:
        name = None
        if isinstance(node, _TYPES):
            name = node.name.value
        elif isinstance(node, FieldDefinitionNode | InputValueDefinitionNode):
            owner = next(ancestor for ancestor in reversed(ancestors) if isinstance(ancestor, Node))
            if isinstance(owner, _TYPES):
                name = f"{owner.name.value}.{node.name.value}"
        return self.REMOVE if name in NOT_DUE else None


def _contract() -> GraphQLSchema:
    document: DocumentNode = visit(parse(CONTRACT.read_text()), _DueOnly())
    return build_ast_schema(document)


def test_published_schema_is_the_one_the_code_makes() -> None:
    exported = StringIO()

    call_command("export_schema", "tasks.api.schema:schema", stdout=exported)

    assert exported.getvalue().rstrip("\n") == PUBLISHED.read_text().rstrip("\n"), "run `make schema`"


def test_published_schema_says_what_the_contract_says() -> None:
    published = build_schema(PUBLISHED.read_text())

    changes = [change for change in find_schema_changes(_contract(), published) if change.type not in ADDITIONS]

    assert not changes, "\n".join(change.description for change in changes)


def test_names_that_are_not_due_are_names_of_the_contract() -> None:
    contract = build_schema(CONTRACT.read_text())

    for name in NOT_DUE:
        type_name, _, field = name.partition(".")
        assert type_name in contract.type_map, name
        assert not field or field in contract.type_map[type_name].fields, name  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: build_schema(CONTRACT.read_text()), id="contract"),
        pytest.param(lambda: build_schema(PUBLISHED.read_text()), id="published"),
        pytest.param(lambda: schema._schema, id="executed"),  # noqa: SLF001 - Strawberry has no public name for it
    ],
)
def test_task_input_takes_exactly_one_task_type(source: Callable[[], GraphQLSchema]) -> None:
    task_input = source().type_map["TaskInput"]

    assert isinstance(task_input, GraphQLInputObjectType)
    assert task_input.is_one_of


def test_every_object_type_of_a_task_ends_in_task_and_no_other_does() -> None:
    for name, graphql_type in schema._schema.type_map.items():  # noqa: SLF001
        interfaces = {interface.name for interface in getattr(graphql_type, "interfaces", ())}
        is_task = "Task" in interfaces or name == "Task"
        assert name.endswith("Task") == is_task, name


def test_everything_in_the_schema_is_described() -> None:
    """Fields of generated arguments and results are the author's to describe."""
    for name, graphql_type in schema._schema.type_map.items():  # noqa: SLF001
        if name.startswith("__") or name.endswith(("Arguments", "Result")):
            continue
        assert graphql_type.description, name
        if isinstance(graphql_type, GraphQLInputObjectType) and not name.startswith(_STATIC_INPUTS):
            continue
        for field_name, field in getattr(graphql_type, "fields", {}).items():
            assert field.description, f"{name}.{field_name}"


_STATIC_INPUTS = ("SubmitTaskInput", "RunTaskInput", "CancelTaskInput", "RetryTaskInput", "TaskFilter", "LoginInput")
