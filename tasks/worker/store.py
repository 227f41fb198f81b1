"""What to do when the database is away: come back with a new connection, for a while."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)
"""What Django raises where the database can't be reached, is just restarting or is locked for too long."""
_LONGEST_PAUSE_SECONDS = 2.0


def lasting(transact: Callable[[], T], seconds: float = 30.0) -> T:
    """Call `transact`, one transaction, again and again while the database is away, for up to `seconds`; then raise.

    A transaction whose answer was lost may have been committed, so `transact` must bear being repeated: what ends a
    claim does, since the claim is gone after the first, and what makes one, since it names it.
    """
    give_up_at = time.monotonic() + seconds
    pause = 0.1
    while True:
        try:
            return transact()
        except AWAY as error:
            connection.close()
            if time.monotonic() + pause > give_up_at:
                raise
            logger.warning("The database is away; trying again in %.1f s: %s", pause, error)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
