"""The intake against a made-up log, with a channel layer that loses, doubles, reorders and cuts short at random."""

from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.hub.audience import Audience
from tasks.hub.frames import Released
from tasks.hub.intake import Intake
from tasks.hub.sequence import Tracks
from tasks.models import Event
from tests.unit.hub.events import EPOCH, OWNER, STRANGER, event, facts, ids_alone
from tests.unit.hub.intake_scene import LONG_AGO, NEVER, Log, Recorder, Scene, a_scene


def test_early_version_waits_for_the_one_before():
    first, second, third = events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = a_scene(events)
    now.intake.arrive([first])
    now.read()

    now.intake.arrive([third])
    assert now.feed.versions(7) == [1]
    now.intake.arrive([second])
    assert now.feed.versions(7) == [1, 2, 3]


def test_task_that_is_expected_needs_no_read():
    now = a_scene([event(1, 1, 1), event(2, 1, 2)])
    now.intake.expect(facts(UUID(int=1)))

    now.intake.arrive(now.log.events)

    assert now.feed.versions(1) == [1, 2]
    assert not now.intake.is_wanting


def test_lost_version_is_read_at_once():
    events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = a_scene(events)
    now.intake.arrive([events[0]])
    now.read()
    now.intake.arrive([events[2]])

    now.read()

    assert now.feed.versions(7) == [1, 2, 3]
    assert now.intake.ids.mark == 3


def test_versions_from_before_the_hub_began_are_not_told():
    events = [event(i, 7, i) for i in range(1, 6)]
    now = a_scene(events, floor=4)

    now.intake.arrive([events[4]])
    now.read()

    assert now.feed.versions(7) == [5]
    assert now.feed.told[0].before is not None
    assert now.feed.told[0].before.version == 4


def test_all_that_was_lost_of_a_task_unknown_so_far_is_told():
    events = [event(i, 7, i) for i in range(1, 60)]
    now = a_scene(events, floor=3)

    now.intake.arrive([events[-1]])
    now.read()

    assert now.feed.versions(7) == list(range(4, 60))


def test_cursor_covers_nothing_that_is_still_to_be_told():
    events = [event(1, 7, 1), event(2, 8, 1), event(3, 7, 2), event(4, 8, 2)]
    now = a_scene(events)

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


def test_big_event_is_read_by_its_id():
    events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = a_scene(events)

    now.intake.arrive([events[0], ids_alone(events[1]), events[2]])
    assert now.intake.ids.mark == 0
    now.read()

    assert now.feed.versions(7) == [1, 2, 3]
    assert now.intake.ids.mark == 3


def test_big_event_that_was_read_with_its_task_is_not_told_again():
    big, second, other = events = [event(1, 1, 1), event(2, 1, 2), event(3, 2, 1)]
    now = a_scene(events, tracks=Tracks(max_tracks=1))

    now.intake.arrive([ids_alone(big), second, other])
    now.read()

    assert sorted(released.event.id for released in now.feed.told) == [1, 2, 3]


def test_pruned_version_is_a_loss_that_is_told():
    events = [event(1, 7, 1), event(2, 7, 2), event(3, 7, 3)]
    now = a_scene(events)
    now.intake.arrive([events[0]])
    now.read()
    now.log.events = [events[0], events[2]]
    now.intake.arrive([events[2]])

    now.read()

    assert (now.feed.versions(7), now.feed.lost) == ([1, 3], 1)
    assert now.intake.wanted() is None


def test_events_of_a_task_that_is_gone_are_a_loss_that_is_told():
    now = a_scene([])

    now.intake.arrive([event(1, 7, 1)])
    now.read()

    assert (now.feed.told, now.feed.lost, now.intake.ids.mark) == ([], 1, 1)


def test_read_for_those_who_have_left_is_not_taken_for_that_of_who_came_after():
    events = [event(number, 7, number) for number in range(1, 9)]
    now = a_scene(events[:5])
    now.intake.arrive(events[3:5])
    under_way = now.intake.wanted()
    assert under_way is not None
    read = now.log.find(under_way)
    now.audience.leave_feed(None, now.feed)
    now.intake.arrive(events[5:6])
    now.audience.watch_feed(None, now.feed)
    now.log.events = events
    now.intake.arrive(events[7:8])

    now.intake.supply(under_way, read)
    now.read()

    assert now.feed.versions(7) == [7, 8]
    assert all(released.before is not None for released in now.feed.told)


def test_one_who_fails_is_told_so_and_the_others_get_theirs():
    class Faulty(Recorder):
        faults: list[Exception]

        def on_event(self, released: Released) -> None:
            raise ValueError(released.event.id)

        def on_fault(self, error: Exception) -> None:
            self.faults = [error]

    now = a_scene([event(1, 7, 1)])
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
            intake.arrive(on_the_way[:3], random.choice([LONG_AGO, NEVER]))
            del on_the_way[:3]
        if random.random() < 0.4:
            intake.take_turns(random.choice([LONG_AGO, NEVER]))
        if random.random() < 0.3:
            now.read()
        if random.random() < 0.1:
            now.tail()
    now.tail()
    intake.take_turns(NEVER)
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
