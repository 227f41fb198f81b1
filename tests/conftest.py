"""Fixtures that tests of every kind share. The servers behind them come from the plugin `tests.services`."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.contenttypes.management import create_contenttypes
from django.db import connection
from django.db.models.signals import post_migrate
from pytest_django.plugin import DjangoDbBlocker
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/e2e/clients/", "tests/e2e/faults/stores/", "tests/e2e/faults/test_workers_", "tests/e2e/fuzz/")
"""Files that share what takes long to start: one worker of pytest-xdist gets all of them."""


class ByScene(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Hands out whole files, and those that share their scene to the same worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((shared for shared in TOGETHER if file.startswith(shared)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByScene | None:
    """Where whole files are handed out, hand them out so that a scene is started once."""
    return ByScene(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:  # noqa: ARG001
    """On SQLite, test on a file: an in-memory database has no WAL and locks in another way."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = f"{connection.settings_dict['NAME']}.test"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Generator[None]:  # noqa: ARG001
    """Keep each test's flush cheap, and before the drop end the sessions of threads that keep their connections.

    Django would truncate all tables, new files for each of them, and then make content types and permissions anew:
    together that takes longer than most tests, and none of them asks for it.
    """
    if connection.vendor == "postgresql":
        connection.ops.sql_flush = _empty_tables  # type: ignore[method-assign,assignment]  # Django has no other door
    post_migrate.disconnect(create_contenttypes)
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    yield
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def _empty_tables(_style: Any, tables: Sequence[str], **_options: bool) -> list[str]:
    """Return one statement that deletes all rows, as Django's `sql_flush` returns one that truncates."""
    return ["; ".join(f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables)]


@pytest.fixture
def redis_url() -> str:
    """Where the tests' own Valkey is, emptied: no queue and no channel of another test is left in it."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
    return str(settings.REDIS_URL)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many seconds the tests of each part took, summed over the workers, so that the budget can be watched."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                part = Path(report.nodeid.partition("::")[0]).parts[1]
                marked = next((name for name in ("browser", "faults") if name in report.keywords), part)
                seconds[marked.removesuffix(".py")] += report.duration
    terminalreporter.section("seconds by part")
    for part, spent in sorted(seconds.items()):
        terminalreporter.line(f"{part} {spent:.0f} s")
