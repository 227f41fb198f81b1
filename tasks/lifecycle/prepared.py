"""Statements that run with every task, prepared: PostgreSQL plans them once a connection, and not each time.

The planning of a claim costs as much as the claim. A statement's name is the digest of its text, so whoever prepared it
on a connection, it is the right one. Where a proxy hands each transaction another connection, the first statement that
is not there ends the preparing in this process, and everything goes on as plain SQL.
"""

import hashlib
import logging
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

PLAN_USES: Final = 1_000
"""After so many executions a statement is prepared anew, since a table that was empty may have become large."""
_NOT_THERE: Final = frozenset({"26000", "42P05"})
"""SQLSTATEs: no statement of that name, or one that we did not know of. We are not alone on our connection."""
_TABLES_CHANGED: Final = "0A000"
"""SQLSTATE: the cached plan must not change its result type, since a migration has run."""

_lock = threading.Lock()
_uses_left: "WeakKeyDictionary[Any, dict[str, int]]" = WeakKeyDictionary()
"""By the driver's connection: what is prepared there, and how often it may still be used."""
_is_on = True


def fetch(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Execute one statement with `%s` places, whose types PostgreSQL can tell, and return its rows.

    Inside of a transaction it is not prepared: there, a failure could not be made good.
    """
    with connection.cursor() as cursor:
        if _is_on and not connection.in_atomic_block:
            _execute(cursor, sql, parameters)
        else:
            cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _execute(cursor: Any, sql: str, parameters: Sequence[Any]) -> None:
    name, definition, call = _statement(sql)
    try:
        uses_left = _uses_on(connection.connection)
        left = uses_left.get(name, 0)
        if not left:
            if uses_left.pop(name, None) is not None:
                cursor.execute(f"DEALLOCATE {name}")
            cursor.execute(definition)
            left = PLAN_USES
        uses_left[name] = left - 1
        cursor.execute(call, parameters)
    except DatabaseError as error:
        if not _can_do_without(error):
            raise
        cursor.execute(sql, parameters)


def _can_do_without(error: DatabaseError) -> bool:
    """Whether the statement failed only because it was prepared. It has changed nothing then."""
    global _is_on  # noqa: PLW0603 - a proxy is there for the whole process
    code = getattr(error.__cause__, "pgcode", None)
    if code in _NOT_THERE:
        logger.warning("statements are not prepared any more: a proxy shares our connections with others")
        _is_on = False
    elif code == _TABLES_CHANGED:
        uses_left = _uses_on(connection.connection)
        uses_left.update(dict.fromkeys(uses_left, 0))
    else:
        return False
    return True


def _uses_on(raw: Any) -> dict[str, int]:
    with _lock:
        return _uses_left.setdefault(raw, {})


@cache
def _statement(sql: str) -> tuple[str, str, str]:
    """Its name, the PREPARE and the EXECUTE, whose parameters are those of `sql`."""
    name = f"taskfeed_{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
    first, *rest = sql.split("%s")
    body = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
    places = f"({', '.join(['%s'] * len(rest))})" if rest else ""
    return name, f"PREPARE {name} AS {body.replace('%%', '%')}", f"EXECUTE {name} {places}"
