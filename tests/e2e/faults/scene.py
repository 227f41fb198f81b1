"""What every fault is played on: real processes, handlers that testify, and the promises as one check."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from project.servers import Child
from tests.e2e.support import Api, Database, Processes, wait_for
from tests.e2e.witness_app.testimony import TABLE

FULL: Final = os.environ.get("FAULT_ROUNDS", "few") == "full"
LEASE_SECONDS: Final = 3.0
RESCUE_SECONDS: Final = 2 * LEASE_SECONDS + 4
"""From a worker's death to its tasks' next attempt, at the longest: a lease, upkeep's look, and a machine's noise."""
PER_REQUEST: Final = 20
"""The default of MAX_ROOT_FIELDS."""
FINAL: Final = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")


def rounds(few: int, full: int) -> int:
    """How often to play a fault: `few` in `make check`, `full` in `make faults`."""
    return full if FULL else few


class Scene(Processes):
    """A deployment with a low lease, whose handlers write into the table `testimony`."""

    def __init__(self, directory: Path, database: Database, **environment: str) -> None:
        defaults = {
            "DJANGO_SETTINGS_MODULE": "tests.e2e.settings",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "HEARTBEAT_SECONDS": "0.5",
            "ENQUEUE_GRACE_SECONDS": "2",
        }
        super().__init__(directory, database, **{**defaults, **environment})
        database.rows(TABLE)
        self._beside: list[Scene] = []

    def beside(self, **environment: str) -> "Scene":
        """Return a scene on the same stores for another server, at a port of its own; stopped with this one."""
        other = Scene(self.directory, self.database, **{**self._more, **environment})
        other.valkey = self.valkey
        self._beside.append(other)
        return other

    def stop(self) -> None:
        """End what runs: the servers, the workers, the store."""
        for other in self._beside:
            if other.server is not None:
                other.server.stop(10)
        super().stop()

    def submit_many(self, api: Api, count: int, task: Mapping[str, Any], **more: Any) -> list[str]:
        """Submit the same task so many times, in as few requests as may be, and return the ids that were answered."""
        ids: list[str] = []
        while len(ids) < count:
            size = min(PER_REQUEST, count - len(ids))
            fields = "".join(
                f"t{i}: submitTask(input: $input) {{ task {{ id }} errors {{ ... on UserError {{ message }} }} }}\n"
                for i in range(size)
            )
            document = f"mutation($input: SubmitTaskInput!) {{ {fields} }}"
            answers = api(document, input={"task": task, **more}).values()
            ids += [answer["task"]["id"] for answer in answers]
        return ids

    def count(self, ids: Collection[str], where: str) -> int:
        """How many of these tasks match the condition on their rows."""
        [(found,)] = self.database.rows(f"SELECT count(*) FROM tasks_task WHERE {where} AND id IN {sql_list(ids)}")
        return int(found)

    def await_start(self, ids: Collection[str], seconds: float = 20.0) -> None:
        """Return when each of them is RUNNING."""
        wait_for(
            lambda: self.count(ids, "status = 'RUNNING'") == len(ids), seconds, f"the start of all {len(ids)} tasks"
        )

    def await_ends(self, ids: Collection[str], seconds: float) -> None:
        """Return when each of them is final."""
        wait_for(lambda: self.count(ids, f"status IN {FINAL}") == len(ids), seconds, f"the end of all {len(ids)} tasks")

    @property
    def store(self) -> Child:
        """The process of Valkey."""
        assert self.valkey.child is not None
        return self.valkey.child

    def assert_all_live(self) -> None:
        """Fail unless the server and the workers still run that were started: nothing was started again for them."""
        assert self.server is not None
        assert [child.name for child in (self.server, *self.workers) if not child.is_running] == []

    def audit(self, ids: Collection[str]) -> "Audit":
        """Compare rows, log, attempts and testimonies of these tasks with what is promised of them."""
        return Audit.of(self.database, ids)


@dataclass
class Audit:
    """What was found wrong, each a list of sentences; `assert_whole` wants all of them empty."""

    tasks: int
    lost: list[str] = field(default_factory=list)
    """Tasks that were answered for, and are not there, or not final, or ended more than once."""
    holes: list[str] = field(default_factory=list)
    """Logs whose versions are not 1 to n."""
    overlaps: list[str] = field(default_factory=list)
    """Attempts that were still heard of after a later one had begun, or that began twice."""
    statuses: dict[str, int] = field(default_factory=dict)
    """How many tasks stand where."""

    @classmethod
    def of(cls, database: Database, ids: Collection[str]) -> "Audit":
        """Read everything about these tasks past the API."""
        audit = cls(len(ids))
        rows = database.rows(f"SELECT id, status, version FROM tasks_task WHERE id IN {sql_list(ids)}")
        known = {plain(task_id): (status, version) for task_id, status, version in rows}
        events = _by_task(
            database.rows(f"SELECT task_id, version, kind, status FROM tasks_event WHERE task_id IN {sql_list(ids)}")
        )
        testimonies = _by_task(
            database.rows(f"SELECT task_id, at, attempt, what FROM testimony WHERE task_id IN {sql_list(ids)}")
        )
        for task_id in ids:
            audit._check_end(task_id, known.get(plain(task_id)), events.get(plain(task_id), []))
            audit._check_attempts(task_id, testimonies.get(plain(task_id), []))
        return audit

    def assert_whole(self, status: str = "SUCCEEDED") -> None:
        """Fail unless each task ended there, once, with a whole log and no attempts side by side."""
        faults = self.lost + self.holes + self.overlaps
        assert not faults, "\n".join(faults[:20])
        assert self.statuses == {status: self.tasks}

    def _check_end(self, task_id: str, row: tuple[str, int] | None, events: list[tuple[Any, ...]]) -> None:
        if row is None:
            self.lost.append(f"{task_id} was answered for and is not there")
            return
        status, version = row
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if [event[0] for event in events] != list(range(1, version + 1)):
            self.holes.append(f"{task_id} stands at version {version}, its log has {[event[0] for event in events]}")
        reached = [event[2] for event in events if event[1] == "STATUS"]
        allowed = 1 + sum(1 for before, after in pairwise(reached) if _was_retried(before, after))
        ends = sum(1 for name in reached if name in FINAL)
        if ends != allowed:
            self.lost.append(f"{task_id} ended {ends} times, {allowed} expected: {reached}")

    def _check_attempts(self, task_id: str, testimonies: list[tuple[Any, ...]]) -> None:
        newest = 0
        for _, attempt, what in testimonies:
            if what == "start" and attempt <= newest:
                self.overlaps.append(f"{task_id}: attempt {attempt} began after attempt {newest}: {testimonies}")
            elif what == "end" and attempt < newest:
                self.overlaps.append(f"{task_id}: attempt {attempt} ended after {newest} had begun: {testimonies}")
            newest = max(newest, attempt)


@dataclass(frozen=True)
class Result:
    """One row of the table of faults that `make faults` prints."""

    fault: str
    rounds: int
    tasks: int
    tasks_lost: int
    events_lost: int
    duplicates: int
    longest_recovery_seconds: float | None = None
    """From the fault to the last task's next sign of life."""
    note: str = ""


def table(results: Iterable[Result]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| fault | rounds | tasks | tasks lost | events lost | duplicates | longest recovery, s | |",
        "|" + "---|" * 8,
    ]
    for row in results:
        recovery = "" if row.longest_recovery_seconds is None else f"{row.longest_recovery_seconds:.1f}"
        cells = (row.fault, row.rounds, row.tasks, row.tasks_lost, row.events_lost, row.duplicates, recovery, row.note)
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return lines


def _was_retried(before: str, after: str) -> bool:
    return before in FINAL and after == "QUEUED"


def plain(uuid: Any) -> str:
    """Return a UUID as both stores can be compared by: SQLite has it without its dashes."""
    return str(uuid).replace("-", "")


def _by_task(rows: list[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    """Each task's rows without its id, in the order of their first column."""
    ordered = sorted(((plain(row[0]), *row[1:]) for row in rows), key=itemgetter(0, 1))
    return {task_id: [row[1:] for row in group] for task_id, group in groupby(ordered, key=itemgetter(0))}


def sql_list(ids: Collection[str]) -> str:
    """Both spellings of each id, as a list for IN: PostgreSQL reads either."""
    return "(" + ", ".join(f"'{task_id}', '{plain(task_id)}'" for task_id in ids) + ")"
