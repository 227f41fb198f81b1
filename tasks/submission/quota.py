"""How much a user may submit a minute, without asking Redis on the way of any submission.

A process lets through what its last look at the shared counters left room for, counts on its own, and tells Redis a
tenth of a second later, in a thread. So one server process alone keeps the limit exactly; several may together let
through more, at most what each had room for at its last look.
"""

import asyncio
import logging
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from time import monotonic
from typing import Final
from uuid import UUID

from django.conf import settings

from tasks import rates

logger = logging.getLogger(__name__)

SCOPE: Final = "submit"
TELL_SECONDS: Final = 0.1
REMEMBERED_SECONDS: Final = 60.0
"""After that long without a submission, everything that was counted has left the window."""


class _Account:
    """What one user has submitted by way of this process since Redis was told, and may still."""

    __slots__ = ("asked_at", "opens_at", "room", "untold")

    def __init__(self, room: int) -> None:
        self.room = room
        self.untold = 0
        self.opens_at = 0.0
        self.asked_at = monotonic()


class Quota:
    """Of all users, in one process, on one loop."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[UUID, _Account] = OrderedDict()
        self._telling: asyncio.Task[None] | None = None

    def take(self, user_id: UUID) -> float | None:
        """Count one submission: None, or the seconds until there is room for it."""
        limit: int = settings.MAX_SUBMISSIONS_PER_MINUTE
        if not limit:
            return None
        account = self._accounts.get(user_id)
        if account is None:
            account = self._accounts[user_id] = _Account(limit)
        if account.untold >= account.room:
            seconds = TELL_SECONDS if account.room else account.opens_at - monotonic()
            if seconds > 0:
                return seconds
            account.room = 1  # there is some again, and the next look tells how much
        account.untold += 1
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())
        return None

    async def _tell(self) -> None:
        """Tell Redis what was let through, until there is nothing to tell."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(TELL_SECONDS)
                untold = {user_id: account.untold for user_id, account in self._accounts.items() if account.untold}
                if not untold:
                    break
                rooms = await loop.run_in_executor(_thread(), _count, untold, settings.MAX_SUBMISSIONS_PER_MINUTE)
                self._note(untold, rooms)
        except Exception:
            logger.exception("submissions could not be counted")
        finally:
            self._telling = None

    def _note(self, told: dict[UUID, int], rooms: dict[UUID, "rates.Room | None"]) -> None:
        now = monotonic()
        for user_id, number in told.items():
            account = self._accounts[user_id]
            room = rooms[user_id]
            account.untold -= number
            account.asked_at = now
            account.room = settings.MAX_SUBMISSIONS_PER_MINUTE if room is None else room.number
            account.opens_at = 0.0 if room is None else now + room.opens_in_seconds
            self._accounts.move_to_end(user_id)
        while self._accounts:
            user_id, account = next(iter(self._accounts.items()))
            if account.untold or now - account.asked_at < REMEMBERED_SECONDS:
                break
            del self._accounts[user_id]


def _count(untold: dict[UUID, int], limit: int) -> dict[UUID, "rates.Room | None"]:
    limiter = rates.limiter()
    return {user_id: limiter.count(SCOPE, user_id.hex, number, limit) for user_id, number in untold.items()}


@cache
def _thread() -> ThreadPoolExecutor:
    """Its own: where Redis does not answer it stands still for a while, and nobody else's work with it."""
    return ThreadPoolExecutor(1, thread_name_prefix="quota")
