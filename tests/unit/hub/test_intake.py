"""The intake against a made-up log, with a channel layer that loses, doubles, reorders and cuts short at random."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.hub.audience import Audience
from tasks.hub.frames import Frame, Released
from tasks.hub.intake import Found, Intake, Wanted, by_task
from tasks.hub.sequence import Tracks
from tasks.models import Event
from tests.unit.hub.events import EPOCH, OWNER, STRANGER, event, facts, ids_alone


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


@pytest.fixture
def scene() -> Callable[..., Scene]:
    def make(events: list[Event], floor: int = 0, tracks: Tracks | None = None) -> Scene:
        audience = Audience()
        feed = Recorder()
        audience.watch_feed(None, feed)
        return Scene(Log(events), Intake(audience, EPOCH, floor, tracks), audience, feed)

    return make


def test_early_version_waits_for_the_one_before(scene: Callable[..., Scene]):
    first, second, third = events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = scene(events)
    now.intake.arrive([first])
    now.read()

    now.intake.arrive([third])
    assert now.feed.versions(7) == [1]
    now.intake.arrive([second])
    assert now.feed.versions(7) == [1, 2, 3]


def test_task_that_is_expected_needs_no_read(scene: Callable[..., Scene]):
    now = scene([event(1, 1, 1), event(2, 1, 2)])
    now.intake.expect(facts(UUID(int=1)))

    now.intake.arrive(now.log.events)

    assert now.feed.versions(1) == [1, 2]
    assert not now.intake.is_wanting


def test_lost_version_is_read_at_once(scene: Callable[..., Scene]):
    events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = scene(events)
    now.intake.arrive([events[0]])
    now.read()
    now.intake.arrive([events[2]])

    now.read()

    assert now.feed.versions(7) == [1, 2, 3]
    assert now.intake.ids.mark == 3


def test_versions_from_before_the_hub_began_are_not_told(scene: Callable[..., Scene]):
    events = [event(i, 7, i) for i in range(1, 6)]
    now = scene(events, floor=4)

    now.intake.arrive([events[4]])
    now.read()

    assert now.feed.versions(7) == [5]
    assert now.feed.told[0].before is not None
    assert now.feed.told[0].before.version == 4


def test_all_that_was_lost_of_a_task_unknown_so_far_is_told(scene: Callable[..., Scene]):
    events = [event(i, 7, i) for i in range(1, 60)]
    now = scene(events, floor=3)

    now.intake.arrive([events[-1]])
    now.read()

    assert now.feed.versions(7) == list(range(4, 60))


def test_cursor_covers_nothing_that_is_still_to_be_told(scene: Callable[..., Scene]):
    events = [event(1, 7, 1), event(2, 8, 1), event(3, 7, 2), event(4, 8, 2)]
    now = scene(events)

    now.intake.arrive(events)
    now.read()

    told: set[int] = set()
    for released in now.feed.told:
        told.add(released.event.id)
        assert set(range(1, released.mark + 1)) <= told
    assert now.feed.told[-1].mark == 4


def test_event_that_nobody_wants_is_seen_and_not_told():
    audience = Audience()
    intake = Intake(audience, EPOCH, 0)

    intake.arrive([event(1, 7, 1, STRANGER)])

    assert (intake.ids.mark, intake.wanted()) == (1, None)


def test_big_event_is_read_by_its_id(scene: Callable[..., Scene]):
    events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = scene(events)

    now.intake.arrive([events[0], ids_alone(events[1]), events[2]])
    assert now.intake.ids.mark == 0
    now.read()

    assert now.feed.versions(7) == [1, 2, 3]
    assert now.intake.ids.mark == 3


def test_pruned_version_is_a_loss_that_is_told(scene: Callable[..., Scene]):
    events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = scene(events)
    now.intake.arrive([events[0]])
    now.read()
    now.log.events = [events[0], events[2]]
    now.intake.arrive([events[2]])

    now.read()

    assert (now.feed.versions(7), now.feed.lost) == ([1, 3], 1)
    assert now.intake.wanted() is None


def test_events_of_a_task_that_is_gone_are_a_loss_that_is_told(scene: Callable[..., Scene]):
    now = scene([])

    now.intake.arrive([event(1, 7, 1)])
    now.read()

    assert (now.feed.told, now.feed.lost, now.intake.ids.mark) == ([], 1, 1)


def test_one_who_fails_is_told_so_and_the_others_get_theirs(scene: Callable[..., Scene]):
    class Faulty(Recorder):
        faults: list[Exception]

        def on_event(self, released: Released) -> None:
            raise ValueError(released.event.id)

        def on_fault(self, error: Exception) -> None:
            self.faults = [error]

    now = scene([event(1, 7, 1)])
    faulty = Faulty()
    now.audience.watch_task(UUID(int=7), faulty)

    now.intake.arrive(now.log.events)
    now.read()

    assert [str(error) for error in faulty.faults] == ["1"]
    assert now.feed.versions(7) == [1]


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 5), st.integers(1, 60))
def test_each_event_is_told_once_and_in_order_whatever_the_layer_does(random: Random, tasks: int, count: int):
    log = made_up_log(random, tasks, count)
    audience = Audience()
    feed, watcher, latecomer = Recorder(), Recorder(), Recorder()
    floor = random.randrange(count // 2 + 1)
    intake = Intake(audience, EPOCH, floor, Tracks(max_tracks=random.choice([1, 2, 1000])))
    now = Scene(Log([]), intake, audience, feed)
    audience.watch_feed(None if random.random() < 0.5 else [OWNER, STRANGER], feed)
    audience.watch_task(UUID(int=1), watcher)
    arrives_late = random.randrange(count)
    on_the_way: list[Event] = []

    for step, stored in enumerate(log):
        now.log.events.append(stored)
        if step == arrives_late:
            audience.watch_task(UUID(int=2), latecomer)
        on_the_way += carried(random, stored)
        if random.random() < 0.3:
            random.shuffle(on_the_way)
        if random.random() < 0.6:
            intake.arrive(on_the_way[:3])
            del on_the_way[:3]
        if random.random() < 0.3:
            now.read()
        if random.random() < 0.1:
            now.tail()
    now.tail()

    assert_told(feed, [e for e in log if e.id > floor])
    assert_told(watcher, [e for e in log if e.id > floor and e.task_id == UUID(int=1)])
    due = {e.id for e in log[arrives_late:] if e.task_id == UUID(int=2) and e.id > floor}
    assert due <= {released.event.id for released in latecomer.told}
    assert_in_order(latecomer)
    assert_cursors_cover_what_was_told(feed, floor)
    assert intake.ids.mark == count


def made_up_log(random: Random, tasks: int, count: int) -> list[Event]:
    """Events in the order of their commits: in order per task, and beside that not in the order of their ids."""
    versions = dict.fromkeys(range(1, tasks + 1), 0)
    log: list[Event] = []
    for event_id in range(1, count + 1):
        task = random.randint(1, tasks)
        versions[task] += 1
        log.append(event(event_id, task, versions[task], OWNER if task % 2 else STRANGER))
    for at in range(count - 1):
        if random.random() < 0.3 and log[at].task_id != log[at + 1].task_id:
            log[at], log[at + 1] = log[at + 1], log[at]
    return log


def carried(random: Random, stored: Event) -> list[Event]:
    """What a bad channel layer makes of one message."""
    return random.choice([[stored], [stored], [stored, stored], [ids_alone(stored)], []])


def assert_told(recorder: Recorder, events: list[Event]) -> None:
    assert sorted(released.event.id for released in recorder.told) == sorted(e.id for e in events)
    assert_in_order(recorder)


def assert_in_order(recorder: Recorder) -> None:
    for task in {released.event.task_id.int for released in recorder.told}:
        versions = recorder.versions(task)
        assert versions == list(range(versions[0], versions[0] + len(versions)))
    for released in recorder.told:
        assert released.task.version == released.event.version
        if released.event.version > 1:
            assert released.before is not None
            assert released.before.version == released.event.version - 1


def assert_cursors_cover_what_was_told(recorder: Recorder, floor: int) -> None:
    told: set[int] = set()
    for released in recorder.told:
        told.add(released.event.id)
        assert set(range(floor + 1, released.mark + 1)) <= told
