"""What Celery calls: `tasks.run(task_id)`. The row decides whether there is anything to do."""

import logging
import time
from typing import Final
from uuid import UUID

from celery import shared_task

from tasks import broker
from tasks.worker import attempt
from tasks.worker.process import place

logger = logging.getLogger(__name__)

BURST_SECONDS: Final = 0.5
"""How long a child goes on taking messages by itself, so that Celery soon has its say again."""


@shared_task(name="tasks.run", ignore_result=True, max_retries=0)
def run(task_id: str) -> None:
    """Attempt the task, if it is there to be claimed. Whatever comes of it is recorded with the task, never here.

    While short tasks wait, this child then takes the next message itself: through the main process, each would cost
    as much again as the attempt. A worker that stops takes none any more.

    The message is gone from the broker once a worker has it. If that worker dies before the claim, upkeep finds the
    task still waiting, and sends another.
    """
    try:
        due: UUID | None = UUID(task_id)
    except (ValueError, TypeError, AttributeError):
        logger.warning("A message without a task's id: %.100r", task_id)
        return
    here = place()
    ends_at = time.monotonic() + BURST_SECONDS
    while due is not None:
        attempt.run(due, here)
        takes_more = time.monotonic() < ends_at and not here.slot.is_stop_asked
        due = broker.take(here.queues) if takes_more else None
