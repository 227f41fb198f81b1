"""Thousands of tasks that are due in one second, and several workers that do upkeep."""

from collections.abc import Callable
from typing import Final

from tests.e2e.faults.crew import PATIENCE_SECONDS, Crew, Tally, now
from tests.e2e.faults.scene import Result, rounds
from tests.e2e.support import wait_for

DUE: Final = rounds(300, 10_000)
WORKERS: Final = 3


def test_each_task_that_is_due_is_promoted_once_and_run_once_however_many_workers_do_upkeep(
    crew: Crew, report: Callable[[Result], None]
):
    tally = Tally(f"{DUE} tasks due in the same second, {WORKERS} workers doing upkeep")
    crew.have(WORKERS)
    database = crew.scene.database
    ids = crew.scene.submit_many(crew.api, DUE, {"observe": {}}, delaySeconds=3600)

    # An hour early: all of them are due with this statement's commit.
    database.rows("UPDATE tasks_task SET due_at = created_at WHERE status = 'SCHEDULED'")
    due_from = now()
    wait_for(
        lambda: not database.rows("SELECT 1 FROM tasks_task WHERE finished_at IS NULL LIMIT 1"),
        4 * PATIENCE_SECONDS,
        "the end of all",
    )
    took = (now() - due_from).total_seconds()

    audit = crew.scene.audit(ids)
    tally.add(audit, took)
    audit.assert_whole()
    assert list(crew.stories(ids).values()) == DUE * [["SUCCEEDED"]]
    assert crew.testimonies(ids, 1, "start") == DUE
    # SCHEDULED, QUEUED, RUNNING, SUCCEEDED, and nothing twice.
    assert crew.scene.count(ids, "version = 4") == DUE
    report(tally.result)
