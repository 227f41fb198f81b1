"""A database that is there and does not do what is asked: full, locked, or cut short in the middle of a statement."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

import psycopg2
import pytest

from tests.e2e.faults.conftest import Report
from tests.e2e.faults.scene import Result, Scene
from tests.e2e.support import Api, GraphQLErrors, wait_for

END_SECONDS = 60.0
ANSWER_SECONDS = 30.0
"""For an answer that waits for a lock; a server gives up after five seconds, and may have queued up to then."""

REFUSE = """
    CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{code}'; END $$;
    CREATE TRIGGER refuse AFTER INSERT ON tasks_event EXECUTE FUNCTION refuse()
"""


@contextmanager
def full(scene: Scene) -> Iterator[None]:
    """Let no event be stored, as when the disk is full: the task's row has been written by then."""
    scene.database.rows(REFUSE.format(message="could not extend file: No space left on device", code="53100"))
    try:
        yield
    finally:
        scene.database.rows("DROP TRIGGER refuse ON tasks_event")


@contextmanager
def cut_short(scene: Scene) -> Iterator[None]:
    """Cancel each statement that stores an event, as a statement_timeout does."""
    scene.database.rows(REFUSE.format(message="canceling statement due to statement timeout", code="57014"))
    try:
        yield
    finally:
        scene.database.rows("DROP TRIGGER refuse ON tasks_event")


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """Hold the log in a long transaction of somebody else's, who lets it be read alone."""
    with closing(psycopg2.connect(scene.database.url)) as foreign, foreign.cursor() as cursor:
        cursor.execute("LOCK TABLE tasks_event IN EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("failing", [full, cut_short, locked])
def test_a_database_that_fails_in_the_middle_is_said_and_leaves_nothing_half_written(
    scene: Scene, api: Api, report: Report, failing: Callable[[Scene], AbstractContextManager[None]]
):
    running = scene.submit_many(api, 2, {"oversleep": {"seconds": 1}})
    scene.await_start(running)

    with failing(scene):
        begun_at = time.monotonic()
        with pytest.raises(GraphQLErrors) as refused:
            api.submit({"observe": {}}, idempotencyKey=failing.__name__)
        answered_in = time.monotonic() - begun_at
        stored = scene.database.rows(f"SELECT 1 FROM tasks_task WHERE idempotency_key = '{failing.__name__}'")
        wait_for(lambda: time.monotonic() > begun_at + 2, 10, "results that can't be stored")
    over_at = time.monotonic()
    ids = [*running, api.submit({"observe": {}}, idempotencyKey=failing.__name__)["id"]]
    scene.await_ends(ids, END_SECONDS)
    recovery = time.monotonic() - over_at

    code, told = ("TIMED_OUT", "took too long") if failing is cut_short else ("UNAVAILABLE", "can't be used just now")
    assert refused.value.codes == [code]
    assert told in refused.value.errors[0]["message"]
    assert answered_in < ANSWER_SECONDS
    assert stored == []
    scene.audit(ids).assert_whole()
    attempts = scene.database.rows(f"SELECT DISTINCT number, status FROM tasks_attempt WHERE task_id IN {tuple(ids)}")
    assert attempts == [(1, "SUCCEEDED")]
    scene.assert_all_live()
    name = f"PostgreSQL {failing.__name__.replace('_', ' ')}"
    report(Result(name, 1, len(ids), 0, 0, 0, recovery, f"UNAVAILABLE after {answered_in:.1f} s"))
