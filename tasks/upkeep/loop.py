"""The threads of upkeep: one for the heartbeat, one for the own attempts, one for the chores, each in its rhythm."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import connection

from tasks import lifecycle
from tasks.database import guarded
from tasks.errors import StoreUnavailable
from tasks.lifecycle import RunningAttempt
from tasks.upkeep import chores, forks

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the own attempts are compared with the pool's children, and cancel requests are read."""
COMPARED_PER_GRACE = 2
"""How often within ENQUEUE_GRACE_SECONDS the broker's queues are compared with the rows."""
PRUNE_SECONDS = 60.0
FORGET_SECONDS = 3600.0
TRY_AGAIN_SECONDS = 5.0
"""After a failure; the rhythm of what is done more often stays."""
MISSED_BEATS = 2
"""After a gap of more than that many heartbeats this worker was cut off itself, and rescues nobody for a lease. A fresh
one, which does not know what was before it, gives the others that many heartbeats."""


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """One start of one worker's main process."""

    incarnation: UUID
    name: str
    queues: Sequence[str]
    concurrency: int


@dataclass(slots=True)
class _Job:
    do: Callable[[], bool]
    """True: there is more to do at once."""
    every_seconds: float
    due: float = 0.0
    is_failing: bool = False
    """True from a failure until it is done again."""


class _Rhythm:
    """A thread that does each of its jobs in the job's own rhythm."""

    def __init__(self, name: str, jobs: Sequence[_Job]) -> None:
        self._jobs = jobs
        self._awake = threading.Event()
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def wake(self) -> None:
        self._awake.set()

    def stop(self) -> None:
        self._stopping = True
        self._awake.set()

    def _run(self) -> None:
        while not self._stopping:
            self._awake.clear()
            for job in self._jobs:
                if job.due <= time.monotonic() and not self._stopping:
                    job.due = time.monotonic() + job.every_seconds
                    if self._has_more(job):
                        job.due = 0.0
            self._awake.wait(max(min(job.due for job in self._jobs) - time.monotonic(), 0.0))
        connection.close()

    @property
    def is_failing(self) -> bool:
        """True while the last try of one of the jobs has failed."""
        return any(job.is_failing for job in self._jobs)

    def _has_more(self, job: _Job) -> bool:
        """Do a job. One that fails is tried again soon; the others go on."""
        more = _done(job.do)
        job.is_failing = more is None
        if job.is_failing:
            job.due = min(job.due, time.monotonic() + TRY_AGAIN_SECONDS)
        return bool(more)


def _done(job: Callable[[], bool]) -> bool | None:
    """Do a job; None: it failed."""
    try:
        with forks.kept_apart():
            return guarded(job)
    except StoreUnavailable as error:
        logger.warning("upkeep: %s (%r)", error, error.__cause__)
    except Exception:
        logger.exception("upkeep: a chore failed and will be tried again")
    return None


class Upkeep:
    """Three threads of the worker's main process, independent of Celery's consumer: a lost broker must not stop them.

    One keeps the lease, one looks after the own attempts, one does the chores: however long these take, or wait for a
    task that somebody has locked, the lease goes on. `look_after(attempts)` is called on the second with the attempts
    that the database has RUNNING here, every second and after `look_now()`; `lease_lost()` on the first, when the lease
    had run out: what runs here is not ours any more.
    """

    def __init__(
        self,
        worker: WorkerIdentity,
        *,
        look_after: Callable[[list[RunningAttempt]], None],
        lease_lost: Callable[[], None],
    ) -> None:
        self._worker = worker
        self._look_after = look_after
        self._lease_lost = lease_lost
        self._registered = False
        self._last_heartbeat = 0.0
        self._rescue_from = 0.0
        self._cut_off_after = MISSED_BEATS * settings.HEARTBEAT_SECONDS
        self._look = _Job(self._look_at_own, LOOK_SECONDS)
        self._pulse = _Rhythm("pulse", [_Job(self._heartbeat, settings.HEARTBEAT_SECONDS)])
        self._care = _Rhythm("care", [self._look])
        self._chores = _Rhythm(
            "upkeep",
            [
                _Job(chores.promote, settings.UPKEEP_SECONDS),
                _Job(chores.expire, settings.UPKEEP_SECONDS),
                _Job(chores.enqueue_unsent, settings.UPKEEP_SECONDS),
                _Job(chores.enqueue_lost, settings.ENQUEUE_GRACE_SECONDS / COMPARED_PER_GRACE),
                _Job(self._rescue, settings.HEARTBEAT_SECONDS),
                _Job(chores.prune, PRUNE_SECONDS),
                _Job(chores.forget_expired, FORGET_SECONDS),
                _Job(self._note_upkeep, settings.HEARTBEAT_SECONDS),
            ],
        )

    def start(self) -> None:
        """Begin; the worker is registered as soon as the database answers."""
        self._last_heartbeat = time.monotonic()
        for rhythm in (self._pulse, self._care, self._chores):
            rhythm.thread.start()

    def look_now(self) -> None:
        """Compare the own attempts with the pool at once: a child was just lost."""
        self._look.due = 0.0
        self._care.wake()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End the threads and the lease. Call when no child runs any more."""
        deadline = time.monotonic() + timeout_seconds
        rhythms = (self._chores, self._care, self._pulse)
        for rhythm in rhythms:
            rhythm.stop()
        for rhythm in rhythms:
            rhythm.thread.join(max(deadline - time.monotonic(), 0.0))
        _done(self._sign_off)
        connection.close()

    def _heartbeat(self) -> bool:
        lease = settings.LEASE_SECONDS
        worker = self._worker
        if not self._registered:
            lifecycle.register_worker(
                worker.incarnation,
                name=worker.name,
                queues=worker.queues,
                concurrency=worker.concurrency,
                lease_seconds=lease,
            )
            self._rescue_from = time.monotonic() + self._cut_off_after
            self._registered = True
        elif not lifecycle.heartbeat(worker.incarnation, lease_seconds=lease):
            logger.error("this worker outlived its lease of %s s: ending what it runs", lease)
            self._lease_lost()
        now = time.monotonic()
        if now - self._last_heartbeat > self._cut_off_after:
            # The others may have been cut off just as long: give each a lease to show that it lives.
            self._rescue_from = now + lease
        self._last_heartbeat = now
        return False

    def _rescue(self) -> bool:
        now = time.monotonic()
        is_cut_off = now - self._last_heartbeat > self._cut_off_after
        if not self._registered or is_cut_off or now < self._rescue_from:
            return False
        return chores.rescue(self._cut_off_after)

    def _look_at_own(self) -> bool:
        self._look_after(lifecycle.running_attempts(self._worker.incarnation))
        return False

    def _note_upkeep(self) -> bool:
        if not self._chores.is_failing:
            lifecycle.note_upkeep(self._worker.incarnation)
        return False

    def _sign_off(self) -> bool:
        lifecycle.stop_worker(self._worker.incarnation)
        return False
