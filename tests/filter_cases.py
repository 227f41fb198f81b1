"""Filters, and which of a few tasks each one selects: the same table for the database and for the predicate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tasks.models import Task
from tasks.status import TaskPriority, TaskStatus

START = datetime(2026, 1, 1, tzinfo=UTC)
ANNA, BEN = UUID(int=0xA), UUID(int=0xB)
NAMES = ("first", "second", "third", "bens", "orphan")
# As UUIDs of version 7 do, the ids begin with the milliseconds at which the rows were made.
IDS = {
    name: UUID(int=int((START + timedelta(minutes=minutes)).timestamp() * 1000) << 80 | 7 << 76 | 2 << 62)
    for minutes, name in enumerate(NAMES)
}


def rows() -> dict[str, Task]:
    """Return unsaved rows, each of which differs from the others in something that a filter can ask for."""
    return {
        "first": _row("first", 0, type="count_words", tags=["red", "green"]),
        "second": _row("second", 1, status=TaskStatus.SUCCEEDED, queue="slow", tags=["red"]),
        "third": _row("third", 2, status=TaskStatus.FAILED, priority=TaskPriority.HIGH, tags=['say "so"', "ünï, [x]"]),
        "bens": _row("bens", 3, owner_id=BEN, status=TaskStatus.RUNNING, tags=["green"]),
        "orphan": _row("orphan", 4, owner_id=None, type="gone"),
    }


def _row(name: str, minutes: int, **columns: Any) -> Task:
    at = START + timedelta(minutes=minutes)
    defaults: dict[str, Any] = {
        "id": IDS[name],
        "type": "reverse_string",
        "owner_id": ANNA,
        "queue": "default",
        "priority": TaskPriority.NORMAL,
        "arguments": {"text": name},
        "arguments_digest": b"",
        "tags": [],
        "attempt_allowance": 3,
        "max_attempts": 3,
        "status": TaskStatus.QUEUED,
        "created_at": at,
        "updated_at": at,
    }
    row = Task(**{**defaults, **columns})
    row.finished_at = at if TaskStatus(row.status).is_final else None
    return row


@dataclass(frozen=True)
class Case:
    """A TaskFilter as GraphQL coerces it, given by staff for all owners unless it says otherwise."""

    given: Mapping[str, Any]
    selects: str


CASES = {
    "nothing given": Case({}, "first second third bens orphan"),
    "ids": Case({"ids": [str(IDS["first"]), str(IDS["bens"])]}, "first bens"),
    "an unknown id": Case({"ids": [str(UUID(int=99))]}, ""),
    "no ids": Case({"ids": []}, ""),
    "types": Case({"types": ["count_words", "gone"]}, "first orphan"),
    "no types": Case({"types": []}, ""),
    "a type that can't be stored": Case({"types": ["gone\0", "\ud800", "count_words"]}, "first"),
    "nothing but a type that can't be stored": Case({"types": ["\0"]}, ""),
    "statuses": Case({"statuses": [TaskStatus.SUCCEEDED, TaskStatus.RUNNING]}, "second bens"),
    "no statuses": Case({"statuses": []}, ""),
    "queues": Case({"queues": ["slow"]}, "second"),
    "no queues": Case({"queues": []}, ""),
    "priorities": Case({"priorities": [TaskPriority.HIGH, TaskPriority.LOW]}, "third"),
    "no priorities": Case({"priorities": []}, ""),
    "any of one tag": Case({"tagsAny": ["red"]}, "first second"),
    "any of two tags": Case({"tagsAny": ["red", "green"]}, "first second bens"),
    "any tag, one of them twice": Case({"tagsAny": ["red", "red"]}, "first second"),
    "any of no tags": Case({"tagsAny": []}, ""),
    "any of tags that can't be stored": Case({"tagsAny": ["\0"]}, ""),
    "any tag, one that can't be stored among them": Case({"tagsAny": ["\0", "red"]}, "first second"),
    "a tag with quotes": Case({"tagsAny": ['say "so"']}, "third"),
    "a tag with brackets": Case({"tagsAll": ["ünï, [x]"]}, "third"),
    "a part of a tag": Case({"tagsAny": ["re", "so"]}, ""),
    "all of two tags": Case({"tagsAll": ["green", "red"]}, "first"),
    "all of tags, one of them twice": Case({"tagsAll": ["red", "red"]}, "first second"),
    "all of no tags": Case({"tagsAll": []}, ""),
    "all tags, one that can't be stored among them": Case({"tagsAll": ["red", "\0"]}, ""),
    "any and all": Case({"tagsAny": ["green"], "tagsAll": ["red"]}, "first"),
    "created after": Case({"createdAfter": START + timedelta(minutes=2)}, "bens orphan"),
    "created before": Case({"createdBefore": START + timedelta(minutes=2)}, "first second"),
    "created between": Case({"createdAfter": START, "createdBefore": START + timedelta(minutes=3)}, "second third"),
    "final": Case({"isFinal": True}, "second third"),
    "not final": Case({"isFinal": False}, "first bens orphan"),
    "one owner": Case({"ownerIds": [str(BEN)], "allOwners": None}, "bens"),
    "two owners": Case({"ownerIds": [str(BEN), str(ANNA)]}, "first second third bens"),
    "no owners": Case({"ownerIds": []}, ""),
    "nulls are as good as absent": Case(
        {"ids": None, "types": None, "tagsAny": None, "isFinal": None, "createdAfter": None, "ownerIds": None},
        "first second third bens orphan",
    ),
    "every condition": Case(
        {"types": ["reverse_string"], "isFinal": True, "tagsAny": ["red"], "queues": ["slow"]}, "second"
    ),
    "conditions that exclude each other": Case({"statuses": [TaskStatus.QUEUED], "isFinal": True}, ""),
}
