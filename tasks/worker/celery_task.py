"""What Celery calls: `tasks.run(task_id)`. The row decides whether there is anything to do."""

import logging
from uuid import UUID

from celery import shared_task

from tasks.worker import attempt
from tasks.worker.process import place

logger = logging.getLogger(__name__)


@shared_task(name="tasks.run", ignore_result=True, max_retries=0)
def run(task_id: str) -> None:
    """Attempt the task, if it is there to be claimed. Whatever comes of it is recorded with the task, never here.

    The message is gone from the broker once a worker has it. If that worker dies before the claim, upkeep finds the
    task still waiting, and sends another.
    """
    try:
        known_id = UUID(task_id)
    except (ValueError, TypeError, AttributeError):
        logger.warning("A message without a task's id: %.100r", task_id)
        return
    attempt.run(known_id, place())
