"""The worker process as Celery starts it: what is made before the fork, kept beside the pool, and ended with it.

Importing this module connects it to Celery's signals; a worker does so when it loads its tasks.
"""

import gc
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from billiard.process import current_process
from celery import bootsteps, signals
from celery.worker import state
from django.conf import settings
from django.db import connections

from tasks import channel
from tasks.errors import Misconfigured
from tasks.upkeep import Upkeep, WorkerIdentity
from tasks.worker import child
from tasks.worker.attempt import Place
from tasks.worker.children import Children
from tasks.worker.slots import Slots
from tasks.worker.transport import EagerConnection

logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 0.1
_SETTLE_SECONDS: Final = 5.0
_SPARE_SLOTS: Final = 256


@dataclass(slots=True)
class Home:
    """One start of a worker: made before the pool is forked, so that the children inherit it."""

    incarnation: UUID
    name: str
    pid: int
    slots: Slots
    queues: tuple[str, ...] = ()
    """What it consumes; known before the pool is forked."""
    keeping: "Keeping | None" = None
    """In the main process, once the pool has started."""
    place: Place | None = None
    """In a pool child."""


_home: Home | None = None


def place() -> Place:
    """Where attempts run in this process. Raises `Misconfigured` outside a worker's pool child."""
    if _home is None or _home.place is None:
        raise Misconfigured("tasks.run was called outside a pool child: expected a Celery worker with --pool=prefork")
    return _home.place


class Keeping(bootsteps.StartStopStep):
    """Upkeep and the watch over the children: started after the pool and before the consumer, which may wait long."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        if _home is None:
            raise Misconfigured("the worker was not announced: expected celeryd_init before its steps")
        _home.keeping = self
        self._worker = worker
        self.children = Children(_home.slots, on_departure=self._replace_child)
        _home.queues = tuple(worker.app.amqp.queues.consume_from)
        identity = WorkerIdentity(_home.incarnation, _home.name, sorted(_home.queues), worker.concurrency)
        self._upkeep = Upkeep(identity, look_after=self.children.look_after, lease_lost=self._look)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def include(self, worker: Any) -> bool:
        """Take part in every worker."""
        worker.steps.append(self)
        return True

    def start(self, _worker: Any) -> None:
        """Begin to watch the children and to do upkeep."""
        self._thread.start()
        self._upkeep.start()

    def stop(self, _worker: Any) -> None:
        """Do nothing yet: the pool stops after this step, and what runs in it has its time of grace."""

    def terminate(self, _worker: Any) -> None:
        """Give back at once what runs, before Celery ends the pool."""
        self.children.stop_within(0)
        self.finish()

    def finish(self) -> None:
        """End everything, once no child has work any more and the database knows it, or after some seconds."""
        if self._is_over.is_set():
            return
        give_up_at = time.monotonic() + _SETTLE_SECONDS
        while not self.children.is_settled() and time.monotonic() < give_up_at:
            self._look()
            time.sleep(WATCH_SECONDS)
        self._is_over.set()
        self._upkeep.stop()
        channel.flush(1.0)

    def _watch(self) -> None:
        while not self._is_over.wait(WATCH_SECONDS):
            # Celery's signal of a shutdown comes too late: a cold one first waits for the children.
            if _is_asked(state.should_terminate):
                self.children.stop_within(0)
            elif _is_asked(state.should_stop):
                self.children.stop_within(settings.SHUTDOWN_GRACE_SECONDS)
            if self.children.watch():
                self._look()

    def _replace_child(self) -> None:
        """Have the pool look for the child that is gone.

        It is told by a pipe that closes a moment before the process can be waited for. Then it finds nobody gone, and
        would not look again for five seconds.
        """
        if self._worker.hub is not None:
            self._worker.hub.call_soon(self._worker.pool.maintain_pool)

    def _look(self) -> None:
        """Have upkeep compare the database with the children now. What it no longer has RUNNING is ended here."""
        self._upkeep.look_now()


def _is_asked(exit_code: object) -> bool:
    """Tell whether Celery is to stop with this exit code; 0 is one, False is not."""
    return exit_code is not None and exit_code is not False


@signals.celeryd_init.connect
def _announce(sender: str, instance: Any, **_: Any) -> None:
    global _home  # noqa: PLW0603 - one worker per process
    # A connection that children inherit is a danger to both sides.
    connections.close_all()
    # What was imported never becomes garbage: the collector need not touch it in any child, nor at the end.
    gc.freeze()
    _home = Home(uuid4(), sender, os.getpid(), Slots(settings.WORKER_CONCURRENCY + _SPARE_SLOTS))
    instance.app.steps["worker"].add(Keeping)
    instance.app.conf.broker_transport = "tasks.worker.transport:Transport"
    instance.app.amqp.Connection = EagerConnection


@signals.worker_process_init.connect
def _begin_child(**_: Any) -> None:
    if _home is None:
        raise Misconfigured("this pool child was not forked from a worker: expected --pool=prefork")
    _home.keeping = None
    # The pool numbers its children, and a replacement gets the number of the one that is gone.
    slot = _home.slots[current_process().index]  # type: ignore[attr-defined]  # set by the pool
    _home.place = child.begin(_home.incarnation, _home.name, slot, _home.pid, _home.queues)


@signals.worker_process_shutdown.connect
def _end_child(exitcode: int, **_: Any) -> None:
    if _home is not None and _home.place is not None:
        child.end(_home.place)
        # All is said and done; Celery would sleep for a second before it does the same.
        os._exit(exitcode)


@signals.worker_shutdown.connect
def _finish(**_: Any) -> None:
    if _home is not None and _home.keeping is not None:
        _home.keeping.finish()
