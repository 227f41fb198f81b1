"""A pool child: what it sets up once, after the fork, before its first attempt."""

import ctypes
import logging
import os
import signal
import sys
import threading
from typing import Final
from uuid import UUID

from billiard import pool
from django.db import connections
from django.db.backends.signals import connection_created

from tasks import channel
from tasks.worker.attempt import Place
from tasks.worker.calling import HandlerCaller
from tasks.worker.flusher import Flusher
from tasks.worker.slots import Slot

logger = logging.getLogger(__name__)
_PR_SET_PDEATHSIG: Final = 1
_FLUSH_SECONDS: Final = 0.5
_READ_TRIES: Final = 3
"""Of a tenth of a second each. A child that stops waits until its parent has read all that it said. At a shutdown the
parent may not count the last of it, which costs 30 s by Celery's default; what is in the pipe is read all the same."""


def begin(incarnation: UUID, worker: str, slot: Slot, parent: int, queues: tuple[str, ...]) -> Place:
    """Make this process a place for attempts. It dies with its parent, and shares no connection with it."""
    _die_with(parent)
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _READ_TRIES
    _forget_inherited_connections()
    slot.occupy(os.getpid())
    return Place(incarnation, worker, os.getpid(), slot, HandlerCaller(), Flusher(), queues)


def end(place: Place) -> None:
    """Let what was published last be sent, before the process exits."""
    place.caller.close()
    channel.flush(_FLUSH_SECONDS)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies: nobody would listen to it any more."""
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        logger.warning("prctl(PR_SET_PDEATHSIG) failed: %s", os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:
        # It died between the fork and the call above.
        os._exit(1)


def _forget_inherited_connections() -> None:
    """Drop the parent's database connections without a word to the server, which would end them for the parent too.

    A thread of the parent that was just connecting has left Django's lock for that behind, locked.
    """
    connection_created.lock = threading.Lock()
    for connection in connections.all(initialized_only=True):
        connection.connection = None
