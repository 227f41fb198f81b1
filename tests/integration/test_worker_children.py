"""What the main process of a worker does about its children, with real processes, on the real store."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from tasks import lifecycle
from tasks.models import Attempt, Task
from tasks.status import AttemptStatus, FailureCode, TaskStatus
from tasks.worker import children
from tasks.worker.children import Children
from tests.integration.worker_scene import Scene, last_attempt
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def boom() -> None:
    raise ValueError("boom")


class Pool:
    """A worker whose children claim a task and then hang, as in C code."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.departures = 0
        self.children = Children(scene.slots, on_departure=self._note_departure)
        self._forked: list[int] = []
        self._limits = ExitStack()

    def fork(self, number: int) -> int:
        """Start a child that hangs until it is killed."""
        pid = os.fork()
        if pid == 0:
            self.scene.slots[number].occupy(os.getpid())
            while True:
                signal.pause()
        self._forked.append(pid)
        wait_for(lambda: self.scene.slots[number].pid == pid)
        self.children.watch()
        return pid

    def _note_departure(self) -> None:
        self.departures += 1

    def claim(self, task: Task, number: int, times_out_at: float = 0.0) -> UUID:
        """Claim the task for a child, which hangs then. Returns the claim's id."""
        connection.close()
        pid = self.fork(number)
        claim = lifecycle.claim(
            task.id, claim_id=uuid4(), incarnation=self.scene.place.incarnation, worker="worker@here", pid=pid
        )
        assert claim is not None
        self.scene.slots[number].hold(claim.claim_id)
        # The child would write both itself, had it not been forked before the claim.
        self._limits.enter_context(self.scene.slots[number].limited(times_out_at))
        return claim.claim_id

    def look(self) -> None:
        """Do what upkeep does each second."""
        self.children.look_after(lifecycle.running_attempts(self.scene.place.incarnation))

    def watch_until_lost(self) -> None:
        """Watch until a child with work is gone, then look at the database."""
        wait_for(self.children.watch)
        self.look()

    def end(self) -> None:
        """Leave no child behind."""
        self._limits.close()
        for pid in self._forked:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


@pytest.fixture
def pool(scene: Scene) -> Iterator[Pool]:
    pool = Pool(scene)
    yield pool
    pool.end()


def test_the_attempt_of_a_killed_child_ends_at_once(scene: Scene, pool: Pool):
    task = scene.submit(boom)
    pool.claim(task, 0)

    os.kill(scene.slots[0].pid, 9)
    pool.watch_until_lost()

    task.refresh_from_db()
    assert task.status == TaskStatus.RETRYING
    assert task.failure["code"] == FailureCode.WORKER_LOST
    assert "SIGKILL" in task.failure["message"]


def test_the_pool_is_told_of_every_child_that_is_gone_also_of_an_idle_one(pool: Pool):
    pid = pool.fork(0)
    pool.fork(1)

    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pool.children.watch() or pool.departures)
    pool.children.watch()

    assert pool.departures == 1


def test_a_child_far_beyond_its_time_is_killed_and_its_attempt_timed_out(scene: Scene, pool: Pool):
    task = scene.submit(boom)
    pool.claim(task, 0, times_out_at=time.monotonic() - 10)

    pool.watch_until_lost()

    task.refresh_from_db()
    assert task.failure["code"] == FailureCode.TIMEOUT


def test_a_child_within_its_time_is_left_alone(scene: Scene, pool: Pool):
    task = scene.submit(boom)
    pool.claim(task, 0, times_out_at=time.monotonic() + 60)

    assert not pool.children.watch()
    pool.look()
    pool.look()

    task.refresh_from_db()
    assert task.status == TaskStatus.RUNNING


def test_a_cancel_is_passed_on_first_and_ends_the_child_after_its_grace(scene: Scene, pool: Pool, settings: Settings):
    settings.CANCEL_GRACE_SECONDS = 0.2
    task = scene.submit(boom)
    claim_id = pool.claim(task, 0)
    lifecycle.request_cancel(task.id)

    pool.look()
    assert scene.slots[0].is_cancel_asked(claim_id.bytes)
    assert not pool.children.watch()
    pool.watch_until_lost()

    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELLED
    assert last_attempt(task).status == AttemptStatus.CANCELLED


def test_a_cancel_does_not_end_a_child_that_has_gone_on_to_another_task(scene: Scene, pool: Pool, settings: Settings):
    settings.CANCEL_GRACE_SECONDS = 0.0
    task = scene.submit(boom)
    pool.claim(task, 0)
    lifecycle.request_cancel(task.id)
    pool.look()

    scene.slots[0].hold(uuid4())

    assert not pool.children.watch()
    assert not pool.children.watch()


def test_an_innocent_attempt_that_is_killed_in_the_race_is_given_back_uncounted(
    scene: Scene, pool: Pool, settings: Settings
):
    settings.CANCEL_GRACE_SECONDS = 0.0
    guilty, innocent = scene.submit(boom), scene.submit(boom)
    pid = pool.fork(0)
    place: dict[str, Any] = {"incarnation": scene.place.incarnation, "worker": "worker@here", "pid": pid}
    first = lifecycle.claim(guilty.id, claim_id=uuid4(), **place)
    assert first is not None
    scene.slots[0].hold(first.claim_id)
    lifecycle.request_cancel(guilty.id)
    pool.look()
    pool.children.watch()
    # Between the look and the kill it had ended the one and claimed the other.
    lifecycle.cancelled(first)
    second = lifecycle.claim(innocent.id, claim_id=uuid4(), **place)
    assert second is not None
    scene.slots[0].hold(second.claim_id)

    pool.watch_until_lost()

    innocent.refresh_from_db()
    assert innocent.status == TaskStatus.QUEUED
    assert innocent.attempts_returned == 1
    assert last_attempt(innocent).status == AttemptStatus.RETURNED


def test_what_still_runs_when_the_grace_is_over_is_given_back(scene: Scene, pool: Pool):
    task = scene.submit(boom)
    pool.claim(task, 0)

    pool.children.stop_within(0)
    assert not pool.children.is_settled()
    pool.watch_until_lost()
    pool.look()

    task.refresh_from_db()
    assert task.status == TaskStatus.QUEUED
    assert last_attempt(task).status == AttemptStatus.RETURNED
    assert pool.children.is_settled()


def test_an_attempt_that_no_child_holds_ends_at_the_second_look(scene: Scene, pool: Pool):
    task = scene.submit(boom)
    lifecycle.claim(task.id, claim_id=uuid4(), incarnation=scene.place.incarnation, worker="worker@here", pid=999_999)

    pool.look()
    task.refresh_from_db()
    assert task.status == TaskStatus.RUNNING
    pool.look()

    task.refresh_from_db()
    assert task.failure["code"] == FailureCode.WORKER_LOST


def test_a_child_whose_attempt_was_ended_elsewhere_is_ended_at_the_second_look(scene: Scene, pool: Pool):
    task = scene.submit(boom)
    pool.claim(task, 0)
    (running,) = lifecycle.running_attempts(scene.place.incarnation)
    lifecycle.end_lost(running.claim, "rescued by another worker")

    pool.look()
    assert not pool.children.watch()
    pool.look()
    pool.watch_until_lost()

    assert Attempt.objects.filter(task=task).count() == 1
    task.refresh_from_db()
    assert task.status == TaskStatus.RETRYING


def test_a_child_that_never_begins_with_what_it_has_claimed_is_ended_and_the_task_retried(
    scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(children, "BEGIN_SECONDS", 0.0)
    task = scene.submit(boom)
    connection.close()
    pid = pool.fork(0)
    claim_id = uuid4()
    scene.slots[0].intend(claim_id)
    assert lifecycle.claim(
        task.id, claim_id=claim_id, incarnation=scene.place.incarnation, worker="worker@here", pid=pid
    )

    # Known at the first look, too long known at the second, ended at the third.
    for _ in range(2):
        pool.look()
        assert not pool.children.watch()
    pool.look()
    pool.watch_until_lost()

    task.refresh_from_db()
    assert task.status == TaskStatus.RETRYING
    assert "never began" in task.failure["message"]


def test_a_claim_that_a_child_made_and_did_not_live_to_note_is_given_back_when_the_worker_stops(
    scene: Scene, pool: Pool
):
    task = scene.submit(boom)
    connection.close()
    pid = pool.fork(0)
    claim_id = uuid4()
    scene.slots[0].intend(claim_id)
    pool.children.stop_within(60)
    assert not pool.children.is_settled()
    assert lifecycle.claim(
        task.id, claim_id=claim_id, incarnation=scene.place.incarnation, worker="worker@here", pid=pid
    )

    os.kill(pid, 9)
    pool.watch_until_lost()
    pool.look()

    task.refresh_from_db()
    assert (task.status, task.attempts_returned) == (TaskStatus.QUEUED, 1)
    assert last_attempt(task).status == AttemptStatus.RETURNED
    assert pool.children.is_settled()
