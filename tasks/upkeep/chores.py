"""The chores that any worker may do for all, shared between workers by row locks and conditional updates.

Each does one batch, and answers whether it was a full one, so that there is likely more.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from redis import RedisError

from tasks import broker, lifecycle
from tasks.broker import Message
from tasks.models import AccessToken
from tasks.status import TaskPriority

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
PRUNED_AT_ONCE = 100
"""Tasks; fewer where they have many events."""
UNSENT_SECONDS = 2.0
"""A QUEUED task that nobody has handed to the broker for that long is handed over by upkeep."""
WORKER_ROW_SECONDS = 24 * 3600.0
"""How long the row of a worker that is gone is kept, for people to see."""


def promote() -> bool:
    """Queue tasks whose time has come, and enqueue them."""
    due = lifecycle.promote_due(ROWS_AT_ONCE)
    enqueue(due)
    return len(due) >= ROWS_AT_ONCE


def expire() -> bool:
    """End tasks that were not started in time."""
    return len(lifecycle.expire_overdue(ROWS_AT_ONCE)) >= ROWS_AT_ONCE


def enqueue_unsent() -> bool:
    """Enqueue what was never sent: a server died in between, the broker was away, an attempt was returned."""
    unsent = lifecycle.take_unsent(UNSENT_SECONDS, ROWS_AT_ONCE)
    return enqueue(unsent) and len(unsent) >= ROWS_AT_ONCE


def enqueue_lost() -> bool:
    """Enqueue again what the broker lost.

    A queue is taken in order, so a task that was sent well before the message to be taken next, and still waits, has no
    message any more. Never by age alone: 100,000 waiting tasks and an intact broker cause no message.
    """
    found = [_enqueue_lost(queue, priority) for queue in settings.QUEUES for priority in TaskPriority]
    return max(found) >= ROWS_AT_ONCE


def _enqueue_lost(queue: str, priority: TaskPriority) -> int:
    try:
        head = broker.next_message(queue, priority)
    except RedisError as error:
        logger.info("broker away, its queues are not compared: %r", error)
        return 0
    if head.is_there and head.sent_at is None:
        return 0
    moment = (head.sent_at or lifecycle.now()) - timedelta(seconds=settings.ENQUEUE_GRACE_SECONDS)
    lost = lifecycle.take_lost(queue, priority, moment, ROWS_AT_ONCE)
    if lost:
        logger.warning("the broker lost %d messages of queue %r, sending them again", len(lost), queue)
    return len(lost) if enqueue(lost) else 0


def rescue(within_seconds: float) -> bool:
    """End the attempts of workers whose lease has run out, unless the database took longer to name them."""
    lease = settings.LEASE_SECONDS
    rescued = lifecycle.rescue_lost(ROWS_AT_ONCE, lease_seconds=lease, within_seconds=within_seconds)
    if rescued:
        logger.warning("ended %d attempts of lost workers", rescued)
    return rescued >= ROWS_AT_ONCE


def prune() -> bool:
    """Delete what is older than the retention."""
    return lifecycle.prune(settings.RETENTION_SECONDS, PRUNED_AT_ONCE) > 0


def forget_expired() -> bool:
    """Delete tokens and sessions that sign nobody in any more, and the rows of workers that are long gone."""
    now = datetime.now(UTC)
    AccessToken.objects.filter(expires_at__lt=now).delete()
    Session.objects.filter(expire_date__lt=now).delete()
    lifecycle.forget_workers(WORKER_ROW_SECONDS)
    return False


def enqueue(messages: Sequence[Message]) -> bool:
    """Send what counts as enqueued. False: the broker is away, and the tasks count as unsent again."""
    if broker.send(messages):
        return True
    lifecycle.mark_unsent(messages)
    return False
