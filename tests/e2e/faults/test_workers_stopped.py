"""Workers stopped past their lease, and continued: what they do then is recorded nowhere, and they end it."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from project.servers import Child
from tests.e2e.faults.crew import (
    PATIENCE_SECONDS,
    Crew,
    Tally,
    await_death,
    end_at_once,
    full_rounds_only,
    is_alive,
    longest_recovery,
    now,
    send_to_session,
)
from tests.e2e.faults.scene import LEASE_SECONDS, Result, rounds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
SLOTS: Final = 4
SILENT: Final = {"outlive": {"firstSeconds": 90, "laterSeconds": 0.1}}
"""Its first attempt would go on for long after the worker was continued."""
REPORTING: Final = {"outlive": {"firstSeconds": 90, "laterSeconds": 0.1, "beatsPerSecond": 10}}
EVENTS: Final = "events(first: 1000) { nodes { ... on TaskProgressed { progress { message } } } }"
LATE: Final = {"outlive": {"firstSeconds": LEASE_SECONDS, "laterSeconds": LEASE_SECONDS}}
"""Its first attempt is over when the worker is continued, and its second runs just then."""


@dataclass
class Pair:
    """The worker that is stopped, which starts alone, and the one that takes over."""

    crew: Crew
    stopped: Child
    other: Child | None = None

    def submit(self, task: Mapping[str, Any], count: int = 1) -> list[str]:
        """Submit the task so many times."""
        return self.crew.scene.submit_many(self.crew.api, count, task)

    def pids(self, ids: list[str]) -> list[int]:
        """Of the processes that run their first attempts."""
        return [told[0].pid for told in self.crew.attempts(ids).values()]

    def check_that_the_stopped_one_works_again(self) -> None:
        """End the other one, and have the stopped one run more tasks than it has slots."""
        assert self.other is not None
        end_at_once(self.other)
        ids = self.submit({"observe": {"seconds": 0.2}}, 2 * SLOTS)
        self.crew.scene.await_ends(ids, PATIENCE_SECONDS)
        own = self.crew.incarnation(self.stopped)
        assert {told.incarnation for tolds in self.crew.attempts(ids).values() for told in tolds} == {own}

    def results(self, ids: list[str]) -> list[object]:
        """Each task's result."""
        return [self.crew.api.task(task_id, "resultJson")["resultJson"] for task_id in ids]

    def told_ends(self, ids: list[str]) -> list[list[str]]:
        """The log's reports of ends, of each task."""
        found = {task_id: self.crew.api.task(task_id, EVENTS)["events"]["nodes"] for task_id in ids}
        messages = {task_id: [node.get("progress", {}).get("message") for node in found[task_id]] for task_id in ids}
        return [[message for message in messages[task_id] if message] for task_id in ids]

    def statuses(self, task_id: str) -> list[str]:
        """Return the statuses that the task went through."""
        rows = self.crew.scene.database.rows(
            f"SELECT status FROM tasks_event WHERE task_id = '{task_id}' AND kind = 'STATUS' ORDER BY version"
        )
        return [status for (status,) in rows]


@pytest.fixture
def pair(crew: Crew) -> Iterator[Pair]:
    crew.have(0)
    pair = Pair(crew, crew.hire(SLOTS))
    yield pair
    for worker in (pair.stopped, pair.other):
        if worker is not None:
            end_at_once(worker)


def test_what_a_worker_does_after_its_lease_changes_nothing_and_it_ends_its_handlers_when_it_notices(
    crew: Crew, pair: Pair, report: Callable[[Result], None]
):
    """One task of each sort is cancelled while its worker is stopped, and retried."""
    tally = Tally("worker stopped past its lease, its tasks run elsewhere (half cancelled and retried), continued")
    for _ in range(rounds(1, 5)):
        late, silent = pair.submit(LATE, 2), pair.submit(SILENT, 2)
        ids, retried = late + silent, [late[0], silent[0]]
        crew.await_testimonies(ids, 1, "start")

        send_to_session(pair.stopped, signal.SIGSTOP)
        stopped_at = now()
        silent_pids = pair.pids(silent)
        for task_id in retried:
            crew.cancel(task_id)
        pair.other = crew.hire(SLOTS)
        crew.await_status(retried, "CANCELLED")
        for task_id in retried:
            crew.retry(task_id)
        crew.await_testimonies(late, 2, "start")
        send_to_session(pair.stopped, signal.SIGCONT)
        crew.await_testimonies(late, 1, "end")
        await_death(silent_pids, LEASE_SECONDS + 10)
        crew.scene.await_ends(ids, PATIENCE_SECONDS)

        audit = crew.scene.audit(ids)
        assert len(audit.overlaps) == len(late)
        audit.overlaps.clear()  # expected: its lease was over
        tally.add(audit, longest_recovery(crew.attempts(ids), stopped_at))
        audit.assert_whole()
        assert set(map(tuple, crew.stories(ids).values())) == {("WORKER_LOST", "SUCCEEDED")}
        assert pair.results(ids) == len(ids) * [{"attempt": 2}]
        assert pair.told_ends(ids) == len(ids) * [["end of attempt 2"]]
        for task_id in ids:
            between = ["CANCELLED"] if task_id in retried else ["RETRYING"]
            assert pair.statuses(task_id) == ["QUEUED", "RUNNING", *between, "QUEUED", "RUNNING", "SUCCEEDED"]
        assert crew.testimonies(silent, 1, "end") == 0
        pair.check_that_the_stopped_one_works_again()
    report(tally.result)


@full_rounds_only
def test_while_the_main_process_alone_is_stopped_a_handler_learns_from_its_reports_that_it_has_lost_its_task(
    crew: Crew, pair: Pair, report: Callable[[Result], None]
):
    """One that reports nothing goes on until the main process does."""
    tally = Tally("main process alone stopped past its lease, continued")
    for _ in range(rounds(1, 3)):
        reporting, silent = pair.submit(REPORTING), pair.submit(SILENT)
        ids = reporting + silent
        crew.await_testimonies(ids, 1, "start")

        pair.stopped.send(signal.SIGSTOP)
        stopped_at = now()
        silent_pids = pair.pids(silent)
        pair.other = crew.hire(SLOTS)
        crew.scene.await_ends(ids, PATIENCE_SECONDS)
        crew.await_testimonies(reporting, 1, "stop")
        assert all(map(is_alive, silent_pids))
        pair.stopped.send(signal.SIGCONT)
        await_death(silent_pids, LEASE_SECONDS + 10)

        tally.add(crew.scene.audit(ids), longest_recovery(crew.attempts(ids), stopped_at))
        crew.scene.audit(ids).assert_whole()
        assert set(map(tuple, crew.stories(ids).values())) == {("WORKER_LOST", "SUCCEEDED")}
        assert pair.told_ends(ids) == len(ids) * [["end of attempt 2"]]
        pair.check_that_the_stopped_one_works_again()
    report(tally.result)
