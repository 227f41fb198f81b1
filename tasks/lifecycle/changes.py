"""How a change of tasks is written: one conditional UPDATE and its events, in one transaction, told after the commit.

On PostgreSQL it is one statement, so one round trip; on SQLite a few statements in one IMMEDIATE transaction. In both
the UPDATE comes first, so the transaction has its number before an event takes its id, which `tasks.hub` relies on.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from tasks import channel
from tasks.lifecycle import prepared
from tasks.lifecycle.values import EventEntry
from tasks.models import Event
from tasks.models.events import EVENT_COLUMNS, EVENT_JSON_COLUMNS, EVENT_TIME_COLUMNS, EVENT_UUID_COLUMNS

COPIED = (
    "status",
    "attempt",
    "max_attempts",
    "progress",
    "failure",
    "expires_at",
    "started_at",
    "finished_at",
    "next_attempt_at",
    "cancel_requested_at",
)
"""Columns of a task that its events copy under the same name."""

PREPARED_ENTRIES = 4
"""More of them at once are another statement for each number, and rare enough to be planned each time."""
_TASK_ID = EVENT_COLUMNS.index("task_id")

Parameters = Sequence[Any]


@dataclass(frozen=True)
class Change:
    """One kind of change: which rows, what is set, and what else is written from the rows as they then are.

    `set` and `where` are SQL with `%s` places; `also` are statements that read `FROM moved`, the changed rows; `read`
    are columns of the task to answer with. `{now}` stands for the database's clock. `often` is for what happens to
    every task: worth a prepared statement.
    """

    set: str
    where: str
    also: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    often: bool = False

    def apply(
        self,
        entries: Sequence[EventEntry],
        set_parameters: Parameters = (),
        where_parameters: Parameters = (),
        also_parameters: Sequence[Parameters] = (),
    ) -> list[Event]:
        """Make the change and append `entries`, in order, to the log of every row that matched. Publish after it.

        Returns the stored events; none where no row matched: the race is lost and nothing was written.
        """
        return [event for event, _ in self.apply_and_read(entries, set_parameters, where_parameters, also_parameters)]

    def apply_and_read(
        self,
        entries: Sequence[EventEntry],
        set_parameters: Parameters = (),
        where_parameters: Parameters = (),
        also_parameters: Sequence[Parameters] = (),
    ) -> Sequence[tuple[Event, Sequence[Any]]]:
        """Do as `apply`, and answer each event with the columns `read` of its task, as the driver gives them."""
        ordered = [(kind, json.dumps(body)) for kind, body in entries]
        steps = also_parameters or [()] * len(self.also)
        apply = _apply_on_sqlite if connection.vendor == "sqlite" else _apply_on_postgresql
        rows = apply(self, ordered, [*set_parameters, *where_parameters], steps)
        changed = [(event_of(row[: len(EVENT_COLUMNS)]), row[len(EVENT_COLUMNS) :]) for row in rows]
        if changed:
            transaction.on_commit(lambda: channel.publish([event for event, _ in changed]))
        return changed


def insert_first_events(stored: str) -> str:
    """SQL that appends one first event for each row of `stored`, which is named `moved`, and returns the events.

    Its parameters are the event's kind and its body.
    """
    return _sql(_insert_events(1, stored) + _returning())


def clock() -> str:
    """SQL for the present time, by the database's clock."""
    return "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'NOW')" if connection.vendor == "sqlite" else "statement_timestamp()"


def later(seconds: str = "%s") -> str:
    """SQL for the present time plus a number of seconds, by the database's clock."""
    if connection.vendor == "sqlite":
        return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f000', 'NOW', {seconds} || ' seconds')"
    return f"statement_timestamp() + {seconds} * INTERVAL '1 second'"


def _apply_on_postgresql(
    change: Change, entries: Sequence[tuple[str, str]], parameters: Parameters, also: Sequence[Parameters]
) -> list[tuple[Any, ...]]:
    flat = [value for step in also for value in step]
    everything = [*parameters, *flat, *_entry_parameters(entries)]
    statement = _one_statement(change, len(entries))
    if change.often and len(entries) <= PREPARED_ENTRIES:
        return prepared.fetch(statement, everything)
    with connection.cursor() as cursor:
        cursor.execute(statement, everything)
        return list(cursor.fetchall())


@cache
def _one_statement(change: Change, steps: int) -> str:
    """The whole change as PostgreSQL takes it: one statement, so one round trip."""
    follow = "".join(f", also_{number} AS ({step})" for number, step in enumerate(change.also))
    begin = f"WITH moved AS ({_update(change, steps)} RETURNING *){follow}"
    insert = f"{_insert_events(steps, 'moved')}{_returning()}"
    if not change.read:
        return _sql(f"{begin} {insert}")
    told = ", ".join(f"told.{column}" for column in EVENT_COLUMNS)
    read = ", ".join(f"moved.{column}" for column in change.read)
    return _sql(
        f"{begin}, told AS ({insert})"  # noqa: S608 - columns of ours
        f" SELECT {told}, {read} FROM told JOIN moved ON moved.id = told.task_id ORDER BY told.id"
    )


def _apply_on_sqlite(
    change: Change, entries: Sequence[tuple[str, str]], parameters: Parameters, also: Sequence[Parameters]
) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_sql(f"{_update(change, len(entries))} RETURNING {', '.join(['id', *change.read])}"), parameters)
        moved = {row[0]: row[1:] for row in cursor.fetchall()}
        if not moved:
            return []
        ids = ", ".join(f"'{task_id}'" for task_id in moved)
        rows = f"(SELECT * FROM tasks_task WHERE id IN ({ids})) AS moved"  # noqa: S608 - ids of ours
        for step, values in zip(change.also, also, strict=True):
            cursor.execute(_sql(step.replace("FROM moved", f"FROM {rows}")), values)
        cursor.execute(_sql(_insert_events(len(entries), rows) + _returning()), _entry_parameters(entries))
        return [(*row, *moved[row[_TASK_ID]]) for row in cursor.fetchall()]


def _update(change: Change, steps: int) -> str:
    return (
        f"UPDATE tasks_task SET {change.set}, version = version + {steps}, updated_at = {{now}}"  # noqa: S608
        f" WHERE {change.where}"
    )


def _insert_events(steps: int, moved: str) -> str:
    """SQL that appends `steps` entries for each row of `moved`, whose version counts them already."""
    entries = " UNION ALL ".join(f"SELECT {n} AS n, %s AS kind, %s AS body" for n in range(1, steps + 1))
    copied = ", ".join(f"moved.{column}" for column in COPIED)
    return (
        f"INSERT INTO tasks_event"  # noqa: S608 - columns of ours
        f" (task_id, version, kind, at, owner_id, batch_id, type, queue, body, result, {', '.join(COPIED)})"
        f" SELECT moved.id, moved.version - {steps} + entry.n, entry.kind, moved.updated_at, moved.owner_id,"
        f" moved.batch_id, moved.type, moved.queue, {{body}},"
        f" CASE WHEN moved.status = 'SUCCEEDED' THEN moved.result END, {copied}"
        f" FROM {moved} CROSS JOIN ({entries}) AS entry WHERE TRUE ORDER BY moved.id, entry.n"
    )


def _returning() -> str:
    return f" RETURNING {', '.join(EVENT_COLUMNS)}"


def _entry_parameters(entries: Sequence[tuple[str, str]]) -> list[Any]:
    return [value for entry in entries for value in entry]


def _sql(template: str) -> str:
    """Fill in what the two stores write differently."""
    sqlite = connection.vendor == "sqlite"
    return template.replace("{now}", clock()).replace("{body}", "entry.body" if sqlite else "CAST(entry.body AS jsonb)")


def event_of(row: Sequence[Any]) -> Event:
    """Build an event from the columns that `RETURNING` gave."""
    return Event.from_db("default", EVENT_COLUMNS, _decoded(row))


def _decoded(row: Sequence[Any]) -> list[Any]:
    sqlite = connection.vendor == "sqlite"
    values = list(row)
    for position, column in enumerate(EVENT_COLUMNS):
        value = values[position]
        if value is None:
            continue
        if column in EVENT_JSON_COLUMNS:
            values[position] = json.loads(value)
        elif sqlite and column in EVENT_UUID_COLUMNS:
            values[position] = UUID(value)
        elif sqlite and column in EVENT_TIME_COLUMNS and isinstance(value, str):
            values[position] = datetime.fromisoformat(value).replace(tzinfo=UTC)
    return values
