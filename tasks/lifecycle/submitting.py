"""How a task comes to be: the row and its first event, in one commit; on PostgreSQL in one statement."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from tasks import channel
from tasks.lifecycle.changes import event_of, insert_first_events
from tasks.models import Event, Task
from tasks.status import EventKind

_COLUMNS = (
    "id", "type", "owner_id", "queue", "priority", "arguments", "arguments_digest", "idempotency_key", "tags",
    "metadata", "timeout_seconds", "retry_delay_seconds", "attempt_allowance", "scheduled_for", "created_at", "status",
    "version", "attempt", "max_attempts", "attempts_returned", "attempts_spent", "updated_at", "expires_at", "due_at",
)  # fmt: skip
"""What a task is stored with; the other columns are null until something happens to it."""
_JSON = frozenset({"arguments", "tags", "metadata"})
_FIRST = [EventKind.STATUS, json.dumps({"from": None, "failed": False})]


def insert(tasks: Sequence[Task]) -> list[Event]:
    """Store new tasks, all in one transaction, and publish their first events after the commit.

    A task whose idempotency key its owner has used already is left out: it has no event in the answer. Any other
    fault (an owner deleted meanwhile, say) stores none of them and raises.
    """
    # In one order in every transaction, so that two with the same keys wait for each other, and never deadlock.
    tasks = sorted(tasks, key=lambda task: (str(task.owner_id), task.idempotency_key or ""))
    values = [_stored(getattr(task, column), column) for task in tasks for column in _COLUMNS]
    store = _store_on_sqlite if connection.vendor == "sqlite" else _store_on_postgresql
    events = [event_of(row) for row in store(tasks, values)]
    channel.publish(events)
    return events


def _store_on_postgresql(tasks: Sequence[Task], values: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(_one_statement(len(tasks)), [*values, 1, *_FIRST])
        return list(cursor.fetchall())


@cache
def _one_statement(tasks: int) -> str:
    return f"WITH stored AS ({_insert(tasks)} RETURNING *) {insert_first_events('stored AS moved')}"


def _store_on_sqlite(tasks: Sequence[Task], values: list[Any]) -> list[Any]:
    ids = ", ".join(f"'{task.id.hex}'" for task in tasks)
    stored = f"(SELECT * FROM tasks_task WHERE id IN ({ids})) AS moved"  # noqa: S608 - ids of ours
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_insert(len(tasks)), values)
        cursor.execute(insert_first_events(stored), [1, *_FIRST])
        return list(cursor.fetchall())


def _insert(tasks: int) -> str:
    row = f"({', '.join(['%s'] * len(_COLUMNS))})"
    return (
        f"INSERT INTO tasks_task ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * tasks)}"  # noqa: S608 - columns of ours
        f" ON CONFLICT (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
    )


def _stored(value: Any, column: str) -> Any:
    """A value as the drivers take it."""
    if value is None:
        return None
    if column in _JSON:
        return json.dumps(value)
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
