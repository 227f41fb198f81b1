"""From events as they come, in any order, doubled or not at all, to events told once and in order.

What an event needs before it can be told (the task's arguments, versions that have not come, the rest of an event too
big for the channel layer) is named by `wanted`, read by somebody else, and handed back to `supply`. So several events
of one moment share one read, and nothing here waits. What comes faster than it can be told is kept for `take_turns`.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter
from uuid import UUID

from tasks.hub.audience import Audience, Watcher
from tasks.hub.frames import Released
from tasks.hub.ids import SeenIds
from tasks.hub.sequence import Track, Tracks
from tasks.hub.turns import Turns
from tasks.hub.wanted import Found, Wanted
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot

MAX_WAITING = 5_000
"""Events that wait for a read. What comes beyond that is read from the log later."""
TASKS_AT_ONCE = 500
BIG_AT_ONCE = 20
"""Events too big for the channel layer, in one read: each may be as big as a result."""
VERSIONS_AT_ONCE = 200
"""Of one task, in one read."""
MAX_TURNS_BYTES = 32 * 1024 * 1024
"""Events that wait for their turn. Beyond that they are told before more is taken in, however long that takes."""
_TOLD_REMEMBERED = 8_192


@dataclass(slots=True)
class Newcomer:
    """A task whose events are wanted and of which nothing is known yet."""

    below: int
    """The version whose predecessors are looked at."""
    depth: int = 8
    """How many of them."""
    events: dict[int, Event] = field(default_factory=dict)
    """Its events by version, to be told once more is known."""


class Intake:
    """The way of every event to the audience, from the moment on that nothing at or below `floor` can come."""

    __slots__ = (
        *("_audience", "_big", "_gaps", "_highest_told", "_newcomers", "_told", "_tracks", "_turns", "_waiting"),
        *("epoch", "ids"),
    )

    def __init__(self, audience: Audience, epoch: UUID, floor: int, tracks: Tracks | None = None) -> None:
        self.epoch = epoch
        self.ids = SeenIds(floor)
        self._audience = audience
        self._tracks = Tracks() if tracks is None else tracks
        self._newcomers: dict[UUID, Newcomer] = {}
        self._gaps: dict[UUID, None] = {}
        self._big: dict[int, UUID] = {}
        self._turns = Turns()
        self._waiting = 0
        self._told: deque[int] = deque(maxlen=_TOLD_REMEMBERED)
        self._highest_told = floor

    def arrive(self, events: Iterable[Event], until: float = math.inf) -> None:
        """Take stored events, from the channel layer or from the log, and tell them until then, by `perf_counter`."""
        ids, audience, turns = self.ids, self._audience, self._turns
        for event in events:
            if not ids.see(event.id):
                continue
            if not event.kind:
                self._await_rest(event)
            elif not audience.wants(event):
                self._pass_by(event.task_id)
            elif turns or perf_counter() >= until:
                self._await_turn(event)
            else:
                self._admit(event)

    def take_turns(self, until: float) -> None:
        """Tell of what waits for its turn, one event at least, until then, by `perf_counter`."""
        while self._turns:
            self._admit_held(self._turns.take())
            if perf_counter() >= until:
                break

    def introduce(self, task: TaskSnapshot, watcher: Watcher) -> None:
        """Spare ourselves a read: `watcher` has just read the task, and nobody is owed an event of it up to there."""
        if (
            task.id not in self._newcomers
            and self._audience.is_alone(task.id, task.owner_id, watcher)
            and self._tracks.get(task.id) is None
        ):
            self._tracks.begin(task.id, task.version, task)

    def expect(self, task: TaskSnapshot) -> None:
        """Spare ourselves a read: the task is about to be stored, so that all its events are still to come."""
        if task.id not in self._newcomers and self._audience.wants_of(task.id, task.owner_id):
            self._tracks.begin(task.id, 0, task)

    def told_above(self, mark: int) -> set[int]:
        """The ids told lately that a cursor at `mark` does not cover."""
        if self._highest_told <= mark:
            return set()
        return {event_id for event_id in self._told if event_id > mark}

    @property
    def waiting(self) -> int:
        """How many events wait for their turn."""
        return self._turns.count

    @property
    def is_wanting(self) -> bool:
        """True while something has to be read."""
        return bool(self._newcomers or self._gaps or self._big)

    # ---- reading ---------------------------------------------------------------------------------------------------

    def wanted(self) -> Wanted | None:
        """What has to be read now, within bounds; None: nothing."""
        newcomers = list(self._newcomers.items())[:TASKS_AT_ONCE]
        spans = [(task_id, max(1, new.below - new.depth), new.below - 1) for task_id, new in newcomers if new.below > 1]
        for task_id in list(self._gaps)[:TASKS_AT_ONCE]:
            track = self._tracks.get(task_id)
            gap = track.gap() if track is not None else None
            if gap is None:
                del self._gaps[task_id]
            else:
                spans.append((task_id, gap[0], min(gap[1], gap[0] + VERSIONS_AT_ONCE - 1)))
        big = list(self._big)[:BIG_AT_ONCE]
        if not (newcomers or spans or big):
            return None
        return Wanted([task_id for task_id, _ in newcomers], spans, big)

    def supply(self, wanted: Wanted, found: Found) -> None:
        """Take what was read for `wanted`, and tell what can be told now."""
        for event_id in wanted.ids:
            if self._big.pop(event_id, None) is not None:
                self._waiting -= 1
        asked = set(wanted.tasks)
        read_through = {task_id: last for task_id, _, last in wanted.versions}
        for task_id in wanted.tasks:
            new = self._newcomers.get(task_id)
            # Else it was passed by meanwhile, and another one has come, whose predecessors were not read.
            if new is not None and new.below == read_through.get(task_id, 0) + 1:
                del self._newcomers[task_id]
                self._begin(task_id, new, found.tasks.get(task_id), found.events.get(task_id, {}))
        for task_id, first, _ in wanted.versions:
            track = None if task_id in asked else self._tracks.get(task_id)
            if track is not None:
                self._close_gap(task_id, track, first, found.events.get(task_id, {}))
        read = {event.id for event in found.by_id}
        for event in found.by_id:
            self._admit_in_turn(event)
        for event_id in wanted.ids:
            if event_id not in read:
                self.ids.let_go(event_id)

    # ---- one event -------------------------------------------------------------------------------------------------

    def _admit(self, event: Event) -> None:
        track = self._tracks.get(event.task_id)
        if track is None:
            self._await_facts(event)
        elif event.version == track.version + 1:
            self._tell(track, event)
            if track.parked:
                self._tell_due(event.task_id, track)
        elif event.version <= track.version:
            self.ids.let_go(event.id)
        else:
            self._park(track, event)

    def _await_turn(self, event: Event) -> None:
        self.ids.hold(event.id)
        self._turns.put(event)
        while self._turns.weight > MAX_TURNS_BYTES:
            self._admit_held(self._turns.take())

    def _admit_in_turn(self, event: Event) -> None:
        """Go on with what was held, behind what waits."""
        if self._turns:
            self._turns.put(event)
        else:
            self._admit_held(event)

    def _admit_held(self, event: Event) -> None:
        """Go on with what has waited, unless it was told meanwhile, since the log had brought it, too."""
        if not self.ids.is_held(event.id):
            return
        if self._audience.wants(event):
            self._admit(event)
        else:
            self.ids.let_go(event.id)
            self._pass_by(event.task_id)

    def _pass_by(self, task_id: UUID) -> None:
        """Nobody wants it; what is known of its task would be wrong without it, so all of that goes."""
        left = self._turns.drop(task_id) if self._turns else []
        if (track := self._tracks.drop(task_id)) is not None:
            left += track.parked.values()
        if (new := self._newcomers.pop(task_id, None)) is not None:
            self._waiting -= len(new.events)
            left += new.events.values()
        for event in left:
            self.ids.let_go(event.id)

    def _park(self, track: Track, event: Event) -> None:
        if track.park(event):
            self.ids.hold(event.id)
            self._gaps[event.task_id] = None
        else:
            self.ids.forget(event.id)

    def _await_rest(self, event: Event) -> None:
        if not self._audience.may_want(event.task_id):
            self._pass_by(event.task_id)
        elif self._has_room(event):
            self._big[event.id] = event.task_id

    def _await_facts(self, event: Event) -> None:
        new = self._newcomers.get(event.task_id)
        if new is None:
            new = Newcomer(event.version)
        elif event.version in new.events:
            return
        if self._has_room(event):
            new.events[event.version] = event
            self._newcomers[event.task_id] = new

    def _has_room(self, event: Event) -> bool:
        if self._waiting >= MAX_WAITING:
            self.ids.forget(event.id)
            return False
        self._waiting += 1
        self.ids.hold(event.id)
        return True

    # ---- one task --------------------------------------------------------------------------------------------------

    def _begin(self, task_id: UUID, new: Newcomer, facts: TaskSnapshot | None, rows: dict[int, Event]) -> None:
        """Find out where the task stands: go down from the first version that came to one that is not owed."""
        if facts is None:
            self._give_up(task_id, new)
            return
        version = new.below - 1
        while version >= 1:
            if version in new.events:
                version -= 1
                continue
            row = rows.get(version)
            if row is None:
                break
            if not (self.ids.see(row.id) or self.ids.is_held(row.id)):
                facts = TaskSnapshot.of_event(facts, row)
                break
            self.ids.hold(row.id)
            new.events[version] = row
            self._waiting += 1
            version -= 1
        if version >= 1 and version < new.below - new.depth:
            # All that was read is owed: what lies below it has to be seen as well.
            self._newcomers[task_id] = Newcomer(version + 1, new.depth * 4, new.events)
            return
        self._waiting -= len(new.events)
        track = self._tracks.begin(task_id, version, facts)
        for number in sorted(new.events):
            self._admit_held(new.events[number])
        if self._tracks.get(task_id) is track and track.parked:
            self._gaps[task_id] = None

    def _give_up(self, task_id: UUID, new: Newcomer) -> None:
        """The task is gone, and its events with it."""
        self._waiting -= len(new.events)
        owner_id = None
        for event in new.events.values():
            owner_id = event.owner_id
            self.ids.let_go(event.id)
        self._audience.lost(task_id, owner_id)

    def _close_gap(self, task_id: UUID, track: Track, first: int, rows: dict[int, Event]) -> None:
        for version in sorted(rows):
            if version > track.version:
                self.ids.see(rows[version].id)
                self._admit(rows[version])
        if track.version + 1 == first and track.parked:
            # The log does not have it, though a later version is stored: it was pruned.
            owner_id = next(iter(track.parked.values())).owner_id
            track.version = min(track.parked) - 1
            self._audience.lost(task_id, owner_id)
            self._tell_due(task_id, track)
        if not track.parked:
            self._gaps.pop(task_id, None)

    def _tell_due(self, task_id: UUID, track: Track) -> None:
        for event in track.due():
            self._tell(track, event)
        if not track.parked:
            self._gaps.pop(task_id, None)

    def _tell(self, track: Track, event: Event) -> None:
        known = track.task
        task = TaskSnapshot.of_event(known, event)
        before = known if known.version == event.version - 1 else None
        track.version = event.version
        track.task = task
        if task.result is not None:
            self._tracks.weigh(track)
        ids = self.ids
        ids.let_go(event.id)
        self._told.append(event.id)
        self._highest_told = max(self._highest_told, event.id)
        self._audience.tell(Released(event, task, before, ids.mark, self.epoch))
