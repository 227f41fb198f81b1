"""A database that was restored after it had gone on: every cursor from the future that it lost is told so."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import count

import psycopg2

from tests.e2e.faults.clients import FEED, TASK, Follower
from tests.e2e.faults.conftest import Report
from tests.e2e.faults.scene import Result, Scene
from tests.e2e.support import Api, GraphQLErrors, wait_for

_numbers = count(1)
RESTS = {"delaySeconds": 1_000_000}
CANCEL = "mutation ($id: ID!) { cancelTask(input: {id: $id}) { task { status } } }"


def test_cursors_from_before_a_restore_are_told_so_also_once_ids_have_grown_past_them(
    scene: Scene, api: Api, report: Report
):
    watched, changed = scene.submit_many(api, 2, {"observe": {}}, **RESTS)
    with ExitStack() as live:
        feed = live.enter_context(Follower(api, FEED))
        task = live.enter_context(Follower(api, TASK, id=watched))
        for follower in (feed, task):
            follower.await_frames(1)
        with dumped(scene):
            await_back(api)
            lost = scene.submit_many(api, 20, {"observe": {}})
            scene.await_ends(lost, 60)
            api(CANCEL, id=changed)
            ahead = last_cursors(api, feed, changed)
            head = highest_event(scene)
        for follower in (feed, task):
            follower.await_gap("EPOCH_CHANGED", 30)
        await_back(api)

        assert highest_event(scene) < head, "this test restores nothing"
        assert_told(api, changed, *ahead)
        while highest_event(scene) <= head:
            grown = scene.submit_many(api, 20, {"observe": {}})
            scene.await_ends(grown, 60)
        assert_told(api, changed, *ahead)
        wait_for(lambda: told_of(feed, grown[-1]) == [1, 2, 3], 20, "the feed to go on live")
        api(CANCEL, id=watched)
        task.await_end(20)

    assert task.gaps == ["EPOCH_CHANGED"]
    assert task.frames[-1]["task"]["status"] == "CANCELLED"
    scene.audit(grown).assert_whole()
    scene.assert_all_live()
    report(Result("PostgreSQL restored from a dump", 1, len(lost), 0, 0, 0, None, "cursors: EPOCH_CHANGED"))


def test_a_restore_while_no_server_ran_is_noticed_although_ids_have_grown_past(scene: Scene, api: Api, report: Report):
    [changed] = scene.submit_many(api, 1, {"observe": {}}, **RESTS)
    with Follower(api, FEED) as feed:
        feed.await_frames(1)
        with dumped(scene):
            await_back(api)
            api(CANCEL, id=changed)
            ahead = last_cursors(api, feed, changed)
            assert scene.server is not None
            scene.kill(scene.server)
            head = highest_event(scene)
        scene.database.rows(f"SELECT setval(pg_get_serial_sequence('tasks_event', 'id'), {head + 1_000})")
        scene.await_server(scene.spawn_server())
        grown = scene.submit_many(api, 1, {"observe": {}})
        scene.await_ends(grown, 60)

        assert_told(api, changed, *ahead)
        feed.await_gap("EPOCH_CHANGED")
    note = "cursors: EPOCH_CHANGED, all servers were down"
    report(Result("PostgreSQL restored from a dump", 1, len(grown), 0, 0, 0, None, note))


def await_back(api: Api) -> None:
    """Return when the server has come back to the database. The first who writes may learn that it was away."""

    def is_back() -> bool:
        try:
            return bool(api.submit({"observe": {}}))
        except GraphQLErrors as refused:
            if refused.codes != ["UNAVAILABLE"]:
                raise
            return False

    wait_for(is_back, 30, "the server to come back")


def last_cursors(api: Api, feed: Follower, task_id: str) -> tuple[str, str]:
    """Where a feed and a task's subscription stand after all that has happened."""
    wait_for(lambda: told_of(feed, task_id)[-1:] == [2], 20, "the last event")
    with Follower(api, TASK, id=task_id) as task:
        task.await_end(20)
    return feed.cursor, task.cursor


def assert_told(api: Api, task_id: str, feed_cursor: str, task_cursor: str) -> None:
    """Fail unless both cursors are answered with a gap that says why, before anything else."""
    with Follower(api, FEED, feed_cursor) as feed, Follower(api, TASK, task_cursor, id=task_id) as task:
        for follower in (feed, task):
            follower.await_frames(1)
            assert follower.frames[0]["gap"] == {"reason": "EPOCH_CHANGED"}
        task.await_frames(2)
        assert task.frames[1]["kind"] == "SNAPSHOT"
        assert task.frames[1]["task"]["status"] == "SCHEDULED"


def told_of(feed: Follower, task_id: str) -> list[int]:
    """The versions of a task that the feed has told."""
    return [frame["event"]["version"] for frame in feed.frames if frame["event"] and frame["task"]["id"] == task_id]


def highest_event(scene: Scene) -> int:
    """The end of the log."""
    [(highest,)] = scene.database.rows("SELECT max(id) FROM tasks_event")
    return int(highest)


@contextmanager
def dumped(scene: Scene) -> Iterator[None]:
    """Copy the database, and at the end put the copy in its place."""
    url, _, name = scene.database.url.rpartition("/")
    copy, gone = f"copy {next(_numbers)}", f"gone {next(_numbers)}"
    with closing(psycopg2.connect(f"{url}/postgres")) as connection, connection.cursor() as cursor:
        connection.autocommit = True

        def without_sessions(statements: Sequence[str]) -> None:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [name])
            for statement in statements:
                cursor.execute(statement)
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

        without_sessions([f'CREATE DATABASE "{copy}" TEMPLATE "{name}"'])
        yield
        without_sessions(
            [
                f'ALTER DATABASE "{name}" RENAME TO "{gone}"',
                f'ALTER DATABASE "{copy}" RENAME TO "{name}"',
            ]
        )
