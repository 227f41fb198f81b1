"""How a task comes to be: the row and its first event, in one commit."""

from collections.abc import Sequence

from django.db import transaction

from tasks import channel
from tasks.lifecycle.changes import insert_events
from tasks.models import Event, Task
from tasks.status import EventKind


def insert(tasks: Sequence[Task]) -> list[Event]:
    """Store new tasks, all in one transaction, and publish their first events after the commit.

    A task whose idempotency key its owner has used already is left out: it has no event in the answer. Any other
    fault (an owner deleted meanwhile, say) stores none of them and raises.
    """
    with transaction.atomic():
        Task.objects.bulk_create(tasks, ignore_conflicts=True)
        events = insert_events([task.id for task in tasks], EventKind.STATUS, {"from": None, "failed": False})
    channel.publish(events)
    return events
