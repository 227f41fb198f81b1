import os

import pytest
import redis
from django.db import connection


@pytest.mark.django_db
def test_the_tests_run_on_the_store_that_was_asked_for():
    asked_for = os.environ.get("TASKFEED_TEST_STORE", "postgresql")

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    assert connection.vendor == asked_for


@pytest.mark.django_db
def test_sqlite_is_tested_on_a_file_with_a_write_ahead_log():
    if connection.vendor != "sqlite":
        pytest.skip("this run is on PostgreSQL")

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        mode = cursor.fetchone()

    assert mode == ("wal",)


def test_a_test_that_asks_for_redis_finds_it_empty(redis_url: str):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
