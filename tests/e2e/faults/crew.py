"""Workers that come and go on one scene, and what their attempts tell."""

import os
import signal
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import psycopg2
import pytest

from project.servers import Child
from tests.e2e.faults.scene import FULL, Audit, Result, Scene, plain, sql_list
from tests.e2e.support import Database, wait_for

PATIENCE_SECONDS: Final = 60.0
SLOTS: Final = 2
"""Attempts at a time in one worker of the crew."""
QUEUES: Final = ("second", "third")
"""Beside the default queue; the crew's workers do not take from them."""
full_rounds_only: Final = pytest.mark.skipif(not FULL, reason="a fault of our own invention, played by make faults")


class StandingDatabase(Database):
    """A database that is looked into often: on PostgreSQL over one connection that stays."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._connection = None if url.startswith("sqlite") else psycopg2.connect(url)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Run one query."""
        if self._connection is None:
            return super().rows(query)
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall()) if cursor.description else []

    def close(self) -> None:
        """Look no more."""
        if self._connection is not None:
            self._connection.close()


@dataclass(frozen=True)
class Told:
    """One attempt as its row tells it."""

    number: int
    status: str
    is_lost: bool
    """It failed with WORKER_LOST."""
    incarnation: str
    pid: int
    started_at: datetime
    finished_at: datetime | None

    @property
    def story(self) -> str:
        """How it ended, in one word."""
        return "WORKER_LOST" if self.is_lost else self.status


class Crew:
    """A server, a store, and as many workers as a test asks for. What is alive after one test serves the next."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        scene.start_valkey()
        server = scene.spawn_server()
        scene.await_server(server)
        self.api = scene.api.register()
        self._standing: list[Child] = []

    def have(self, count: int) -> list[Child]:
        """Return so many living workers that take from the default queue: those that stand, and new ones."""
        standing = [worker for worker in self._standing if worker.is_running]
        for superfluous in standing[count:]:
            end_at_once(superfluous)
        self._standing = standing[:count]
        for worker in [self.spawn() for _ in range(count - len(standing))]:
            self.scene.await_worker(worker)
        return list(self._standing)

    def spawn(self, name: str | None = None) -> Child:
        """Start one that takes from the default queue, without waiting for it."""
        worker = self.scene.spawn_worker(SLOTS, "--queues", "default", name=name)
        self._standing.append(worker)
        return worker

    def hire(self, slots: int) -> Child:
        """Return a new worker with so many slots, for the default queue. It is the caller's to end."""
        worker = self.scene.spawn_worker(slots, "--queues", "default")
        self.scene.await_worker(worker)
        return worker

    def restart(self, worker: Child) -> Child:
        """Return a new worker under the name of one that is gone, or going."""
        starts = f"SELECT 1 FROM tasks_workerprocess WHERE name = '{name_of(worker)}'"
        before = len(self.scene.database.rows(starts))
        new = self.spawn(name_of(worker))
        new.await_fact(lambda: len(self.scene.database.rows(starts)) > before, PATIENCE_SECONDS)
        return new

    def incarnation(self, worker: Child) -> str:
        """Return the id of this start of the worker: the newest of its name."""
        [(incarnation,)] = self.scene.database.rows(
            f"SELECT incarnation FROM tasks_workerprocess WHERE name = '{name_of(worker)}'"
            " ORDER BY started_at DESC LIMIT 1"
        )
        return plain(incarnation)

    def attempts(self, ids: Collection[str]) -> dict[str, list[Told]]:
        """Return the attempts of each of these tasks, in order."""
        found: defaultdict[str, list[Told]] = defaultdict(list)
        rows = self.scene.database.rows(
            "SELECT task_id, number, status, CAST(failure AS TEXT) LIKE '%WORKER_LOST%', incarnation, pid, started_at,"
            f" finished_at FROM tasks_attempt WHERE task_id IN {sql_list(ids)} ORDER BY number"
        )
        for task_id, number, status, lost, incarnation, pid, started_at, finished_at in rows:
            told = Told(
                number, status, bool(lost), plain(incarnation), pid, moment(started_at),
                moment(finished_at) if finished_at else None,
            )  # fmt: skip
            found[plain(task_id)].append(told)
        return {task_id: found[plain(task_id)] for task_id in ids}

    def stories(self, ids: Collection[str]) -> dict[str, list[str]]:
        """Return how each attempt of each task ended; fail where their numbers have a hole."""
        told = self.attempts(ids)
        for task_id, attempts in told.items():
            assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1)), task_id
        return {task_id: [attempt.story for attempt in attempts] for task_id, attempts in told.items()}

    def await_status(self, ids: Collection[str], status: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when all of these tasks stand there at once."""
        wait_for(lambda: self.scene.count(ids, f"status = '{status}'") == len(ids), seconds, f"all to be {status}")

    def testimonies(self, ids: Collection[str], attempt: int, what: str) -> int:
        """How often handlers of these tasks have testified that, in their attempts of that number."""
        [(count,)] = self.scene.database.rows(
            f"SELECT count(*) FROM testimony WHERE attempt = {attempt} AND what = '{what}'"
            f" AND task_id IN {sql_list(ids)}"
        )
        return int(count)

    def await_testimonies(self, ids: Collection[str], attempt: int, what: str) -> None:
        """Return when the handlers of all these tasks have testified that."""
        wait_for(
            lambda: self.testimonies(ids, attempt, what) == len(ids), PATIENCE_SECONDS, f"every {what} of {attempt}"
        )

    def await_width(self) -> None:
        """Return when the only worker runs as many attempts side by side as it has slots."""
        ids = self.scene.submit_many(self.api, SLOTS, {"observe": {"seconds": 60}})
        self.await_status(ids, "RUNNING")
        for task_id in ids:
            self.cancel(task_id)
        self.scene.await_ends(ids, PATIENCE_SECONDS)

    def cancel(self, task_id: str) -> None:
        """Ask for the cancel."""
        self._ask("cancelTask", task_id)

    def retry(self, task_id: str) -> None:
        """Have it run again."""
        self._ask("retryTask", task_id)

    def _ask(self, mutation: str, task_id: str) -> None:
        fields = "task { id } errors { ... on UserError { message } }"
        answer = self.api(f"mutation($id: ID!) {{ answer: {mutation}(input: {{id: $id}}) {{ {fields} }} }}", id=task_id)
        assert answer["answer"]["errors"] == []


@dataclass
class Tally:
    """The rounds of one fault, added up."""

    fault: str
    audits: list[Audit] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    note: str = ""

    def add(self, audit: Audit, recovery_seconds: float | None = None) -> None:
        """Count one round."""
        self.audits.append(audit)
        if recovery_seconds is not None:
            self.recoveries.append(recovery_seconds)

    @property
    def result(self) -> Result:
        """The row of the table."""
        return Result(
            self.fault,
            rounds=len(self.audits),
            tasks=sum(audit.tasks for audit in self.audits),
            tasks_lost=sum(len(audit.lost) for audit in self.audits),
            events_lost=sum(len(audit.holes) for audit in self.audits),
            duplicates=sum(len(audit.overlaps) for audit in self.audits),
            longest_recovery_seconds=max(self.recoveries, default=None),
            note=self.note,
        )


def longest_recovery(attempts: dict[str, list[Told]], fault_at: datetime) -> float:
    """Seconds from the fault to the last beginning of an attempt that follows a lost one."""
    starts = [later.started_at for told in attempts.values() for earlier, later in pairwise(told) if earlier.is_lost]
    return max(((start - fault_at).total_seconds() for start in starts), default=0.0)


def longest_rescue(attempts: dict[str, list[Told]], fault_at: datetime) -> float:
    """Seconds from the fault to the last end of an attempt that was lost with its worker."""
    ends = [told.finished_at for tolds in attempts.values() for told in tolds if told.is_lost and told.finished_at]
    return max(((end - fault_at).total_seconds() for end in ends), default=0.0)


def seconds_between(earlier: datetime, later: datetime | None) -> float:
    """How long that took. Fails where the later moment has not come."""
    assert later is not None
    return (later - earlier).total_seconds()


def now() -> datetime:
    """The moment, as rows have it."""
    return datetime.now(UTC)


def name_of(worker: Child) -> str:
    """Return the name that the worker signs in with."""
    return worker.command[worker.command.index("--hostname") + 1]


def end_at_once(worker: Child) -> None:
    """SIGKILL the worker with its children, as a machine that goes away would."""
    worker.kill()
    worker.wait(5)


def children_of(worker: Child) -> list[int]:
    """Return the pids of the worker's pool children."""
    return [int(pid) for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()]


def await_death(pids: Collection[int], seconds: float) -> None:
    """Return when none of these processes lives."""
    wait_for(lambda: not any(map(is_alive, pids)), seconds, f"the end of processes {pids}")


def send_to_session(worker: Child, sent_signal: signal.Signals) -> None:
    """Send a signal to the worker and to its children."""
    assert worker.pid
    os.killpg(worker.pid, sent_signal)


def is_alive(pid: int) -> bool:
    """Tell whether somebody else's child lives; where nobody reaps orphans it stays behind as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def moment(value: Any) -> datetime:
    """Return a time as both stores can be compared by: SQLite has text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)
