"""How a task comes to be: the row and its first event, in one commit; on PostgreSQL in one statement."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from tasks import channel
from tasks.lifecycle import prepared
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
    store = _store_on_sqlite if connection.vendor == "sqlite" else _store_on_postgresql
    events = [event_of(row) for row in store(tasks)]
    channel.publish(events)
    return events


def _store_on_postgresql(tasks: Sequence[Task]) -> list[Any]:
    """Hand all tasks over as one JSON text: one statement, whatever their number, so it can be prepared."""
    rows = [{column: _as_json(getattr(task, column)) for column in _COLUMNS} for task in tasks]
    return prepared.fetch(_one_statement(), [json.dumps(rows), *_FIRST])


@cache
def _one_statement() -> str:
    fields = {field.column: field for field in Task._meta.concrete_fields}  # noqa: SLF001 - Django's documented API
    types = ", ".join(f"{column} {fields[column].db_type(connection)}" for column in _COLUMNS)
    given = f"SELECT * FROM json_to_recordset(%s) AS given ({types})"  # noqa: S608 - columns of ours
    return f"WITH stored AS ({_insert(given)} RETURNING *) {insert_first_events('stored AS moved')}"


def _as_json(value: Any) -> Any:
    """A value as PostgreSQL reads it out of JSON into its column."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.isoformat()
    return f"\\x{value.hex()}" if isinstance(value, bytes | memoryview) else value


def _store_on_sqlite(tasks: Sequence[Task]) -> list[Any]:
    ids = ", ".join(f"'{task.id.hex}'" for task in tasks)
    stored = f"(SELECT * FROM tasks_task WHERE id IN ({ids})) AS moved"  # noqa: S608 - ids of ours
    row = f"({', '.join(['%s'] * len(_COLUMNS))})"
    values = [_as_value(getattr(task, column), column) for task in tasks for column in _COLUMNS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_insert(f"VALUES {', '.join([row] * len(tasks))}"), values)
        cursor.execute(insert_first_events(stored), _FIRST)
        return list(cursor.fetchall())


def _insert(rows: str) -> str:
    return (
        f"INSERT INTO tasks_task ({', '.join(_COLUMNS)}) {rows}"
        f" ON CONFLICT (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
    )


def _as_value(value: Any, column: str) -> Any:
    """A value as SQLite's driver takes it."""
    if value is None:
        return None
    if column in _JSON:
        return json.dumps(value)
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value
