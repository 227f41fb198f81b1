"""Workers and their leases: whose attempts are still alive, and what becomes of those that are not."""

import math
import random
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max, Q
from django.db.models.functions import Now

from tasks.errors import StoreUnavailable
from tasks.lifecycle.attempts import claim_of, fail
from tasks.lifecycle.schedule import now
from tasks.lifecycle.values import Claim, Failure, RunningAttempt
from tasks.models import Attempt, EventLog, Task, WorkerProcess
from tasks.registry import Backoff, registry
from tasks.status import FINAL, AttemptStatus, FailureCode

EVENTS_PRUNED_AT_ONCE = 5_000
"""An open transaction that has written to the log holds back the marks of all feeds (see `tasks.hub.tail`)."""


def register_worker(
    incarnation: UUID, *, name: str, queues: Sequence[str], concurrency: int, lease_seconds: float
) -> None:
    """Note the start of a worker's main process; its lease runs from now.

    Again, after the answer was lost, it is noted once.
    """
    WorkerProcess.objects.update_or_create(
        incarnation=incarnation,
        defaults={
            "name": name,
            "queues": list(queues),
            "concurrency": concurrency,
            "started_at": Now(),
            "last_heartbeat_at": Now(),
            "lease_expires_at": Now() + timedelta(seconds=lease_seconds),
        },
    )


def heartbeat(incarnation: UUID, *, lease_seconds: float) -> bool:
    """Prolong the lease. False: it had run out already, so others may have ended our attempts."""
    own = WorkerProcess.objects.filter(incarnation=incarnation)
    in_time = own.filter(lease_expires_at__gt=Now()).exists()
    own.update(last_heartbeat_at=Now(), lease_expires_at=Now() + timedelta(seconds=lease_seconds))
    return in_time


def note_upkeep(incarnation: UUID) -> None:
    """Note that this worker has done every chore of upkeep that was due, and none failed."""
    WorkerProcess.objects.filter(incarnation=incarnation).update(upkeep_at=Now())


def upkeep_age() -> float | None:
    """Seconds since some worker had done all its chores; None: none ever has."""
    last = WorkerProcess.objects.aggregate(last=Max("upkeep_at"))["last"]
    return max((now() - last).total_seconds(), 0.0) if last else None


def stop_worker(incarnation: UUID) -> None:
    """Note that the worker has stopped; its lease ends now."""
    WorkerProcess.objects.filter(incarnation=incarnation).update(stopped_at=Now(), lease_expires_at=Now())


def running_attempts(incarnation: UUID) -> list[RunningAttempt]:
    """What this worker process runs, as far as the database knows, with the cancel requests."""
    return _running(Q(incarnation=incarnation))


def rescue_lost(limit: int, *, lease_seconds: float, within_seconds: float = math.inf) -> int:
    """End the attempts of workers whose lease has run out: WORKER_LOST. Returns how many.

    A worker that the database does not know may just have started: its first attempts have a lease's time, too. An
    answer that took longer than `within_seconds` is not acted upon, since heartbeats have waited as long as the
    question: then this raises `StoreUnavailable`.
    """
    asked_at = time.monotonic()
    dead = WorkerProcess.objects.filter(lease_expires_at__lte=Now()).values("incarnation")
    known = WorkerProcess.objects.values("incarnation")
    unknown = ~Q(incarnation__in=known) & Q(started_at__lt=Now() - timedelta(seconds=lease_seconds))
    lost = _running(Q(incarnation__in=dead) | unknown, limit)
    if (took := time.monotonic() - asked_at) > within_seconds:
        raise StoreUnavailable(f"the database took {took:.1f} s to name lost attempts: heartbeats may be as late")
    return sum(end_lost(attempt.claim, f"the worker of attempt {attempt.claim.attempt} is gone") for attempt in lost)


def end_lost(claim: Claim, message: str, code: FailureCode = FailureCode.WORKER_LOST) -> bool:
    """End an attempt whose process is gone; retried while attempts are left. False: the claim had ended."""
    return fail(claim, Failure(code, message), retry_in_seconds=retry_delay(claim))


def retry_delay(claim: Claim) -> float | None:
    """Seconds until the next attempt, by the task's own delay or its type's backoff; None: this was the last."""
    if claim.is_last_attempt:
        return None
    known = registry.find(claim.type)
    backoff = known.backoff if known else Backoff()
    if claim.retry_delay_seconds is not None:
        backoff = backoff.starting_at(claim.retry_delay_seconds)
    return backoff.delay(claim.failures_in_a_row, random.random)


def prune(older_than_seconds: float, limit: int) -> int:
    """Delete up to `limit` final tasks that ended that long ago, with their events. Returns how many.

    0: there is none left, or another worker is at it. A short transaction, whatever the tasks have in the log: no more
    than `EVENTS_PRUNED_AT_ONCE` events go in one, or those of one task. It locks rows of tasks that have ended, and
    nothing else that a submission or an attempt needs. `pruned_through` rises in it, so that no cursor can pass over
    what is gone unnoticed.
    """
    with transaction.atomic():
        if _is_locked_elsewhere():
            return 0
        before = Now() - timedelta(seconds=older_than_seconds)
        old = Task.objects.filter(finished_at__lt=before, status__in=FINAL).order_by("finished_at")
        found = old.select_for_update(skip_locked=True).values_list("id", "version")[:limit]
        ids = _within_events(found)
        if not ids:
            return 0
        last = _delete_events(ids)
        EventLog.objects.filter(pruned_through__lt=last).update(pruned_through=last)
        # Nothing else hangs on these rows: Django need not read them first to find out.
        Attempt.objects.filter(task_id__in=ids)._raw_delete("default")  # noqa: SLF001
        Task.objects.filter(id__in=ids)._raw_delete("default")  # noqa: SLF001
        return len(ids)


def _is_locked_elsewhere() -> bool:
    """Lock the row about the log, which the end of a pruning writes. True: it was not to be had without waiting."""
    log = EventLog.objects.select_for_update(skip_locked=True)
    return not log.exists() and EventLog.objects.exists()


def _within_events(tasks: Iterable[tuple[UUID, int]]) -> list[UUID]:
    """The first of these tasks, one at least, that have no more events than may be pruned at once."""
    ids: list[UUID] = []
    events = 0
    for task_id, version in tasks:
        events += version
        if ids and events > EVENTS_PRUNED_AT_ONCE:
            break
        ids.append(task_id)
    return ids


def forget_workers(older_than_seconds: float) -> None:
    """Delete the rows of workers whose lease ran out that long ago and of which no attempt is left to be rescued."""
    before = Now() - timedelta(seconds=older_than_seconds)
    running = Attempt.objects.filter(status=AttemptStatus.RUNNING).values("incarnation")
    WorkerProcess.objects.filter(lease_expires_at__lt=before).exclude(incarnation__in=running).delete()


def _delete_events(task_ids: Sequence[UUID]) -> int:
    """Delete the events of these tasks; the highest id among them, 0 where there is none."""
    places = ", ".join(["%s"] * len(task_ids))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM tasks_event WHERE task_id IN ({places}) RETURNING id",  # noqa: S608 - places alone
            [task_id.hex for task_id in task_ids],
        )
        return max((row[0] for row in cursor.fetchall()), default=0)


def _running(condition: Q, limit: int | None = None) -> list[RunningAttempt]:
    found = (
        Attempt.objects.filter(condition, status=AttemptStatus.RUNNING).select_related("task").order_by("started_at")
    )
    return [_running_attempt(attempt) for attempt in found[:limit]]


def _running_attempt(attempt: Attempt) -> RunningAttempt:
    task = attempt.task
    claim = claim_of(task, attempt.claim_id, attempt.number)
    return RunningAttempt(claim, attempt.incarnation, attempt.pid, attempt.started_at, task.cancel_requested_at)
