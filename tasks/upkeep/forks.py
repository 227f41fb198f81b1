"""Keeps upkeep's use of SQLite and the forking of pool children apart.

SQLite's rule (https://www.sqlite.org/howtocorrupt.html, 2.6): no connection may be open in a process that forks. Its
locks are held per process and counted in memory: a child would inherit the count without the locks, or a mutex that a
thread holds which the child does not have, and wait for it for ever. PostgreSQL's client has no such state.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_at_rest = threading.Lock()
"""Held while a connection is open, and while this process forks."""

os.register_at_fork(before=_at_rest.acquire, after_in_parent=_at_rest.release, after_in_child=_at_rest.release)


@contextmanager
def kept_apart() -> Iterator[None]:
    """While inside, this process does not fork; the thread's connection is closed at the end. On SQLite alone."""
    if connection.vendor != "sqlite":
        yield
        return
    with _at_rest:
        try:
            yield
        finally:
            connection.close()
