"""Single pool children killed, by their own task or from outside; and workers that share a name."""

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pytest

from project.servers import Child
from tests.e2e.faults.crew import (
    PATIENCE_SECONDS,
    SLOTS,
    Crew,
    Tally,
    children_of,
    longest_recovery,
    longest_rescue,
    now,
    seconds_between,
)
from tests.e2e.faults.scene import LEASE_SECONDS, RESCUE_SECONDS, Result, rounds
from tests.e2e.support import Database, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds a worker's children in /proc")
STORM_TASKS: Final = rounds(40, 200)

_HELD_CLAIMS: Final = """
    CREATE FUNCTION wait_for_leave() RETURNS TRIGGER LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
    CREATE TRIGGER wait_for_leave BEFORE INSERT ON tasks_attempt FOR EACH ROW EXECUTE FUNCTION wait_for_leave();
    SELECT pg_advisory_lock(1);
"""
_CLAIMS_IN_FLIGHT: Final = """
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""


@pytest.fixture
def worker(crew: Crew) -> Child:
    """Return the only worker there is."""
    [worker] = crew.have(1)
    return worker


@contextmanager
def held_claims(database: Database) -> Iterator[None]:
    """While inside, no claim is stored: each waits in the database."""
    database.rows(_HELD_CLAIMS)
    try:
        yield
    finally:
        database.rows("SELECT pg_advisory_unlock(1)")
        database.rows("DROP FUNCTION wait_for_leave CASCADE")


def running_pids(crew: Crew, ids: list[str]) -> list[int]:
    return [told.pid for attempts in crew.attempts(ids).values() for told in attempts if told.status == "RUNNING"]


def kill_child(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_an_attempt_whose_child_is_killed_ends_at_once_and_the_next_one_succeeds(
    crew: Crew, worker: Child, report: Callable[[Result], None]
):
    tally = Tally("one pool child killed")
    for _ in range(rounds(1, 10)):
        [task_id] = ids = crew.scene.submit_many(crew.api, 1, {"outlive": {"firstSeconds": 90, "laterSeconds": 0}})
        crew.await_status(ids, "RUNNING")

        [pid] = running_pids(crew, ids)
        kill_child(pid)
        killed_at = now()
        crew.scene.await_ends(ids, PATIENCE_SECONDS)

        attempts = crew.attempts(ids)
        tally.add(crew.scene.audit(ids), longest_recovery(attempts, killed_at))
        crew.scene.audit(ids).assert_whole()
        assert crew.stories(ids) == {task_id: ["WORKER_LOST", "SUCCEEDED"]}
        assert longest_rescue(attempts, killed_at) < LEASE_SECONDS
        assert worker.is_running
    report(tally.result)


def test_a_task_that_kills_its_process_fails_when_its_attempts_are_used_up(crew: Crew, worker: Child):
    ids = crew.scene.submit_many(crew.api, 3, {"destroy": {"whom": "CHILD"}}, maxAttempts=3)
    bystanders = crew.scene.submit_many(crew.api, 10, {"observe": {"seconds": 0.1}})

    crew.scene.await_ends(ids + bystanders, PATIENCE_SECONDS)

    crew.scene.audit(ids).assert_whole("FAILED")
    crew.scene.audit(bystanders).assert_whole()
    assert set(map(tuple, crew.stories(ids).values())) == {3 * ("WORKER_LOST",)}
    assert set(map(tuple, crew.stories(bystanders).values())) == {("SUCCEEDED",)}
    assert worker.is_running
    crew.await_width()


def test_children_killed_at_random_moments_cost_neither_a_task_nor_a_slot(
    crew: Crew, worker: Child, report: Callable[[Result], None]
):
    """At random: idle, about to claim, at work, ending, just forked."""
    tally = Tally("pool children killed at random moments")
    ids = crew.scene.submit_many(crew.api, STORM_TASKS, {"observe": {"seconds": 0.02}})
    killed: set[int] = set()

    while crew.scene.count(ids, "status = 'SUCCEEDED'") < len(ids) * 0.9:
        living = [pid for pid in children_of(worker) if pid not in killed]
        if living and len(killed) < STORM_TASKS / 5:
            victim = random.choice(living)  # noqa: S311 - no secret
            kill_child(victim)
            killed.add(victim)
    killed_at = now()
    crew.scene.await_ends(ids, PATIENCE_SECONDS)

    attempts = crew.attempts(ids)
    tally.add(crew.scene.audit(ids), longest_recovery(attempts, killed_at))
    tally.note = f"{len(killed)} children killed"
    crew.scene.audit(ids).assert_whole()
    for story in crew.stories(ids).values():
        assert story == [*["WORKER_LOST"] * (len(story) - 1), "SUCCEEDED"]
    assert {told.pid for tolds in attempts.values() for told in tolds if told.is_lost} <= killed
    assert worker.is_running
    crew.await_width()
    report(tally.result)


@pytest.mark.skipif(os.environ.get("TASKFEED_TEST_STORE") == "sqlite", reason="a killed SQLite client commits nothing")
def test_a_claim_that_is_stored_after_its_child_was_killed_is_found_and_ended(crew: Crew, worker: Child):
    database = crew.scene.database

    with held_claims(database):
        ids = crew.scene.submit_many(crew.api, SLOTS, {"observe": {"seconds": 0.1}})
        wait_for(lambda: len(database.rows(_CLAIMS_IN_FLIGHT)) == SLOTS, PATIENCE_SECONDS, "the claims")
        for pid in children_of(worker):
            kill_child(pid)
    crew.scene.await_ends(ids, PATIENCE_SECONDS)

    crew.scene.audit(ids).assert_whole()
    assert set(map(tuple, crew.stories(ids).values())) == {("WORKER_LOST", "SUCCEEDED")}


@pytest.mark.parametrize("whom", ("ALL", "WORKER")[: rounds(1, 2)])
def test_a_worker_restarted_under_the_same_name_does_not_keep_its_predecessor_s_tasks_alive(
    crew: Crew, report: Callable[[Result], None], whom: str
):
    """The task kills one worker of that name after the other, until its attempts are used up."""
    tally = Tally(f"a task that kills its worker ({whom.lower()}), restarted under the same name")
    allowed = rounds(1, 3)
    [worker] = crew.have(1)
    [task_id] = ids = crew.scene.submit_many(crew.api, 1, {"destroy": {"whom": whom}}, maxAttempts=allowed)

    restarted_at = []
    for _ in range(allowed):
        assert worker.wait(PATIENCE_SECONDS) is not None
        killed_at = now()
        worker = crew.restart(worker)
        restarted_at.append(now())
    bystanders = crew.scene.submit_many(crew.api, 1, {"observe": {"seconds": LEASE_SECONDS + 1}})
    crew.scene.await_ends(ids + bystanders, PATIENCE_SECONDS)

    attempts = crew.attempts(ids)[task_id]
    assert [told.story for told in attempts] == allowed * ["WORKER_LOST"]
    assert len({told.incarnation for told in attempts}) == allowed
    for moment, told in zip(restarted_at, attempts, strict=True):
        assert seconds_between(moment, told.finished_at) < RESCUE_SECONDS
    tally.add(crew.scene.audit(ids), seconds_between(killed_at, attempts[-1].finished_at))
    crew.scene.audit(ids).assert_whole("FAILED")
    crew.scene.audit(bystanders).assert_whole()
    assert crew.stories(bystanders) == {bystanders[0]: ["SUCCEEDED"]}
    assert worker.is_running
    report(tally.result)
