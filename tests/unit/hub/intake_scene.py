"""An intake with a made-up log and an audience."""

import math
from dataclasses import dataclass
from uuid import UUID

from tasks.hub.audience import Audience
from tasks.hub.frames import Frame, Released
from tasks.hub.intake import Intake
from tasks.hub.sequence import Tracks
from tasks.hub.wanted import Found, Wanted, by_task
from tasks.models import Event
from tests.unit.hub.events import EPOCH, OWNER, facts

LONG_AGO, NEVER = 0.0, math.inf
"""Until when events are told: not at all, or all of them."""


class Recorder:
    """Somebody in the audience, with what they were told."""

    def __init__(self) -> None:
        self.told: list[Released] = []
        self.lost = 0

    def on_event(self, released: Released) -> None:
        """Note it."""
        self.told.append(released)

    def on_lost(self) -> None:
        """Count it."""
        self.lost += 1

    def on_new_epoch(self) -> None:
        """Not here."""
        raise AssertionError

    def on_fault(self, error: Exception) -> None:
        """Not here."""
        raise error

    def on_quiet(self, position: Frame) -> None:
        """Not here."""
        raise AssertionError(position)

    def versions(self, task: int) -> list[int]:
        """Tell which versions of a task were told."""
        return [released.event.version for released in self.told if released.event.task_id == UUID(int=task)]


class Log:
    """The event log and the task table."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    def find(self, wanted: Wanted) -> Found:
        """Read what is wanted."""
        spans = {
            stored.id
            for stored in self.events
            for task_id, first, last in wanted.versions
            if stored.task_id == task_id and first <= stored.version <= last
        }
        owners = {stored.task_id: stored.owner_id for stored in self.events}
        return Found(
            {task_id: facts(task_id, owners[task_id] or OWNER) for task_id in wanted.tasks if task_id in owners},
            by_task([stored for stored in self.events if stored.id in spans]),
            [stored for stored in self.events if stored.id in wanted.ids],
        )


@dataclass
class Scene:
    """An intake with one feed of all, its log, and somebody who watches one task."""

    log: Log
    intake: Intake
    audience: Audience
    feed: Recorder

    def read(self) -> None:
        """Read what is wanted, until nothing is."""
        while (wanted := self.intake.wanted()) is not None:
            self.intake.supply(wanted, self.log.find(wanted))

    def tail(self) -> None:
        """Read what lies in the holes and above, as `tasks.hub.tail` does. A transaction's number is its event's id."""
        ids = self.intake.ids
        spans, top = ids.missing(1000), ids.highest
        stored = {e.id for e in self.log.events}
        horizon = min(set(range(1, max(stored, default=0) + 2)) - stored)
        self.intake.arrive(
            [e for e in self.log.events if e.id > top or any(first <= e.id <= last for first, last in spans)]
        )
        ids.give_up(horizon, top)
        ids.note(max(stored, default=0) + 1, top)
        self.read()


def a_scene(events: list[Event], floor: int = 0, tracks: Tracks | None = None) -> Scene:
    """Return a scene whose log has these events; somebody watches all tasks."""
    audience = Audience()
    feed = Recorder()
    audience.watch_feed(None, feed)
    return Scene(Log(events), Intake(audience, EPOCH, floor, tracks), audience, feed)
