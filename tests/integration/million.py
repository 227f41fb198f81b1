"""A table with a million finished tasks, as a deployment has it after a month: for plans, and for pruning at that size.

Filled by one INSERT … SELECT a table; PostgreSQL alone. The indexes are built afterwards, which takes half the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.db import connection

TASKS: Final = 1_000_000
HEAVY: Final = UUID(int=1)
"""Has three of ten tasks; the others are shared by a hundred owners."""
LIGHT: Final = UUID(int=50)
ACTIVE: Final = 600
"""How many of the tasks have not ended: `ACTIVE` / 6 in each of the ways that upkeep looks for."""
_TABLES: Final = ("tasks_event", "tasks_attempt", "tasks_task")

_OWNERS: Final = """
    INSERT INTO tasks_user (id, username, password, first_name, last_name, email, is_superuser, is_staff, is_active,
                            date_joined)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'owner' || n, '', '', '', '', false, false, true, now()
    FROM generate_series(1, 100) AS n
"""
# The n-th of a million tasks was submitted n parts of a month after its beginning, and its id, a UUID of version
# 7, says so. What has ended has one event left, so that filling takes seconds and not a minute.
_TASKS: Final = f"""
    INSERT INTO tasks_task (
        id, type, owner_id, queue, priority, arguments, arguments_digest, idempotency_key, tags, attempt_allowance,
        created_at, status, version, attempt, max_attempts, attempts_returned, attempts_spent, updated_at, started_at,
        finished_at, due_at, enqueued_at, expires_at, claim_id)
    SELECT
        id, CASE WHEN n %% 10007 = 0 THEN 'send_message' ELSE 'reverse_string' END,
        owners[CASE WHEN n %% 10 < 3 THEN 1 ELSE 2 + n %% 97 END],
        CASE WHEN n %% 20011 = 0 THEN 'slow' ELSE 'default' END, 1, '{{}}', '\\x00',
        CASE WHEN n %% 100 = 0 THEN 'key ' || n END,
        CASE WHEN n %% 50021 = 0 THEN '["rare"]'::jsonb WHEN n %% 19 = 0 THEN '["common"]' ELSE '[]' END, 3, at,
        CASE WHEN n > {TASKS} THEN (ARRAY['QUEUED', 'QUEUED', 'RUNNING', 'SCHEDULED', 'RETRYING', 'QUEUED'])[1 + n %% 6]
             WHEN n %% 53 = 0 THEN 'FAILED' WHEN n %% 2003 = 0 THEN 'CANCELLED' WHEN n %% 4001 = 0 THEN 'EXPIRED'
             ELSE 'SUCCEEDED' END,
        1, CASE WHEN n > {TASKS} AND n %% 6 <> 2 THEN 0 ELSE 1 END, 3, 0, 0, at,
        CASE WHEN n <= {TASKS} OR n %% 6 = 2 THEN at END, CASE WHEN n <= {TASKS} THEN at END,
        CASE WHEN n > {TASKS} AND n %% 6 IN (3, 4) THEN at END, CASE WHEN n > {TASKS} AND n %% 6 = 0 THEN at END,
        CASE WHEN n > {TASKS} AND n %% 6 = 5 THEN at END, CASE WHEN n > {TASKS} AND n %% 6 = 2 THEN id END
    FROM (
        SELECT n, first_at + n * interval '2.59 seconds' AS at, owners,
               ('0' || to_hex(first_ms + n::bigint * 2590) || '7000' || to_hex(n - 9223372036854775807))::uuid AS id
        FROM (
            SELECT now() - interval '30 days' AS first_at,
                   (extract(epoch FROM now()) * 1000)::bigint - 2592000000 AS first_ms,
                   ARRAY(SELECT id FROM tasks_user ORDER BY id) AS owners
        ) AS beginning, generate_series(1, {TASKS + ACTIVE}) AS n
        OFFSET 0
    ) AS submitted
"""
_ATTEMPTS: Final = """
    INSERT INTO tasks_attempt (id, task_id, number, status, claim_id, worker, incarnation, pid, started_at, finished_at)
    SELECT id, id, 1, CASE WHEN finished_at IS NULL THEN 'RUNNING' ELSE 'SUCCEEDED' END, id, 'worker@here',
           '00000000-0000-0000-0000-000000000001', 1, started_at, finished_at
    FROM tasks_task WHERE attempt = 1 AND (finished_at IS NULL OR tags <> '[]')
"""
_EVENTS: Final = """
    INSERT INTO tasks_event (
        task_id, version, kind, at, owner_id, type, queue, body, status, attempt, max_attempts, started_at, finished_at)
    SELECT id, version, 'STATUS', updated_at, owner_id, type, queue, '{}', status, attempt, 3, started_at, finished_at
    FROM tasks_task
"""


@contextmanager
def a_million_finished_tasks() -> Iterator[None]:
    """Inside, the tables hold `TASKS` that have ended and `ACTIVE` that have not; afterwards they are empty again."""
    with connection.cursor() as cursor:
        rebuild = _without_indexes(cursor)
        for table in reversed(_TABLES):
            cursor.execute(f"ALTER TABLE {table} SET UNLOGGED")
        try:
            for fill in (_OWNERS, _TASKS, _ATTEMPTS, _EVENTS):
                cursor.execute(fill, [])
        finally:
            for statement in rebuild:
                cursor.execute(statement)
        cursor.execute(f"ANALYZE {', '.join(_TABLES)}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(_TABLES)}, tasks_user RESTART IDENTITY CASCADE")
            for table in reversed(_TABLES):
                cursor.execute(f"ALTER TABLE {table} SET LOGGED")


def _without_indexes(cursor: Any) -> list[str]:
    """Drop what no other table refers to, and return how to build it anew."""
    cursor.execute(
        "SELECT conname, conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('u', 'f')",
        [list(_TABLES)],
    )
    constraints = cursor.fetchall()
    for name, table, _ in constraints:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    cursor.execute(
        "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid::regclass::text = ANY(%s) AND NOT indisprimary",
        [list(_TABLES)],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    added = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {rest}" for name, table, rest in constraints]
    return [definition for _, definition in indexes] + added
