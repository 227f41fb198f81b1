"""How many tasks wait, by queue and by user, without counting them for each submission.

A census of what waits is taken now and then while tasks come in, the rarer the longer it took; in between each process
adds what it takes in itself. What starts or ends meanwhile is not subtracted. What others take in meanwhile, or what is
just being stored when the census is taken, is not known: by so much more may come to wait than the limit.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from time import monotonic
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q

from tasks import database
from tasks.errors import QueueFull, StoreUnavailable
from tasks.models import Task
from tasks.status import TaskStatus

logger = logging.getLogger(__name__)

CENSUS_SECONDS: Final = 1.0
"""Between two censuses, at the least."""
REST_SHARE: Final = 30
"""Times as long as a census took none is taken: whatever waits, one connection spends a thirtieth of its time on it."""

Census = list[tuple[str, UUID | None, int]]


class Backlog:
    """What one process knows of the tasks that wait: QUEUED, SCHEDULED and RETRYING. On one loop."""

    def __init__(self) -> None:
        self._by_queue: Counter[str] = Counter()
        self._by_user: Counter[UUID | None] = Counter()
        self._next_at = 0.0
        self._counting: asyncio.Task[None] | None = None

    def full(self, user_id: UUID, queue: str, path: list[str]) -> QueueFull | None:
        """Say why no more may wait, if so. Begins a census where one is due."""
        per_queue, per_user = settings.MAX_WAITING_PER_QUEUE, settings.MAX_WAITING_PER_USER
        if not per_queue and not per_user:
            return None
        if self._counting is None and monotonic() >= self._next_at:
            self._counting = asyncio.get_running_loop().create_task(self._count())
        if per_queue and self._by_queue[queue] >= per_queue:
            message = f"{per_queue} tasks wait in the queue {queue!r} already: try again later"
            return QueueFull(message, path, queue=queue, limit=per_queue)
        if per_user and self._by_user[user_id] >= per_user:
            message = f"{per_user} tasks of yours wait already: try again later"
            return QueueFull(message, path, queue=queue, limit=per_user)
        return None

    def add(self, user_id: UUID, queue: str) -> None:
        """Count one that comes in."""
        self._by_queue[queue] += 1
        self._by_user[user_id] += 1

    async def _count(self) -> None:
        began = monotonic()
        taken_in = Counter(self._by_queue), Counter(self._by_user)
        try:
            census = await database.read(_census)
        except StoreUnavailable:
            pass  # whoever submits finds out, and is told
        except Exception:
            logger.exception("the tasks that wait could not be counted")
        else:
            self._set(census, *taken_in)
        finally:
            self._counting = None
            self._next_at = monotonic() + max(CENSUS_SECONDS, REST_SHARE * (monotonic() - began))

    def _set(self, census: Census, by_queue: Counter[str], by_user: Counter[UUID | None]) -> None:
        """Take over a census, and add what was taken in while it was made, which it may have missed."""
        meanwhile_by_queue, meanwhile_by_user = self._by_queue - by_queue, self._by_user - by_user
        self._by_queue, self._by_user = meanwhile_by_queue, meanwhile_by_user
        for queue, user_id, number in census:
            self._by_queue[queue] += number
            self._by_user[user_id] += number


def _census() -> Census:
    return [*_counted(Q(status=TaskStatus.QUEUED)), *_counted(Q(due_at__isnull=False))]


def _counted(waiting: Q) -> Iterable[tuple[str, UUID | None, int]]:
    """Each of the two conditions is one of a partial index, and no task meets both."""
    return Task.objects.filter(waiting).values_list("queue", "owner_id").annotate(number=Count("*")).order_by()
