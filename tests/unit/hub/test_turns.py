"""The order in which tasks have their turn, and what their events weigh."""

from tasks.hub.turns import Turns
from tests.unit.hub.events import event


def test_tasks_take_turns_and_each_keeps_its_order():
    turns = Turns()
    for number, (task, version) in enumerate([(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2)]):
        turns.put(event(number, task, version))

    told = []
    while turns:
        taken = turns.take()
        told.append((taken.task_id.int, taken.version))

    assert told == [(1, 1), (2, 1), (3, 1), (1, 2), (3, 2), (1, 3)]


def test_a_task_that_comes_anew_is_next_after_the_others():
    turns = Turns()
    turns.put(event(1, 1, 1))
    turns.put(event(2, 1, 2))
    turns.take()
    turns.put(event(3, 2, 1))

    assert [turns.take().task_id.int, turns.take().task_id.int] == [1, 2]


def test_what_was_put_weighs_until_it_is_taken():
    turns = Turns()
    turns.put(event(1, 1, 1))
    one = turns.weight
    turns.put(event(2, 2, 1))

    turns.take()
    assert turns.weight == one
    turns.take()
    assert turns.weight == 0


def test_a_task_s_events_are_dropped_together():
    turns = Turns()
    first, second, other = event(1, 1, 1), event(2, 1, 2), event(3, 2, 1)
    for one in (first, second, other):
        turns.put(one)

    assert turns.drop(first.task_id) == [first, second]
    assert turns.drop(first.task_id) == []
    assert turns.take() is other
    assert (bool(turns), turns.count, turns.weight) == (False, 0, 0)
