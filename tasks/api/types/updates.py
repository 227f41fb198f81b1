"""Frames of subscriptions. The source of each is a `tasks.hub` Frame, shared between all who get it."""

import strawberry

from tasks.api.cursors import write_event_cursor
from tasks.api.types.enums import GapReason, UpdateKind
from tasks.api.types.events import TaskEvent
from tasks.api.types.fields import derived
from tasks.api.types.scalars import EventCursor
from tasks.api.types.tasks import Task
from tasks.hub import Frame


@strawberry.type(description="Why events are missing.")
class Gap:
    """Its source is the frame's reason, a word."""

    reason: GapReason = derived(lambda reason: reason, "Why they could not be replayed.")


def _cursor(frame: Frame) -> str:
    return write_event_cursor(frame.epoch, frame.cursor_id)


_CURSOR = "The position after this frame: `after` goes on from here."
_EVENT = "What happened, in an EVENT."
_GAP = "What is missing, in a GAP."


@strawberry.type(description="One frame of `taskUpdated` and `runTask`.")
class TaskUpdate:
    """A frame about one task."""

    kind: UpdateKind = strawberry.field(description="What the frame carries.")
    cursor: EventCursor = derived(_cursor, _CURSOR)
    task: Task = strawberry.field(description="The task as it stood right after the event, or as it stands.")
    event: TaskEvent | None = strawberry.field(description=_EVENT)
    gap: Gap | None = strawberry.field(description=_GAP)


@strawberry.type(description="One frame of `tasksUpdated`.")
class TasksUpdate:
    """A frame of a feed."""

    kind: UpdateKind = strawberry.field(description="What the frame carries.")
    cursor: EventCursor = derived(_cursor, _CURSOR)
    task: Task | None = strawberry.field(description="Null in a GAP and a POSITION.")
    event: TaskEvent | None = strawberry.field(description=_EVENT)
    gap: Gap | None = strawberry.field(description=_GAP)
    matches: bool | None = strawberry.field(description="False: the task has just left the filter. Null where task is.")
