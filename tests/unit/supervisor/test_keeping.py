import sys
from collections.abc import Iterator

import pytest

from project.servers import Child, ServerFailed
from project.supervisor.keeping import BackOff, Service
from tests.e2e.support import wait_for

ENDS_AT_ONCE = [sys.executable, "-c", "raise SystemExit(3)"]


def test_each_death_doubles_the_wait_up_to_half_a_minute():
    back_off = BackOff()

    waits = [back_off.after_a_life_of(0.1) for _ in range(8)]

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_steady_life_is_followed_by_a_quick_start():
    back_off = BackOff()
    for _ in range(5):
        back_off.after_a_life_of(0.1)

    assert back_off.after_a_life_of(60) == 0.5


@pytest.fixture
def started() -> Iterator[list[Child]]:
    children: list[Child] = []
    yield children
    for child in children:
        child.stop()


def start(command: list[str], started: list[Child]) -> Child:
    child = Child("the worker", command)
    child.start()
    started.append(child)
    return child


def test_a_dead_child_is_told_once_and_started_again(started: list[Child]):
    commands = iter([ENDS_AT_ONCE, [sys.executable, "-c", "import time; time.sleep(60)"]])
    service = Service("the worker", lambda: start(next(commands), started))
    service.start()

    death = wait_for(service.look)
    return_to_life = wait_for(service.look)

    assert death == "the worker ended with exit code 3; starting it again in 0.5 s"
    assert return_to_life == "the worker has been started again"
    assert service.look() is None
    assert started[-1].is_running


def test_a_start_that_fails_is_tried_again_later(started: list[Child]):
    answers = iter([None, ServerFailed("the store was not ready\n  its last words"), None])

    def begin() -> Child:
        if failure := next(answers):
            raise failure
        return start(ENDS_AT_ONCE, started)

    service = Service("the store", begin)
    service.start()

    wait_for(service.look)
    failed_start = wait_for(service.look)

    assert failed_start == "the store was not ready; starting it again in 1 s"
    assert wait_for(service.look) == "the store has been started again"
