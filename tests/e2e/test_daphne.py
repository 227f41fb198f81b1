"""The same job under daphne, which `manage.py runserver` starts."""

from collections.abc import Iterator

import pytest

from tests.e2e.support import Api, Databases, Processes
from tests.e2e.test_main_job import submitted, watch


@pytest.fixture(scope="module")
def daphne(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A signed-in client of a server that `manage.py runserver` has started, with a worker."""
    running = Processes(tmp_path_factory.mktemp("daphne"), databases.make())
    try:
        running.start_valkey()
        server, worker = running.spawn_server("runserver"), running.spawn_worker()
        running.await_server(server)
        running.await_worker(worker)
        yield running.api.register("ada")
    finally:
        running.stop()


async def test_a_task_is_watched_to_its_typed_result(daphne: Api):
    frames = await watch(daphne, submitted(daphne, reverseString={"text": "live"}))

    assert frames[-1]["task"]["reversed"] == {"text": "evil"}
    versions = [frame["task"]["version"] for frame in frames]
    assert versions == list(range(versions[0], versions[0] + len(versions)))


async def test_who_comes_back_with_a_cursor_sees_the_rest(daphne: Api):
    task_id = submitted(daphne, reverseString={"text": "again"})
    frames = await watch(daphne, task_id)

    rest = await watch(daphne, task_id, after=frames[0]["cursor"])

    assert [frame["task"]["version"] for frame in rest] == [frame["task"]["version"] for frame in frames[1:]]


def test_the_answer_waits_for_the_result_if_asked(daphne: Api):
    assert daphne.submit({"addNumbers": {"a": 2, "b": 3}}, wait_seconds=10)["status"] == "SUCCEEDED"
