"""The enums of the schema. Those of `tasks.status` are taken as they are, with their own lines of documentation."""

import re
from enum import EnumMeta, StrEnum
from typing import TypeVar

import docstring_parser
import strawberry
from strawberry.utils.str_converters import to_camel_case

from tasks.status import AttemptStatus, EventKind, FailureCode, LogLevel, TaskPriority, TaskStatus

E = TypeVar("E", bound=EnumMeta)
_QUOTED_NAME = re.compile(r"`[a-z]+(_[a-z]+)+`")


def documented(enum: E, *, name: str | None = None, description: str | None = None) -> E:
    """Make `enum` a GraphQL enum. Its docstring and the line under each member become the descriptions."""
    text = docstring_parser.parse_from_object(enum)
    lines = {param.arg_name: param.description or "" for param in text.params}
    strawberry.enum(enum, name=name, description=description or text.short_description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]  # strawberry.enum() put it there
        value.description = _in_graphql_names(lines[value.name])
    return enum


def _in_graphql_names(text: str) -> str:
    return _QUOTED_NAME.sub(lambda found: to_camel_case(found[0]), text)


class TaskOrder(StrEnum):
    """The order of a list of tasks."""

    NEWEST_FIRST = "NEWEST_FIRST"
    """By the time of submission, the newest first."""
    OLDEST_FIRST = "OLDEST_FIRST"
    """By the time of submission, the oldest first."""
    RECENTLY_UPDATED = "RECENTLY_UPDATED"
    """By the time of the last event, the most recent first."""


class UpdateKind(StrEnum):
    """What a frame of a subscription carries."""

    SNAPSHOT = "SNAPSHOT"
    """One task as it stands: when its subscription begins without `after`, and after a GAP. Never in a feed."""
    EVENT = "EVENT"
    """One event, and the task as it stood right after it."""
    GAP = "GAP"
    """Events were missed that can't be replayed. For one task a SNAPSHOT follows; of a feed, fetch the list again."""
    POSITION = "POSITION"
    """Of a feed: nothing new, only a cursor to resume from. The first frame, then now and then while it is quiet."""


class GapReason(StrEnum):
    """Why events could not be replayed."""

    RETENTION = "RETENTION"
    """They are older than what the log keeps."""
    EPOCH_CHANGED = "EPOCH_CHANGED"
    """The cursor belongs to another life of the database: it was restored from a backup, or replaced."""
    SLOW_SUBSCRIBER = "SLOW_SUBSCRIBER"
    """The subscriber fell too far behind to catch up."""


class ErrorCode(StrEnum):
    """The stable name of a mistake that a client can mend in its input."""

    INVALID_ARGUMENTS = "INVALID_ARGUMENTS"
    """A value breaks a rule of the task type or of the API."""
    TOO_LARGE = "TOO_LARGE"
    """A value is larger, or a list longer, than what is stored."""
    NOT_FOUND = "NOT_FOUND"
    """No such thing, as far as this user may know."""
    FORBIDDEN = "FORBIDDEN"
    """This user may not do this."""
    RATE_LIMITED = "RATE_LIMITED"
    """Too often; try again later."""
    QUEUE_FULL = "QUEUE_FULL"
    """As many tasks wait in that queue as may."""
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    """The key is taken by a task of another type or with other arguments."""
    NOT_CANCELLABLE = "NOT_CANCELLABLE"
    """The task is final already."""
    NOT_RETRYABLE = "NOT_RETRYABLE"
    """Only FAILED, CANCELLED and EXPIRED tasks can be retried."""
    EXPECTATION_FAILED = "EXPECTATION_FAILED"
    """The selection matches another number of tasks than was expected."""
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    """Unknown name or wrong password."""
    INVALID_REGISTRATION = "INVALID_REGISTRATION"
    """The name or the password is not acceptable."""


for _enum in (
    TaskPriority,
    AttemptStatus,
    FailureCode,
    LogLevel,
    TaskOrder,
    UpdateKind,
    GapReason,
    ErrorCode,
):
    documented(_enum)
documented(TaskStatus, description="Where a task stands.")
documented(EventKind, name="TaskEventKind")
