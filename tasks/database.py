"""The server's way to the database from async code: a few threads whose connections stay open.

One hop to one of these threads runs one whole transaction. Django's own way (a thread and a connection for each
request) costs fifty times as much. On SQLite all writes take one thread, since it has one writer anyway.
"""

import asyncio
import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

from tasks.errors import StoreUnavailable, TimedOut

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

READ_THREADS = 3
WRITE_THREADS = 2
"""Standing connections of one server process on PostgreSQL: slow reads must not hold up what is submitted."""
TRIES = 3
"""Of a transaction that the database itself broke off for another's sake."""
LOCK_SECONDS = 5.0
"""How long a server's transaction waits for somebody else's lock: not for ever, or it would hold a thread for ever."""
LOG_SECONDS = 5.0
"""How often the log is told why the database can't be used; clients are not told why."""
_BROKEN_OFF = frozenset({"40P01", "40001"})
"""SQLSTATEs: deadlock detected, serialization failure. Nothing was stored, so it may be tried again."""
_CANCELLED = "57014"
"""SQLSTATE: query canceled, by `statement_timeout`."""
_STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's virtual machine: about a millisecond."""

_local = threading.local()
_generation = 0
"""Grows when a connection was found broken: the others of its age are not trusted either."""
_openings = itertools.count(1)
_opened = 0
_logged_at = -LOG_SECONDS


async def read(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn`, which only reads, on a pool thread. Once more on a new connection if the old one was broken.

    Raises `StoreUnavailable` where the database can't be reached, `TimedOut` where a statement takes longer than
    MAX_OPERATION_SECONDS: the database ends it then, so that the thread is free again.
    """
    try:
        return await _run("read", fn, *args, **kwargs)
    except TimedOut:
        raise
    except StoreUnavailable:
        return await _run("read", fn, *args, **kwargs)


async def write(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn`, one transaction, on a pool thread. Never repeated: whether it was stored may be unknown.

    Raises `StoreUnavailable` where the database can't be reached.
    """
    return await _run("write", fn, *args, **kwargs)


def connections_opened() -> int:
    """How many connections the pool has opened so far. Where that has changed, they may lead to another database."""
    return _opened


def close() -> None:
    """End the threads once what they run is done; their connections go with them. A later call opens new ones."""
    for name in ("read", "write"):
        _pool(name).shutdown()
    _pool.cache_clear()


async def _run(pool: str, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    call = partial(fn, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_pool(pool), lambda: _timed(call))


def _timed(call: Callable[[], T]) -> T:
    """Run `call` here; on SQLite, which has no time limit of its own, note when it must be done."""
    _local.overdue_at = monotonic() + settings.MAX_OPERATION_SECONDS
    return guarded(call)


@receiver(connection_created)
def _begin(connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    """Count a new connection of one of our threads, and limit its waits: for locks, and where it only reads for all."""
    global _opened  # noqa: PLW0603 - one process-wide count; that it has changed is what matters
    thread = threading.current_thread().name
    if not thread.startswith(_thread_names("")):
        return
    # Counted first: who reads by way of it must find it counted.
    _opened = next(_openings)
    only_reads = thread.startswith(_thread_names("read"))
    if connection.vendor == "postgresql":
        limits = f"SET lock_timeout = '{LOCK_SECONDS} s'"
        if only_reads:
            limits += f"; SET statement_timeout = {int(settings.MAX_OPERATION_SECONDS * 1000)}"
        with connection.cursor() as cursor:
            cursor.execute(limits)
    elif only_reads:
        connection.connection.set_progress_handler(_is_overdue, _STEPS_BETWEEN_LOOKS)


def _is_overdue() -> bool:
    return bool(monotonic() > _local.overdue_at)


def guarded(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn` here, dropping the connection if it turns out to be broken.

    Raises `StoreUnavailable` in place of the driver's errors.
    """
    global _generation  # noqa: PLW0603 - one process-wide count, whose lost update does no harm
    generation = _generation
    if getattr(_local, "generation", generation) != generation:
        connection.close()
    _local.generation = generation
    try:
        return _persistent(fn, *args, **kwargs)
    except (DatabaseError, InterfaceError) as error:
        if _was_ended(error):
            raise TimedOut("the database took too long: ask for less, or try again in a moment") from error
        if is_broken := _is_broken():
            connection.close()
            _generation += 1
        # A server that ends in the middle of an answer is a plain DatabaseError to the driver.
        if not (is_broken or isinstance(error, (OperationalError, InterfaceError))):
            raise
        _log(error)
        raise StoreUnavailable("the database can't be used just now, try again in a moment") from error


def _log(error: Exception) -> None:
    global _logged_at  # noqa: PLW0603 - one process-wide moment
    if monotonic() - _logged_at >= LOG_SECONDS:
        _logged_at = monotonic()
        logger.warning("database unavailable: %s", str(error).partition("\n")[0])


def _persistent(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    for _ in range(TRIES - 1):
        try:
            return fn(*args, **kwargs)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", None) not in _BROKEN_OFF:
                raise
    return fn(*args, **kwargs)


def _was_ended(error: Exception) -> bool:
    """Tell whether the statement ran into its time limit; SQLite has no code for it in Python 3.11's exception."""
    return getattr(error.__cause__, "pgcode", None) == _CANCELLED or str(error) == "interrupted"


def _is_broken() -> bool:
    return connection.vendor == "postgresql" and (connection.connection is None or bool(connection.connection.closed))


@cache
def _pool(name: str) -> ThreadPoolExecutor:
    on_sqlite = connection.vendor == "sqlite"
    threads = {"read": 2 if on_sqlite else READ_THREADS, "write": 1 if on_sqlite else WRITE_THREADS}
    return ThreadPoolExecutor(threads[name], thread_name_prefix=_thread_names(name))


def _thread_names(pool: str) -> str:
    return f"database-{pool}"
