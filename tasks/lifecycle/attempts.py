"""One attempt: claimed, recorded, ended. Each function is one transaction, told after its commit.

A claim is a conditional UPDATE. Celery may deliver a task twice; only the delivery that moves the row out of QUEUED
owns the attempt, and the other finds nothing to claim and leaves quietly. Everything after that names the claim.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from tasks.lifecycle.changes import Change, later
from tasks.lifecycle.values import Claim, Failure, Logged, Output, Progressed, RecordAnswer, transition
from tasks.models import Event, Task
from tasks.status import AttemptStatus, EventKind, TaskPriority, TaskStatus

_HELD = "id = %s AND claim_id = %s AND status = 'RUNNING'"
_NOT_CANCELLED = f"{_HELD} AND cancel_requested_at IS NULL"
_END_ATTEMPT = (
    "UPDATE tasks_attempt SET status = %s, finished_at = {now}, failure = %s"
    " WHERE claim_id = %s AND EXISTS (SELECT 1 FROM moved)"
)

_BEGIN_ATTEMPT = (
    "INSERT INTO tasks_attempt (id, task_id, number, status, claim_id, worker, incarnation, pid, started_at)"
    " SELECT %s, moved.id, moved.attempt, 'RUNNING', moved.claim_id, %s, %s, %s, moved.updated_at FROM moved"
)

_CLAIM = Change(
    set=(
        "status = 'RUNNING', claim_id = %s, attempt = attempt + 1, started_at = COALESCE(started_at, {now}),"
        " enqueued_at = NULL, progress = NULL"
    ),
    where=(
        "id = %s AND status = 'QUEUED' AND cancel_requested_at IS NULL"
        " AND (expires_at IS NULL OR started_at IS NOT NULL OR expires_at > {now})"
    ),
    also=(_BEGIN_ATTEMPT,),
    read=("priority", "arguments", "attempts_returned", "attempts_spent", "timeout_seconds", "retry_delay_seconds"),
    often=True,
)
_SUCCEED = Change(
    set="status = 'SUCCEEDED', claim_id = NULL, finished_at = {now}, result = %s",
    where=_HELD,
    also=(_END_ATTEMPT,),
    often=True,
)
_FAIL = Change(
    set="status = 'FAILED', claim_id = NULL, finished_at = {now}, failure = %s",
    where=_NOT_CANCELLED,
    also=(_END_ATTEMPT,),
)
_RETRY_LATER = "status = 'RETRYING', claim_id = NULL, failure = %s, next_attempt_at = {later}, due_at = {later}"
_CANCEL = Change(
    set="status = 'CANCELLED', claim_id = NULL, finished_at = {now}, failure = COALESCE(%s, failure)",
    where=_HELD,
    also=(_END_ATTEMPT,),
)
_GIVE_BACK = Change(
    set=(
        "status = 'QUEUED', claim_id = NULL, attempts_returned = attempts_returned + 1, enqueued_at = NULL,"
        " progress = NULL"
    ),
    where=_NOT_CANCELLED,
    also=(_END_ATTEMPT,),
)
ENTRIES_AT_ONCE = 200
"""SQLite takes no more than 500 terms in one compound SELECT."""

_AT_VERSION = f"{_HELD} AND version = COALESCE(%s, version)"
_RECORD = Change(set="status = status", where=_AT_VERSION, often=True)
_RECORD_PROGRESS = Change(set="progress = %s", where=_AT_VERSION, often=True)
_RECORDED = (EventKind.PROGRESS, EventKind.LOG, EventKind.OUTPUT)
"""What nobody but the claim's own attempt appends."""


def claim(task_id: UUID, *, claim_id: UUID, incarnation: UUID, worker: str, pid: int) -> Claim | None:
    """Move the task from QUEUED to RUNNING for this worker process and begin an attempt.

    `claim_id` is new for each claim; the same again, after an answer was lost, gives the claim that was made. None
    where there is nothing to claim: unknown, not QUEUED (a second delivery, cancelled, paused) or expired.
    """
    claimed = _CLAIM.apply_and_read(
        [transition(TaskStatus.QUEUED)],
        [claim_id.hex],
        [task_id.hex],
        [[uuid7().hex, worker, incarnation.hex, pid]],
    )
    for event, (priority, arguments, returned, spent, timeout_seconds, retry_delay_seconds) in claimed:
        return Claim(
            task_id=task_id,
            claim_id=claim_id,
            attempt=event.attempt,
            type=event.type,
            queue=event.queue,
            priority=TaskPriority(priority),
            arguments=json.loads(arguments),
            max_attempts=event.max_attempts,
            attempts_returned=returned,
            attempts_spent=spent,
            timeout_seconds=timeout_seconds,
            retry_delay_seconds=retry_delay_seconds,
            version=event.version,
        )
    standing = Task.objects.filter(id=task_id, claim_id=claim_id, status=TaskStatus.RUNNING).first()
    return claim_of(standing, claim_id, standing.attempt) if standing else None


def claim_of(task: Task, claim_id: UUID, attempt: int) -> Claim:
    """The claim that began an attempt, from the task's row."""
    return Claim(
        task_id=task.id,
        claim_id=claim_id,
        attempt=attempt,
        type=task.type,
        queue=task.queue,
        priority=TaskPriority(task.priority),
        arguments=task.arguments,
        max_attempts=task.max_attempts,
        attempts_returned=task.attempts_returned,
        attempts_spent=task.attempts_spent,
        timeout_seconds=task.timeout_seconds,
        retry_delay_seconds=task.retry_delay_seconds,
        version=task.version,
    )


def succeed(claim: Claim, result: Any) -> bool:
    """End the attempt and the task SUCCEEDED, even where a cancel was asked meanwhile: the work is done.

    False: the claim is not ours any more, and nothing was recorded.
    """
    stored = json.dumps(result)
    ending = [AttemptStatus.SUCCEEDED, None, claim.claim_id.hex]
    return bool(_SUCCEED.apply([transition(TaskStatus.RUNNING)], [stored], _held(claim), [ending]))


def fail(claim: Claim, failure: Failure, *, retry_in_seconds: float | None) -> bool:
    """End the attempt FAILED; the task is RETRYING if a delay is given, else FAILED, and CANCELLED if that was asked.

    False: the claim is not ours any more, and nothing was recorded.
    """
    stored = [json.dumps(failure.for_task())]
    ending = [AttemptStatus.FAILED, json.dumps(failure.for_attempt()), claim.claim_id.hex]
    entry = transition(TaskStatus.RUNNING, failed=True)
    if retry_in_seconds is None:
        ended = _FAIL.apply([entry], stored, _held(claim), [ending])
    else:
        change = Change(set=_RETRY_LATER.replace("{later}", later()), where=_NOT_CANCELLED, also=(_END_ATTEMPT,))
        ended = change.apply([entry], [*stored, retry_in_seconds, retry_in_seconds], _held(claim), [ending])
    return bool(ended) or cancelled(claim, failure)


def cancelled(claim: Claim, failure: Failure | None = None) -> bool:
    """End the attempt and the task CANCELLED; `failure` says how the attempt ended, where it did not just stop.

    False: the claim is not ours any more, and nothing was recorded.
    """
    stored = [json.dumps(failure.for_task()) if failure else None]
    told = json.dumps(failure.for_attempt()) if failure else None
    ending = [AttemptStatus.CANCELLED, told, claim.claim_id.hex]
    entry = transition(TaskStatus.RUNNING, failed=failure is not None)
    return bool(_CANCEL.apply([entry], stored, _held(claim), [ending]))


def give_back(claim: Claim) -> bool:
    """End the attempt RETURNED, not counted, and queue the task again; CANCELLED if that was asked.

    Upkeep enqueues it. False: the claim is not ours any more, and nothing was recorded.
    """
    ending = [AttemptStatus.RETURNED, None, claim.claim_id.hex]
    returned = _GIVE_BACK.apply([transition(TaskStatus.RUNNING)], [], _held(claim), [ending])
    return bool(returned) or cancelled(claim)


def record(claim: Claim, entries: Sequence[Progressed | Logged | Output], version: int | None = None) -> RecordAnswer:
    """Append what a handler reported to the log, in order.

    Of several `Progressed` the last is kept, and told first, so that the events after it show it. More than
    `ENTRIES_AT_ONCE` are stored in several transactions, one after the other. `version` is the task's as the claim or
    the last answer told it: with it, the same entries again, after an answer was lost, are stored once.
    """
    answer = _record(claim, entries[:ENTRIES_AT_ONCE], version)
    rest = entries[ENTRIES_AT_ONCE:]
    return record(claim, rest, answer.version) if rest and answer.held else answer


def _record(claim: Claim, entries: Sequence[Progressed | Logged | Output], version: int | None) -> RecordAnswer:
    progressed = next((entry for entry in reversed(entries) if isinstance(entry, Progressed)), None)
    told = [(entry.kind, entry.body()) for entry in entries if not isinstance(entry, Progressed)]
    where = [*_held(claim), version]
    if progressed is not None:
        told = [(EventKind.PROGRESS, {}), *told]
        events = _RECORD_PROGRESS.apply(told, [_progress(progressed)], where)
    elif told:
        events = _RECORD.apply(told, [], where)
    else:
        asked = cancel_requested(claim)
        return RecordAnswer(held=asked is not None, cancel_requested=bool(asked), version=version)
    if events:
        last = events[-1]
        return RecordAnswer(held=True, cancel_requested=last.cancel_requested_at is not None, version=last.version)
    if version is None:
        return RecordAnswer(held=False, cancel_requested=False)
    return _recorded_before(claim, len(told), version) or _record(claim, entries, _version(claim))


def _recorded_before(claim: Claim, count: int, version: int) -> RecordAnswer | None:
    """The answer to entries that have come after `version`, if they were stored and their answer was lost.

    None: they were not. Somebody else has written to the task, who asked for a cancel.
    """
    asked = cancel_requested(claim)
    if asked is None:
        return RecordAnswer(held=False, cancel_requested=False)
    own = Event.objects.filter(task_id=claim.task_id, version__gt=version, kind__in=_RECORDED).order_by("version")
    stored = list(own.values_list("version", flat=True)[:count])
    return RecordAnswer(held=True, cancel_requested=asked, version=stored[-1]) if stored else None


def cancel_requested(claim: Claim) -> bool | None:
    """Whether a cancel was asked for the attempt; None: the claim is not ours any more."""
    found = Task.objects.filter(id=claim.task_id, claim_id=claim.claim_id).values_list("cancel_requested_at").first()
    return found and found[0] is not None


def _version(claim: Claim) -> int | None:
    return Task.objects.filter(id=claim.task_id).values_list("version", flat=True).first()


def _progress(progressed: Progressed) -> str:
    at = datetime.now(UTC).isoformat()
    return json.dumps({"fraction": progressed.fraction, "message": progressed.message, "updated_at": at})


def _held(claim: Claim) -> list[Any]:
    return [claim.task_id.hex, claim.claim_id.hex]
