from hypothesis import given
from hypothesis import strategies as st

from tasks.hub.ids import SeenIds


def test_an_id_is_let_in_once():
    ids = SeenIds(10)

    answers = [ids.see(11), ids.see(11), ids.see(14), ids.see(12), ids.see(12), ids.see(9)]

    assert answers == [True, False, True, True, False, False]


def test_mark_stays_below_a_missing_id_and_rises_over_all_that_follow_it():
    ids = SeenIds(0)
    for event_id in (1, 3, 4):
        ids.see(event_id)

    assert (ids.mark, ids.missing(10)) == (1, [(2, 2)])
    ids.see(2)
    assert (ids.mark, ids.missing(10)) == (4, [])


def test_what_is_missing_is_known_one_by_one():
    ids = SeenIds(0)
    ids.see(3)
    ids.see(6)

    assert [event_id for event_id in range(1, 8) if ids.lacks(event_id)] == [1, 2, 4, 5]
    assert (ids.misses_through(0), ids.misses_through(1)) == (False, True)
    ids.see(1)
    assert (ids.misses_through(1), ids.misses_through(2)) == (False, True)


def test_mark_stays_below_what_was_seen_and_not_told():
    ids = SeenIds(0)
    ids.see(1)
    ids.see(2)
    ids.hold(1)
    ids.hold(2)

    ids.let_go(2)
    assert ids.mark == 0
    ids.let_go(1)
    assert ids.mark == 2


def test_hole_is_given_up_only_when_the_transactions_open_then_have_ended():
    ids = SeenIds(0)
    ids.see(5)
    ids.give_up(horizon=10**9, through=5)
    assert ids.mark == 0

    ids.note(100, through=5)
    ids.give_up(horizon=99, through=5)
    assert ids.mark == 0
    ids.give_up(horizon=100, through=5)
    assert ids.mark == 5


def test_hole_is_given_up_only_as_far_as_the_log_was_read():
    ids = SeenIds(0)
    ids.see(10)
    ids.note(1, through=10)

    ids.give_up(horizon=1, through=6)

    assert ids.missing(10) == [(7, 9)]


def test_hole_noticed_after_the_number_was_drawn_does_not_get_it():
    ids = SeenIds(0)
    ids.see(5)
    top = ids.highest
    ids.see(9)

    ids.note(100, through=top)

    assert ids.has_unnoted(9)
    ids.give_up(horizon=100, through=9)
    assert ids.missing(10) == [(6, 8)]


def test_forgotten_id_is_missing_again():
    ids = SeenIds(0)
    for event_id in (1, 2, 3, 4):
        ids.see(event_id)
        ids.hold(event_id)
    ids.let_go(1)
    for event_id in (2, 3):
        ids.forget(event_id)

    assert (ids.mark, ids.missing(10)) == (1, [(2, 3)])
    assert ids.see(3)


@given(st.lists(st.integers(1, 60), max_size=120))
def test_holes_are_exactly_what_is_missing_below_the_highest(seen: list[int]):
    ids = SeenIds(0)

    answers = [ids.see(event_id) for event_id in seen]

    missing = {event_id for first, last in ids.missing(1000) for event_id in range(first, last + 1)}
    assert missing == set(range(1, max(seen, default=0) + 1)) - set(seen)
    assert sum(answers) == len(set(seen))
    assert ids.mark == min(missing, default=max(seen, default=0) + 1) - 1
