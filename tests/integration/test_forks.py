"""Pool children are forked while upkeep's threads run: what SQLite allows, and what it does not."""

import os
import threading

import pytest
from django.db import connection

from tasks.models import Task
from tasks.upkeep.forks import kept_apart

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


def fork(has_forked: threading.Event) -> None:
    """Fork a child that ends at once."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    has_forked.set()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite alone has locks that a child must not inherit")
def test_nobody_forks_while_upkeep_uses_sqlite_and_no_connection_stays_open():
    has_forked = threading.Event()
    forking = threading.Thread(target=fork, args=(has_forked,))

    with kept_apart():
        Task.objects.exists()
        forking.start()
        was_early = has_forked.wait(0.3)
    forking.join(10)

    assert (was_early, has_forked.is_set()) == (False, True)
    assert connection.connection is None


@pytest.mark.skipif(connection.vendor == "sqlite", reason="as above")
def test_on_postgresql_nobody_waits():
    has_forked = threading.Event()
    forking = threading.Thread(target=fork, args=(has_forked,))

    with kept_apart():
        forking.start()
        forking.join(10)

    assert has_forked.is_set()
