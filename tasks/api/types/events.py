"""Events: past-tense facts about one task. Their sources are rows of the log, or the same as they were published."""

from datetime import datetime
from operator import attrgetter
from typing import Any

import strawberry

from tasks.api.cursors import cursor_at
from tasks.api.types.fields import derived
from tasks.api.types.outcomes import TaskFailure, TaskProgress, failure_of_event
from tasks.api.types.scalars import EventCursor
from tasks.models import Event
from tasks.status import EventKind, LogLevel, TaskStatus

_OBJECT_TYPES: dict[str, str] = {
    EventKind.STATUS: "TaskStatusChanged",
    EventKind.PROGRESS: "TaskProgressed",
    EventKind.LOG: "TaskLogged",
    EventKind.OUTPUT: "TaskOutput",
    EventKind.CANCEL_REQUEST: "TaskCancelRequested",
}


def event_object_type(event: Event, _info: Any = None, _abstract: Any = None) -> str:
    """Name the object type of an event."""
    return _OBJECT_TYPES[event.kind]


@strawberry.interface(description="A stored fact about one task; the same object is in the history and is pushed live.")
class TaskEvent:
    """The interface of all events; the source is `models.Event`."""

    cursor: EventCursor = derived(lambda event: cursor_at(event.id), "This event's position in the log.")
    task_id: strawberry.ID = derived(lambda event: str(event.task_id), "The task that it happened to.")
    version: int = strawberry.field(
        description="Counted within its task, without a hole, from 1. To a watch token TaskLogged events are not told, "
        "so there may be holes."
    )
    at: datetime = strawberry.field(description="When it happened.")
    attempt: int = strawberry.field(description="The number of the task's last attempt by then.")

    resolve_type = staticmethod(event_object_type)

    @staticmethod
    def is_type_of(event: Any, _info: Any) -> bool:
        """Accept any event: `resolve_type` has chosen the type already."""
        return isinstance(event, Event)


@strawberry.type(description="The task moved from one status to another; the first event of all has no `from`.")
class TaskStatusChanged(TaskEvent):
    """A transition."""

    from_status: TaskStatus | None = derived(lambda event: event.body["from"], "The status before.", name="from")
    to: TaskStatus = derived(attrgetter("status"), "The status since.")
    failure: TaskFailure | None = derived(failure_of_event, "Why, where an attempt failed.")


@strawberry.type(description="The handler reported progress.")
class TaskProgressed(TaskEvent):
    """How far the attempt has come."""

    progress: TaskProgress = strawberry.field(description="How far it has come.")


@strawberry.type(description="The handler logged a line.")
class TaskLogged(TaskEvent):
    """One line of the handler's log."""

    level: LogLevel = derived(lambda event: event.body["level"], "How much it matters.")
    message: str = derived(lambda event: event.body["message"], "The line.")


@strawberry.type(description="The handler emitted a chunk of its output.")
class TaskOutput(TaskEvent):
    """A piece of what the handler streams."""

    chunk: str = derived(lambda event: event.body["chunk"], "Put the chunks of an attempt together in order.")


@strawberry.type(description="Somebody asked the running task to stop; it stays RUNNING until its handler has ended.")
class TaskCancelRequested(TaskEvent):
    """A cancel was asked."""


EVENT_TYPES = (TaskStatusChanged, TaskProgressed, TaskLogged, TaskOutput, TaskCancelRequested)
