"""The chores that any worker may do for all, shared between workers by row locks and conditional updates."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from redis import RedisError

from tasks import broker, lifecycle
from tasks.broker import Message
from tasks.status import TaskPriority

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 500
UNSENT_SECONDS = 2.0
"""A QUEUED task that nobody has handed to the broker for that long is handed over by upkeep."""


def promote() -> None:
    """Queue every task whose time has come, and enqueue it."""
    while due := lifecycle.promote_due(ROWS_AT_ONCE):
        enqueue(lifecycle.messages(due))


def expire() -> None:
    """End every task that was not started in time."""
    while lifecycle.expire_overdue(ROWS_AT_ONCE):
        pass


def enqueue_unsent() -> None:
    """Enqueue what was never sent: a server died in between, the broker was away, an attempt was returned."""
    while messages := lifecycle.unsent(UNSENT_SECONDS, ROWS_AT_ONCE):
        if not enqueue(messages):
            return


def enqueue_lost() -> None:
    """Enqueue again what the broker lost.

    A queue is taken in order, so a task that was sent well before the message to be taken next, and still waits, has no
    message any more. Never by age alone: 100,000 waiting tasks and an intact broker cause no message.
    """
    for queue in settings.QUEUES:
        for priority in TaskPriority:
            try:
                next_sent_at = broker.next_sent_at(queue, priority)
            except RedisError as error:
                logger.info("broker away, its queues are not compared: %r", error)
                return
            moment = (next_sent_at or lifecycle.now()) - timedelta(seconds=settings.ENQUEUE_GRACE_SECONDS)
            lost = lifecycle.waiting_since_before(queue, priority, moment, ROWS_AT_ONCE)
            if lost:
                logger.warning("the broker lost %d messages of queue %r, sending them again", len(lost), queue)
                enqueue(lost)


def rescue() -> None:
    """End the attempts of workers whose lease has run out."""
    while rescued := lifecycle.rescue_lost(ROWS_AT_ONCE, lease_seconds=settings.LEASE_SECONDS):
        logger.warning("ended %d attempts of lost workers", rescued)


def prune() -> None:
    """Delete what is older than the retention."""
    while lifecycle.prune(settings.RETENTION_SECONDS, ROWS_AT_ONCE):
        pass


def enqueue(messages: Sequence[Message]) -> bool:
    """Send and note it. False: the broker is away, and the tasks stay unsent."""
    if not broker.send(messages):
        return False
    lifecycle.mark_enqueued([message.task_id for message in messages])
    return True
