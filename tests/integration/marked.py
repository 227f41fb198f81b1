"""A task that has something of everything, each thing with a mark by which a test finds it in an answer.

And documents that select whatever a schema has, so that what is added later is looked at as well.
"""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any, Final
from uuid import uuid4

from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)
from graphql.type import is_required_argument
from uuid_utils.compat import uuid7

from tasks import lifecycle
from tasks.api.execution import Context, Documents, Limits, Prepared, execute, subscribe
from tasks.api.execution.payloads import payload
from tasks.api.schema import schema
from tasks.api.viewer import Viewer
from tasks.lifecycle import Claim, Failure, Logged, Output, Progressed
from tasks.models import Event, Task, User
from tasks.status import FailureCode, LogLevel, TaskStatus

SCHEMA: Final = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
_AMPLE = 10**9
DOCUMENTS: Final = Documents(
    schema,
    Limits(
        max_tokens=_AMPLE,
        max_characters=_AMPLE,
        max_depth=50,
        max_aliases=_AMPLE,
        max_fields=_AMPLE,
        max_overlaps=_AMPLE,
        max_complexity=_AMPLE,
    ),
)
DEPTH: Final = 7
"""Enough from a root field over a page, a node, an event and a failure down to its code."""

SHOWN_TO_WATCHERS: Final = frozenset({"mark-progress", "mark-output", "mark-result", "mark-failure"})
FOR_STAFF: Final = frozenset({"mark-traceback"})
MARKS: Final = (
    SHOWN_TO_WATCHERS
    | FOR_STAFF
    | {"mark-argument", "mark-metadata", "mark-tag", "mark-key", "mark-log", "mark-exception", "mark-owner"}
)


def marked_task(owner: User, mark: str = "mark", **changes: Any) -> Task:
    """Store a task that failed, ran again and SUCCEEDED. Its owner must be called `<mark>-owner`."""
    assert owner.username == f"{mark}-owner"
    task = stored(owner, mark, **changes)
    failure = Failure(FailureCode.EXCEPTION, f"{mark}-failure", f"{mark}-exception", f"{mark}-traceback")
    lifecycle.fail(_told(task, mark), failure, retry_in_seconds=0.0)
    lifecycle.promote_due(10)
    run_to_its_end(task, mark)
    return task


def stored(owner: User, mark: str = "mark", **changes: Any) -> Task:
    """Store a task that waits."""
    now = datetime.now(UTC)
    given: dict[str, Any] = {
        "id": uuid7(),
        "type": "reverse_string",
        "owner": owner,
        "queue": "default",
        "arguments": {"text": f"{mark}-argument"},
        "arguments_digest": b"digest",
        "metadata": {"note": f"{mark}-metadata"},
        "tags": [f"{mark}-tag"],
        "idempotency_key": f"{mark}-key",
        "status": TaskStatus.QUEUED,
        "attempt_allowance": 3,
        "max_attempts": 3,
        "created_at": now,
        "updated_at": now,
    }
    task = Task(**{**given, **changes})
    lifecycle.insert([task])
    return task


def run_to_its_end(task: Task, mark: str = "mark") -> None:
    """Play the worker: progress, a log line, output, a result."""
    lifecycle.succeed(_told(task, mark), {"text": f"{mark}-result"})


def last_event_id(task: Task) -> int:
    return Event.objects.filter(task_id=task.pk).latest("version").id


def _told(task: Task, mark: str) -> Claim:
    claim = lifecycle.claim(task.id, claim_id=uuid4(), incarnation=uuid4(), worker="worker@here", pid=os.getpid())
    assert claim is not None
    lifecycle.record(
        claim, [Progressed(0.5, f"{mark}-progress"), Logged(LogLevel.INFO, f"{mark}-log"), Output(f"{mark}-output")]
    )
    return claim


def viewer_of(user: User) -> Viewer:
    return Viewer(user.pk, user.is_staff, None, None)


def watcher_of(task: Task) -> Viewer:
    return Viewer(None, is_staff=False, token_id=None, expires_at=None, watches=task.pk)


def marks_in(answer: Any) -> set[str]:
    """Return whose and what marks an answer has."""
    text = json.dumps(answer)
    return {mark for mark in MARKS if mark in text}


async def ask(document: str, viewer: Viewer, **variables: Any) -> dict[str, Any]:
    """Execute a query or mutation; return the whole answer."""
    prepared = DOCUMENTS.prepare(document)
    assert isinstance(prepared, Prepared), prepared
    result = execute(prepared, None, variables, Context(viewer))
    return payload(await result if isawaitable(result) else result)


async def frames(document: str, viewer: Viewer, **variables: Any) -> "Frames | dict[str, Any]":
    """Begin a subscription; where it can't, return the answer that says so."""
    prepared = DOCUMENTS.prepare(document)
    assert isinstance(prepared, Prepared), prepared
    begun = await subscribe(prepared, None, variables, Context(viewer))
    return payload(begun) if isinstance(begun, ExecutionResult) else Frames(begun)


class Frames:
    """A subscription that a test reads frame by frame; whatever ends it with an error is raised."""

    def __init__(self, subscription: Any) -> None:
        self._subscription = subscription

    def __aiter__(self) -> "Frames":
        return self

    async def __anext__(self) -> Any:
        result = self._subscription.execute(await anext(self._subscription.source))
        return payload(await result if isawaitable(result) else result)

    async def close(self) -> None:
        """Leave before the end."""
        await self._subscription.source.aclose()


def everything(field: GraphQLField, depth: int = DEPTH) -> str:
    """Return the selection of all that a field's type leads to; "" for a scalar."""
    return _selection(get_named_type(field.type), depth, frozenset())


def _selection(graphql_type: Any, depth: int, above: frozenset[str]) -> str:
    if is_leaf_type(graphql_type):
        return ""
    below = above | {graphql_type.name}
    parts = ["__typename"]
    if not isinstance(graphql_type, GraphQLUnionType):
        parts += _fields(graphql_type, depth, below)
    if isinstance(graphql_type, GraphQLInterfaceType | GraphQLUnionType):
        for member in SCHEMA.get_possible_types(graphql_type):
            if member.name not in above:
                parts.append(
                    f"... on {member.name} {{ __typename {' '.join(_own(graphql_type, member, depth, below))} }}"
                )
    return "{ " + " ".join(parts) + " }"


def _own(abstract: Any, member: GraphQLObjectType, depth: int, above: frozenset[str]) -> Iterator[str]:
    """Select what a member has of its own, each under a name of its own: the members' types may differ."""
    common = getattr(abstract, "fields", {})
    for name, field in member.fields.items():
        if name not in common:
            yield from (f"{member.name}_{name}: {text}" for text in _field(name, field, depth, above))


def _fields(graphql_type: Any, depth: int, above: frozenset[str]) -> Iterator[str]:
    for name, field in graphql_type.fields.items():
        yield from _field(name, field, depth, above)


def _field(name: str, field: GraphQLField, depth: int, above: frozenset[str]) -> Iterator[str]:
    named = get_named_type(field.type)
    if any(is_required_argument(argument) for argument in field.args.values()) or named.name in above:
        return
    if is_leaf_type(named):
        yield name
    elif depth > 0:
        yield f"{name} {_selection(named, depth - 1, above)}"
