"""Pool children are forked while upkeep's threads run: what SQLite allows, and what it does not."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.backends.signals import connection_created

from tasks import broker, channel
from tasks.models import Event, Task
from tasks.upkeep.forks import kept_apart
from tasks.worker import child
from tasks.worker.slots import Slots

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


def replacement(lock: Any, work: Callable[[], object]) -> int:
    """Fork a child while another thread holds a lock, as upkeep's may; its exit code after `work`."""
    is_held, is_forked = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            is_held.set()
            is_forked.wait(10)

    holding = threading.Thread(target=hold)
    holding.start()
    is_held.wait(10)
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)  # whatever happened: there must be no second test run
    is_forked.set()
    holding.join(10)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def publishes() -> None:
    assert channel._current is None  # noqa: SLF001 - it would be the parent's
    channel.publish([Event(id=1, task_id=uuid4(), version=1, kind="STATUS", body={}, at=datetime.now(UTC))])
    assert channel._current is not None  # noqa: SLF001 - as above


def test_a_child_forked_while_the_first_publisher_is_made_publishes():
    assert replacement(channel._lock, publishes) == 0  # noqa: SLF001 - the moment can't be met otherwise


@pytest.mark.usefixtures("redis_url")
def test_a_child_forked_while_the_broker_s_client_is_in_use_takes_messages():
    lock = broker._redis().connection_pool._lock  # noqa: SLF001 - as above

    assert replacement(lock, lambda: broker.take(["default"])) == 0


def test_a_child_forked_while_somebody_connects_to_the_database_does_so_itself():
    parent = os.getpid()

    def works() -> None:
        child.begin(uuid4(), "worker@here", Slots(1)[0], parent, ())
        Task.objects.exists()

    assert replacement(connection_created.lock, works) == 0
