"""What must hold of tasks, their logs and their attempts at every moment, checked against what stood a moment ago."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from tasks.lifecycle import Claim
from tasks.lifecycle.changes import COPIED
from tasks.models import Attempt, Event, Task
from tasks.status import FINAL, TRANSITIONS, AttemptStatus, TaskStatus, TransitionCause

RESTING = (TaskStatus.SCHEDULED, TaskStatus.RETRYING)
AGO = timedelta(seconds=0.5)


class Ledger:
    """What is known of every task that should exist. `check` reads the store anew and compares."""

    def __init__(self) -> None:
        self.retried: set[UUID] = set()
        """Tasks for which a retryTask was asked since the last check."""
        self._rows: dict[UUID, Task] = {}
        self._logs: dict[UUID, list[Event]] = {}
        self._attempts: dict[UUID, list[Attempt]] = {}
        self._expected: set[UUID] = set()

    # ---- what a step has done, and may ask -------------------------------------------------------------------------

    def stored(self, task_id: UUID) -> None:
        """An answer said that this task exists."""
        self._expected.add(task_id)

    def forget(self, task_ids: set[UUID]) -> int:
        """These were pruned. Returns the highest id of their events."""
        self._expected -= task_ids
        return max((event.id for task_id in task_ids for event in self._logs.pop(task_id)), default=0)

    def knows(self, task_id: UUID) -> bool:
        """Whether the task should exist."""
        return task_id in self._expected

    def status(self, task_id: UUID) -> TaskStatus:
        """Where it stood at the last check."""
        return TaskStatus(self._rows[task_id].status)

    def final(self) -> set[UUID]:
        """Those that had ended."""
        return {task_id for task_id in self._rows if self.status(task_id).is_final}

    def is_running(self, claim: Claim) -> bool:
        """Whether that claim held its task."""
        row = self._rows.get(claim.task_id)
        return row is not None and row.claim_id == claim.claim_id

    def running_under(self, incarnation: UUID) -> list[Attempt]:
        """The attempts of one worker that ran."""
        attempts = (attempt for found in self._attempts.values() for attempt in found)
        return [one for one in attempts if one.status == AttemptStatus.RUNNING and one.incarnation == incarnation]

    def is_claimable(self, task_id: UUID) -> bool | None:
        """Whether a delivery had to begin an attempt; None where its expiry was just about to pass."""
        row = self._rows.get(task_id)
        if row is None or row.status != TaskStatus.QUEUED:
            return False
        if row.expires_at is None or row.started_at is not None:
            return True
        left = row.expires_at - datetime.now(UTC)
        return None if abs(left) < AGO else left > timedelta()

    # ---- the check -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Read everything, and fail at the first thing that is not as promised."""
        rows = {task.id: task for task in Task.objects.all()}
        logs, attempts = defaultdict(list), defaultdict(list)
        for event in Event.objects.order_by("id"):
            logs[event.task_id].append(event)
        for attempt in Attempt.objects.order_by("number"):
            attempts[attempt.task_id].append(attempt)
        assert set(rows) == set(logs) == self._expected
        assert set(attempts) <= self._expected
        for task_id, row in rows.items():
            self._check_log(row, logs[task_id])
            _check_attempts(row, attempts[task_id])
            _check_columns(row)
        self._rows, self._logs, self._attempts = rows, dict(logs), dict(attempts)
        self.retried.clear()

    def _check_log(self, row: Task, log: list[Event]) -> None:
        assert [event.version for event in log] == list(range(1, row.version + 1))
        known = self._logs.get(row.id, [])
        assert [_told(event) for event in log[: len(known)]] == [_told(event) for event in known]
        assert _copied(log[-1]) == _copied(row)
        assert log[-1].result == (row.result if row.status == TaskStatus.SUCCEEDED else None)
        for before, after in pairwise(log):
            if after.kind == "STATUS":
                move = (TaskStatus(before.status), TaskStatus(after.status))
                assert after.body["from"] == move[0]
                assert move in TRANSITIONS, f"{move[0]} to {move[1]}"
            else:
                assert after.status == before.status == TaskStatus.RUNNING
        for before, after in pairwise(log[max(len(known) - 1, 0) :]):
            if before.status in FINAL:
                cause = TRANSITIONS[TaskStatus(before.status), TaskStatus(after.status)]
                assert cause is TransitionCause.RETRY_TASK
                assert row.id in self.retried, f"left {before.status}, and nobody asked for it"


def _check_attempts(row: Task, attempts: list[Attempt]) -> None:
    assert [attempt.number for attempt in attempts] == list(range(1, row.attempt + 1))
    running = [attempt.claim_id for attempt in attempts if attempt.status == AttemptStatus.RUNNING]
    assert running == ([row.claim_id] if row.status == TaskStatus.RUNNING else [])
    assert all((one.finished_at is None) == (one.status == AttemptStatus.RUNNING) for one in attempts)
    assert len({attempt.claim_id for attempt in attempts}) == len(attempts)
    returned = sum(attempt.status == AttemptStatus.RETURNED for attempt in attempts)
    assert returned == row.attempts_returned
    assert row.attempt - returned <= row.max_attempts
    succeeded = sum(attempt.status == AttemptStatus.SUCCEEDED for attempt in attempts)
    assert succeeded == (row.status == TaskStatus.SUCCEEDED)


def _check_columns(row: Task) -> None:
    status = TaskStatus(row.status)
    assert (row.claim_id is not None) == (status is TaskStatus.RUNNING)
    assert (row.finished_at is not None) == status.is_final
    assert (row.due_at is not None) == (status in RESTING)
    assert (row.next_attempt_at is not None) == (status is TaskStatus.RETRYING)
    assert row.enqueued_at is None or status is TaskStatus.QUEUED
    assert (row.result is not None) == (status is TaskStatus.SUCCEEDED)
    assert row.cancel_requested_at is None or status is TaskStatus.RUNNING or status.is_final
    assert (row.started_at is not None) == (row.attempt > 0)
    assert status is not TaskStatus.EXPIRED or row.attempt == 0


def _copied(source: Task | Event) -> dict[str, Any]:
    return {column: getattr(source, column) for column in COPIED}


def _told(event: Event) -> dict[str, Any]:
    return {field.attname: getattr(event, field.attname) for field in Event._meta.concrete_fields}  # noqa: SLF001
