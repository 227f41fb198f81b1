"""Workers that are alive and seem dead, and who must not be robbed of their tasks."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Final

import psycopg2
import pytest

from tests.e2e.faults.crew import PATIENCE_SECONDS, SLOTS, Crew, Tally, full_rounds_only, longest_recovery, now
from tests.e2e.faults.scene import LEASE_SECONDS, Result
from tests.e2e.support import wait_for

pytestmark = pytest.mark.skipif(
    os.environ.get("TASKFEED_TEST_STORE") == "sqlite", reason="there, whoever writes locks everybody else out"
)
LOCK_SECONDS: Final = 1.5 * LEASE_SECONDS


@contextmanager
def locked(url: str, task_id: str) -> Iterator[None]:
    """While inside, nobody can write this task, as while an operator's transaction is open."""
    with closing(psycopg2.connect(url)) as operator, operator, operator.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM tasks_task WHERE id = '{task_id}' FOR UPDATE")
        yield


@full_rounds_only
def test_a_worker_that_waits_for_a_lock_on_one_task_keeps_its_lease_and_all_others(
    crew: Crew, report: Callable[[Result], None]
):
    """It has the end of a killed child's attempt to record, and can't for longer than a lease."""
    tally = Tally("a task locked for longer than a lease when its child is killed")
    crew.have(2)
    ids = crew.scene.submit_many(crew.api, 2 * SLOTS, {"observe": {"seconds": LOCK_SECONDS + 2}})
    crew.await_testimonies(ids, 1, "start")
    killed, *others = ids
    [told] = crew.attempts([killed])[killed]

    with locked(crew.scene.database.url, killed):
        os.kill(told.pid, signal.SIGKILL)
        until = now() + timedelta(seconds=LOCK_SECONDS)
        wait_for(lambda: now() > until, 2 * LOCK_SECONDS, "the operator")
    unlocked_at = now()
    crew.scene.await_ends(ids, PATIENCE_SECONDS)

    tally.add(crew.scene.audit(ids), longest_recovery(crew.attempts(ids), unlocked_at))
    crew.scene.audit(ids).assert_whole()
    assert crew.stories([killed]) == {killed: ["WORKER_LOST", "SUCCEEDED"]}
    assert list(crew.stories(others).values()) == len(others) * [["SUCCEEDED"]]
    report(tally.result)
