"""Fixtures that tests of every kind share. The servers behind them come from the plugin `tests.services`."""

from collections.abc import Generator

import pytest
import redis
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """On SQLite, test on a file: an in-memory database has no WAL and locks in another way."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = f"{connection.settings_dict['NAME']}.test"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[None]:  # noqa: ARG001
    """Before the test database is dropped, end the sessions of threads that keep their connections."""
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture
def redis_url() -> str:
    """Where the tests' own Valkey is, emptied: no queue and no channel of another test is left in it."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
    return str(settings.REDIS_URL)
