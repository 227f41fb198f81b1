"""What live delivery lacks: what is to be read of the log, and what was found. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot

VersionSpan = tuple[UUID, int, int]
"""A task, and the first and last of its versions to read."""


@dataclass(slots=True)
class Wanted:
    """What to read from the database."""

    tasks: list[UUID]
    versions: list[VersionSpan]
    ids: list[int]


@dataclass(slots=True)
class Found:
    """What was read."""

    tasks: dict[UUID, TaskSnapshot]
    events: dict[UUID, dict[int, Event]]
    """By task and version."""
    by_id: list[Event]


def by_task(events: Sequence[Event]) -> dict[UUID, dict[int, Event]]:
    """Sort events by task and version."""
    sorted_events: dict[UUID, dict[int, Event]] = {}
    for event in events:
        sorted_events.setdefault(event.task_id, {})[event.version] = event
    return sorted_events
