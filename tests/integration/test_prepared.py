"""Prepared statements: the same answers as without, whatever happens to the connection."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.db import DatabaseError, connection, transaction

from tasks.lifecycle import prepared

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite's driver prepares by itself"),
]
SUM = 'SELECT CAST(%s AS integer) + CAST(%s AS integer) AS "100%% sum"'


@pytest.fixture(autouse=True)
def prepares() -> Iterator[None]:
    """Begin and end with a process that prepares, on a new connection."""
    connection.close()
    prepared._is_on = True  # noqa: SLF001 - the process's one switch
    yield
    prepared._is_on = True  # noqa: SLF001
    connection.close()


def names() -> list[str]:
    """Return the statements that this connection has prepared."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements ORDER BY name")
        return [name for (name,) in cursor.fetchall()]


def test_a_statement_is_prepared_once_and_then_executed():
    answers = [prepared.fetch(SUM, [1, number]) for number in range(3)]

    assert answers == [[(1,)], [(2,)], [(3,)]]
    assert len(names()) == 1


def test_a_statement_is_planned_anew_after_so_many_uses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prepared, "PLAN_USES", 2)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    answers = [prepared.fetch(SUM, [1, number]) for number in range(2)]
    first = _prepared_at()
    answers += [prepared.fetch(SUM, [1, number]) for number in range(2, 5)]

    assert answers == [[(1,)], [(2,)], [(3,)], [(4,)], [(5,)]]
    assert _prepared_at() > first


def test_a_statement_that_could_not_be_planned_anew_is_prepared_when_it_can(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """As when a migration holds the table for longer than a statement waits."""
    monkeypatch.setattr(prepared, "PLAN_USES", 1)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE away (a integer)")
    assert prepared.fetch("SELECT a FROM away", []) == []

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO elsewhere")
    with pytest.raises(DatabaseError, match="does not exist"):
        prepared.fetch("SELECT a FROM away", [])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO away")

    assert prepared.fetch("SELECT a FROM away", []) == []
    assert len(names()) == 1
    assert not caplog.records


def test_a_proxy_that_swaps_connections_costs_the_preparing_alone(caplog: pytest.LogCaptureFixture):
    prepared.fetch(SUM, [1, 1])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")

    assert prepared.fetch(SUM, [1, 2]) == [(3,)]
    assert prepared.fetch(SUM, [1, 3]) == [(4,)]
    assert names() == []
    assert "not prepared any more" in caplog.text


def test_a_statement_that_somebody_else_prepared_here_is_no_harm():
    prepared.fetch(SUM, [1, 1])
    prepared._uses_left.clear()  # noqa: SLF001 - as a process does that shares the connection through a proxy

    assert prepared.fetch(SUM, [1, 2]) == [(3,)]


def test_a_table_that_a_migration_changed_is_read_as_it_is_now(caplog: pytest.LogCaptureFixture):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE changing (a integer)")
        cursor.execute("INSERT INTO changing VALUES (1)")
    assert prepared.fetch("SELECT * FROM changing", []) == [(1,)]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE changing ADD b text DEFAULT 'new'")

    assert prepared.fetch("SELECT * FROM changing", []) == [(1, "new")]
    assert prepared.fetch("SELECT * FROM changing", []) == [(1, "new")]
    assert len(names()) == 1
    assert not caplog.records


def test_a_fault_of_the_statement_itself_is_raised():
    with pytest.raises(DatabaseError, match="division by zero"):
        prepared.fetch("SELECT 1 / CAST(%s AS integer)", [0])


def test_inside_a_transaction_nothing_is_prepared():
    with transaction.atomic():
        assert prepared.fetch(SUM, [2, 2]) == [(4,)]

    assert names() == []


def _prepared_at() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prepare_time FROM pg_prepared_statements")
        (at,) = cursor.fetchone()
    assert isinstance(at, datetime)
    return at
