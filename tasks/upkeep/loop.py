"""The upkeep thread: heartbeat, own attempts, and the chores, each in its rhythm."""

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
from tasks.upkeep import chores

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the own attempts are compared with the pool's children, and cancel requests are read."""
COMPARE_SECONDS = 5.0
"""How often the broker's queues are compared with the rows."""
PRUNE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """One start of one worker's main process."""

    incarnation: UUID
    name: str
    queues: Sequence[str]
    concurrency: int


@dataclass(slots=True)
class _Job:
    do: Callable[[], None]
    every_seconds: float
    due: float = 0.0


class Upkeep:
    """A thread of the worker's main process, independent of Celery's consumer: a lost broker must not stop it.

    `look_after(attempts)` is called on this thread with the attempts that the database has RUNNING here, every second
    and after `look_now()`. `lease_lost()` is called on it when the lease had run out: what runs here is not ours any
    more.
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
        self._rescue_from = 0.0
        self._look = _Job(self._look_at_own, LOOK_SECONDS)
        self._jobs = [
            _Job(self._heartbeat, settings.HEARTBEAT_SECONDS),
            self._look,
            _Job(chores.promote, settings.UPKEEP_SECONDS),
            _Job(chores.expire, settings.UPKEEP_SECONDS),
            _Job(chores.enqueue_unsent, settings.UPKEEP_SECONDS),
            _Job(chores.enqueue_lost, COMPARE_SECONDS),
            _Job(self._rescue, settings.HEARTBEAT_SECONDS),
            _Job(chores.prune, PRUNE_SECONDS),
        ]
        self._awake = threading.Event()
        self._stopping = False
        self._last_heartbeat = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin; the worker is registered as soon as the database answers."""
        self._thread.start()

    def look_now(self) -> None:
        """Compare the own attempts with the pool at once: a child was just lost."""
        self._look.due = 0.0
        self._awake.set()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """End the thread and the lease. Call when no child runs any more."""
        self._stopping = True
        self._awake.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._stopping:
            self._awake.clear()
            for job in self._jobs:
                if job.due <= time.monotonic() and not self._stopping:
                    job.due = time.monotonic() + job.every_seconds
                    self._do(job.do)
            self._awake.wait(max(min(job.due for job in self._jobs) - time.monotonic(), 0.0))
        self._do(lambda: lifecycle.stop_worker(self._worker.incarnation))
        connection.close()

    def _do(self, job: Callable[[], None]) -> None:
        """A chore that fails is tried again in its rhythm; the others go on."""
        try:
            guarded(job)
        except StoreUnavailable as error:
            logger.warning("upkeep: %s (%r)", error, error.__cause__)
        except Exception:
            logger.exception("upkeep: a chore failed and will be tried again")

    def _heartbeat(self) -> None:
        lease = settings.LEASE_SECONDS
        gap = time.monotonic() - self._last_heartbeat
        if not self._registered:
            worker = self._worker
            lifecycle.register_worker(
                worker.incarnation,
                name=worker.name,
                queues=worker.queues,
                concurrency=worker.concurrency,
                lease_seconds=lease,
            )
            self._registered = True
        elif not lifecycle.heartbeat(self._worker.incarnation, lease_seconds=lease):
            logger.error("this worker outlived its lease of %s s: ending what it runs", lease)
            self._lease_lost()
        self._last_heartbeat = time.monotonic()
        if gap > lease:
            # The others may have been cut off just as long: give each a lease to show that it lives.
            self._rescue_from = self._last_heartbeat + lease

    def _rescue(self) -> None:
        if self._registered and time.monotonic() >= self._rescue_from:
            chores.rescue()

    def _look_at_own(self) -> None:
        self._look_after(lifecycle.running_attempts(self._worker.incarnation))
