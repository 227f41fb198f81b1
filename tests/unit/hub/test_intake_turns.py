"""What comes faster than it can be told: each task in its turn, and no more of it than there is room for."""

from uuid import UUID

import pytest

from tasks.hub import intake
from tasks.hub.sequence import Tracks
from tasks.hub.weight import weight_of_event
from tests.unit.hub.events import event, facts, ids_alone
from tests.unit.hub.intake_scene import LONG_AGO, NEVER, a_scene


def test_busy_task_does_not_delay_another_one():
    now = a_scene([])
    now.intake.expect(facts(UUID(int=1)))
    now.intake.expect(facts(UUID(int=2)))

    now.intake.arrive([event(number, 1, number) for number in range(1, 101)], LONG_AGO)
    now.intake.arrive([event(101, 2, 1)], NEVER)
    assert now.feed.told == []
    now.intake.take_turns(LONG_AGO)
    now.intake.take_turns(LONG_AGO)

    assert (now.feed.versions(1), now.feed.versions(2)) == ([1], [1])
    assert (now.feed.told[-1].mark, now.intake.waiting) == (1, 99)
    now.intake.take_turns(NEVER)
    assert now.feed.versions(1) == list(range(1, 101))
    assert (now.feed.told[-1].mark, now.intake.waiting) == (101, 0)


def test_no_more_waits_for_its_turn_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch):
    now = a_scene([])
    now.intake.expect(facts(UUID(int=1)))
    events = [event(number, 1, number) for number in range(1, 6)]
    monkeypatch.setattr(intake, "MAX_TURNS_BYTES", 2 * weight_of_event(events[0]))

    now.intake.arrive(events, LONG_AGO)

    assert now.feed.versions(1) == [1, 2, 3]
    now.intake.take_turns(NEVER)
    assert now.feed.versions(1) == [1, 2, 3, 4, 5]


def test_who_leaves_before_the_turn_is_not_told():
    now = a_scene([])
    now.intake.expect(facts(UUID(int=1)))
    now.intake.arrive([event(1, 1, 1)], LONG_AGO)

    now.audience.leave_feed(None, now.feed)
    now.intake.take_turns(NEVER)

    assert (now.feed.told, now.intake.ids.mark) == ([], 1)


def test_what_the_log_brought_before_its_turn_is_not_told_again():
    first, second, other = events = [event(1, 1, 1), event(2, 1, 2), event(3, 2, 1)]
    now = a_scene(events, tracks=Tracks(max_tracks=1))
    now.intake.arrive([second])
    now.intake.arrive([first], LONG_AGO)
    now.read()
    assert now.feed.versions(1) == [1, 2]

    now.intake.expect(facts(other.task_id))  # nothing of the first task is remembered any more
    now.intake.take_turns(NEVER)
    now.read()

    assert now.feed.versions(1) == [1, 2]


def test_what_waits_is_dropped_with_what_passes_by_behind_it():
    events = [event(number, 1, number) for number in range(1, 6)]
    now = a_scene(events)
    now.intake.expect(facts(UUID(int=1)))
    now.intake.arrive(events[:3], LONG_AGO)

    now.audience.leave_feed(None, now.feed)
    now.intake.arrive(events[3:4], LONG_AGO)
    assert (now.intake.waiting, now.intake.ids.mark) == (0, 4)
    now.audience.watch_feed(None, now.feed)
    now.intake.arrive(events[4:])
    now.read()

    assert now.feed.versions(1) == [5]


def test_big_event_waits_behind_those_of_its_task():
    events = [event(number, 1, number) for number in range(1, 7)]
    now = a_scene(events)
    now.intake.expect(facts(UUID(int=1)))
    now.intake.arrive([*events[:5], ids_alone(events[5])], LONG_AGO)

    wanted = now.intake.wanted()
    assert wanted is not None
    now.intake.supply(wanted, now.log.find(wanted))

    assert (wanted.versions, now.intake.wanted(), now.feed.told) == ([], None, [])
    now.intake.take_turns(NEVER)
    assert now.feed.versions(1) == [1, 2, 3, 4, 5, 6]
