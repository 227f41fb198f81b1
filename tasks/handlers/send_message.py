"""Shows a receipt as the result, and an id that stays the same over all attempts of one task.

It stands for any call that leaves the house. An attempt that dies after the call and before its result is stored is
followed by another, so the call carries an id made from the task's: whoever receives it twice can tell.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid5

from tasks.registry import Field, TaskContext, task_type

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receipt:
    """The proof that a message went out."""

    message_id: UUID
    """The same for every attempt of one task."""
    recipient: str
    """To whom."""
    sent_at: datetime
    """When, by the worker's clock."""


@task_type(timeout_seconds=30)
def send_message(
    context: TaskContext,
    recipient: Annotated[str, Field(min_length=1, max_length=254)],
    text: Annotated[str, Field(min_length=1, max_length=10_000)],
) -> Receipt:
    """Send a message and return its receipt. Here, sending means a line in the worker's log.

    Args:
        recipient: To whom.
        text: What it says.
    """
    receipt = Receipt(uuid5(context.task_id, "message"), recipient, datetime.now(UTC))
    logger.info("message sent", extra={"message_id": receipt.message_id, "characters": len(text)})
    context.log(f"sent as {receipt.message_id}")
    return receipt
