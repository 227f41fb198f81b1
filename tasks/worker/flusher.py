"""The one thread of a process that stores what its handlers report, about ten times a second."""

import logging
import queue
import threading
import time
from typing import Final, Protocol

from django.db import connection

from tasks.worker.store import AWAY

FLUSH_SECONDS: Final = 0.1
"""What a handler reports reaches the log after this time at the latest, and no more often than this."""
logger = logging.getLogger(__name__)


class Flushable(Protocol):
    """What can be stored."""

    stop: BaseException | None

    def flush(self) -> None:
        """Store what has gathered."""


class Flusher:
    """Stores, a little later, whatever is expected to have gathered. The thread begins with the first of it and stays.

    It keeps a database connection of its own.
    """

    def __init__(self) -> None:
        # A SimpleQueue, since a handler's time-out may interrupt `expect` anywhere and must leave no lock held.
        self._expected: queue.SimpleQueue[Flushable] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def expect(self, recorder: Flushable) -> None:
        """See to it that `recorder` is flushed within `FLUSH_SECONDS`."""
        self._expected.put(recorder)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            recorders = [self._expected.get()]
            time.sleep(FLUSH_SECONDS)
            while not self._expected.empty():
                recorders.append(self._expected.get())
            for recorder in dict.fromkeys(recorders):
                self._flush(recorder)

    def _flush(self, recorder: Flushable) -> None:
        try:
            recorder.flush()
        except AWAY as error:
            logger.warning("The database is away; what a handler reported waits: %s", error)
            connection.close()
            self._expected.put(recorder)
        except Exception as error:
            # The handler's next report raises it, so it ends the attempt with this as its failure.
            logger.exception("What a handler reported can't be stored")
            recorder.stop = recorder.stop or error
