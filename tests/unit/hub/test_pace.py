import pytest

from tasks.hub.pace import SOON_SECONDS, Pace


def test_a_look_that_was_too_early_doubles_the_wait_up_to_the_most():
    pace = Pace(at_most=0.3)
    waits = []

    for event_id in range(4):
        pace.looked([event_id], event_id / 10, settled=False)
        pace.came([event_id])
        waits.append(pace.seconds)

    assert waits == pytest.approx([0.1, 0.2, 0.3, 0.3])


def test_of_one_look_no_more_than_one_step_comes():
    pace = Pace(at_most=1)
    pace.looked([1, 2, 3], 0, settled=False)

    pace.came([1, 2])
    pace.came([3])

    assert pace.seconds == 2 * SOON_SECONDS


def test_what_is_later_than_several_looks_is_late_all_the_same():
    pace = Pace(at_most=1)
    pace.looked([1], 0, settled=False)

    for number in range(1, 5):
        pace.looked([], number / 10, settled=True)
    pace.came([1])

    assert pace.seconds == 2 * SOON_SECONDS


def test_what_does_not_come_live_was_lost_and_the_next_is_looked_up_soon():
    pace = Pace(at_most=1)
    pace.looked([1, 2], 0, settled=False)
    pace.came([1])
    assert pace.seconds > SOON_SECONDS

    pace.looked([3], 0.9, settled=False)
    assert pace.seconds > SOON_SECONDS
    pace.looked([], 1.0, settled=True)

    assert pace.seconds == SOON_SECONDS


def test_looks_for_what_cannot_be_settled_yet_become_rarer_until_one_is_of_use():
    pace = Pace(at_most=1)
    waits = []

    for _ in range(6):
        pace.looked([], 0, settled=False)
        waits.append(pace.seconds)

    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1, 1])
    pace.looked([], 0, settled=True)
    assert pace.seconds == SOON_SECONDS


def test_the_wait_shortens_while_it_is_long_enough_down_to_soon():
    pace = Pace(at_most=1)
    pace.looked([1], 0, settled=False)
    pace.came([1])

    pace.was_enough()
    assert SOON_SECONDS < pace.seconds < 2 * SOON_SECONDS
    for _ in range(10):
        pace.was_enough()

    assert pace.seconds == SOON_SECONDS
