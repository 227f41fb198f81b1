"""The table of testimonies: who ran when, as the handlers themselves saw it. Nothing of Taskfeed's is used for it."""

import os
import sqlite3
import time
from contextlib import closing
from typing import Any, Final
from uuid import UUID

import psycopg2

TABLE: Final = """
    CREATE TABLE IF NOT EXISTS testimony (
        task_id VARCHAR(36) NOT NULL, attempt INTEGER NOT NULL, what VARCHAR(10) NOT NULL, at DOUBLE PRECISION NOT NULL
    )
"""
_PATIENCE_SECONDS: Final = 30.0


_standing: Any = None
"""This process's connection to PostgreSQL: opening one takes longer than most handlers here."""


def testify(task_id: UUID, attempt: int, what: str) -> None:
    """Write down that this attempt has come to its `start` or its `end`, even if the database is just away."""
    row = (str(task_id), attempt, what, time.time())
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return _write(row)
        except (psycopg2.OperationalError, psycopg2.InterfaceError, sqlite3.OperationalError):
            _forget_connection()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _write(row: tuple[Any, ...]) -> None:
    global _standing  # noqa: PLW0603 - one connection per process
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as file, file:
            file.execute("INSERT INTO testimony VALUES (?, ?, ?, ?)", row)
        return
    if _standing is None:
        _standing = psycopg2.connect(url, connect_timeout=5)
        _standing.autocommit = True
    with _standing.cursor() as cursor:
        cursor.execute("INSERT INTO testimony VALUES (%s, %s, %s, %s)", row)


def _forget_connection() -> None:
    global _standing  # noqa: PLW0603 - as above
    if _standing is not None:
        _standing.close()
    _standing = None
