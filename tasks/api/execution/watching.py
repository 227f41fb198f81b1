"""What the holder of a watch token may select: what is named here, and nothing that the schema gets later."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    ValidationRule,
    get_named_type,
)

from tasks.errors import NotPermitted
from tasks.status import EventKind

WATCHED_KINDS: Final = frozenset(
    {EventKind.STATUS, EventKind.PROGRESS, EventKind.OUTPUT, EventKind.CANCEL_REQUEST},
)
"""The kinds of event that are told at all. What a handler logs is not meant for customers."""

Fields = Mapping[str, frozenset[str]]

_TASK: Final = frozenset(
    {
        "id",
        "type",
        "status",
        "isFinal",
        "version",
        "cursor",
        "progress",
        "attempt",
        "failure",
        "createdAt",
        "updatedAt",
        "scheduledFor",
        "expiresAt",
        "startedAt",
        "finishedAt",
        "nextAttemptAt",
        "cancelRequestedAt",
        "resultJson",
    }
)
_EVENT: Final = frozenset({"cursor", "taskId", "version", "at", "attempt"})
_FIELDS: Final[Fields] = {
    "Query": frozenset({"task", "node"}),
    "Subscription": frozenset({"taskUpdated"}),
    "Node": frozenset({"id"}),
    "Task": _TASK,
    "TaskProgress": frozenset({"fraction", "message", "updatedAt"}),
    "TaskFailure": frozenset({"code", "message"}),
    "TaskUpdate": frozenset({"kind", "cursor", "task", "event", "gap"}),
    "Gap": frozenset({"reason"}),
    "TaskEvent": _EVENT,
    "TaskStatusChanged": _EVENT | {"from", "to", "failure"},
    "TaskProgressed": _EVENT | {"progress"},
    "TaskOutput": _EVENT | {"chunk"},
    "TaskCancelRequested": _EVENT,
}
"""By the name of the type they are selected on; `__typename` goes everywhere."""


class WatchRule(ValidationRule):
    """Reports each selected field that a watch token does not show. For documents that are valid otherwise.

    It looks at the field and at the type that it is selected on, through whatever aliases, fragments and interfaces.
    """

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Look at one field."""
        parent, name = self.context.get_parent_type(), node.name.value
        if parent is None or (name != "__typename" and name not in _shown(self.context.schema).get(parent.name, ())):
            where = f"{parent.name}.{name}" if parent else name
            problem = f"A watch token does not show {where}."
            self.report_error(GraphQLError(problem, node, extensions={"code": NotPermitted.code}))


@cache
def _shown(schema: GraphQLSchema) -> Fields:
    """Return the fields of every type, those of the task types and of their results among them."""
    shown = dict(_FIELDS)
    task = schema.get_type("Task")
    if isinstance(task, GraphQLInterfaceType):
        for task_type in schema.get_implementations(task).objects:
            shown[task_type.name] = _TASK | ({"result"} & task_type.fields.keys())
            if "result" in task_type.fields:
                _show_whole(get_named_type(task_type.fields["result"].type), shown)
    return shown


def _show_whole(graphql_type: Any, shown: dict[str, frozenset[str]]) -> None:
    """Add a result's type and all that it is made of."""
    if isinstance(graphql_type, GraphQLObjectType) and graphql_type.name not in shown:
        shown[graphql_type.name] = frozenset(graphql_type.fields)
        for field in graphql_type.fields.values():
            _show_whole(get_named_type(field.type), shown)
