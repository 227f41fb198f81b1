"""Watching: each resolver returns a source of frames from the hub, which knows when to end."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.utils.str_converters import to_camel_case

from tasks import submission
from tasks.api.cursors import parse_event_cursor
from tasks.api.execution.watching import WATCHED_KINDS
from tasks.api.filters import select
from tasks.api.queries import read_id
from tasks.api.types.fields import subscribed
from tasks.api.types.info import Info
from tasks.api.types.inputs import FilterArgument, RunTaskArgument
from tasks.api.types.scalars import EventCursor
from tasks.api.types.updates import TasksUpdate, TaskUpdate
from tasks.api.viewer import Viewer
from tasks.errors import BadUserInput, TaskNotFound, UserError
from tasks.hub import Cursor, FeedSource, TaskSource, current_hub
from tasks.status import EventKind
from tasks.submission import SubmitRequest

After = Annotated[
    EventCursor | None, strawberry.argument(description="Go on after this cursor, as the last frame that came gave it.")
]
Only = Annotated[
    list[EventKind] | None,
    strawberry.argument(description="Just these kinds of event. Everything else comes all the same."),
]


@strawberry.type(
    description="Watching. A fault is an `error` message of that operation, never a closed socket, with "
    "extensions.code: NOT_FOUND for an unknown, foreign or pruned task alike; what submitTask would answer as data, "
    "for runTask, with the list in extensions.errors."
)
class Subscription:
    """The roots of watching."""

    @subscribed(
        "One task: a SNAPSHOT or, with `after`, every event since; then each event as it happens. Completes "
        "once the task is final and every stored event has been sent; a final event that a retry has undone does not "
        "end it. `only`: just these kinds of event (SNAPSHOT and GAP always come, and it completes all the same)."
    )
    async def task_updated(
        self,
        info: Info,
        id: strawberry.ID,  # noqa: A002 - the contract's name
        after: After = strawberry.UNSET,
        only: Only = strawberry.UNSET,
    ) -> AsyncIterator[TaskUpdate]:
        """Follow a task that is there."""
        viewer = info.context.viewer
        viewer.require_sight()
        position = _position(after)
        task_id = read_id(id)
        if task_id is None:
            raise TaskNotFound(f"expected a task's id, a UUID, got: {id[:80]!r}")
        return _follow(task_id, viewer, position, only)

    @subscribed(
        "Every task of mine that matches before or after the event. First a POSITION or, with `after`, every "
        "event since; then each event as it happens."
    )
    async def tasks_updated(
        self,
        info: Info,
        filter: FilterArgument = strawberry.UNSET,  # noqa: A002 - the contract's name
        after: After = strawberry.UNSET,
        only: Only = strawberry.UNSET,
    ) -> AsyncIterator[TasksUpdate]:
        """Follow a selection of tasks."""
        selection = select(filter or None, info.context.viewer)
        return FeedSource(  # type: ignore[return-value]  # its frames are the sources
            current_hub(), selection.owner_ids, selection.as_predicate(), _position(after), _kinds(only)
        )

    @subscribed(
        "Submits a task and follows it from its first event, or from `after`, to its end, in one operation.",
        changes_data=True,
    )
    async def run_task(
        self,
        info: Info,
        input: RunTaskArgument,  # noqa: A002 - the contract's name
        after: After = strawberry.UNSET,
        only: Only = strawberry.UNSET,
    ) -> AsyncIterator[TaskUpdate]:
        """Submit a task, or find the one that has the key, and follow it."""
        viewer = info.context.viewer
        owner_id = viewer.require()
        position = _position(after) or await _beginning()
        answer = await submission.submit(owner_id, SubmitRequest(**input))
        if answer.task is None:
            raise _refused(answer.errors)
        return _follow(answer.task.id, viewer, position, only)


def _follow(
    task_id: UUID, viewer: Viewer, position: Cursor | None, only: list[EventKind] | None
) -> AsyncIterator[TaskUpdate]:
    kinds = _kinds(only)
    if viewer.watches is not None:
        kinds = WATCHED_KINDS if kinds is None else kinds & WATCHED_KINDS
    return TaskSource(current_hub(), task_id, viewer.may_see, position, kinds)  # type: ignore[return-value]  # their sources


async def _beginning() -> Cursor:
    """Return the position before every event there is."""
    hub = current_hub()
    await hub.ready()
    return Cursor(hub.epoch, 0)


def _position(after: str | None) -> Cursor | None:
    return None if after is None or after is strawberry.UNSET else parse_event_cursor(after)


def _kinds(only: list[EventKind] | None) -> frozenset[EventKind] | None:
    return None if only is None or only is strawberry.UNSET else frozenset(only)


def _refused(errors: Sequence[UserError]) -> GraphQLError:
    """Return what submitTask would have answered as data, as the one error a subscription can end with."""
    return GraphQLError(
        "; ".join(error.message for error in errors),
        extensions={"code": BadUserInput.code, "errors": [_as_json(error) for error in errors]},
    )


def _as_json(error: UserError) -> dict[str, Any]:
    values = {to_camel_case(name): value for name, value in asdict(error).items()}
    return {"code": error.code} | {
        name: str(value) if isinstance(value, UUID) else value for name, value in values.items()
    }
