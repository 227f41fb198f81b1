"""`/readyz` tells what is the matter, and whether this server can do without; `/healthz` that it is alive."""

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest

from project.servers import Child
from tests.e2e.support import Databases, Processes, wait_for

on_postgresql = pytest.mark.skipif(os.environ.get("TASKFEED_TEST_STORE") == "sqlite", reason="SQLite locks no tables")
NOT_REQUIRED = {"broker", "channelLayer", "upkeep"}


def ask(processes: Processes, path: str = "/readyz", method: str = "GET", host: str = "10.1.2.3") -> tuple[int, Any]:
    """Ask as a probe does: by an address that is in no ALLOWED_HOSTS."""
    with closing(http.client.HTTPConnection("127.0.0.1", processes.port, timeout=10)) as connection:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body else None


def states(processes: Processes) -> dict[str, str]:
    return {name: check["state"] for name, check in ask(processes)[1]["checks"].items()}


def await_state(processes: Processes, **expected: str) -> tuple[int, Any]:
    """Wait for these states, and return the answer that had them."""

    def found() -> Any:
        status, body = ask(processes)
        return all(body["checks"][name]["state"] == state for name, state in expected.items()) and (status, body)

    return wait_for(found, 40, f"{expected}, now {states(processes)}")  # type: ignore[no-any-return]


def test_a_whole_deployment_is_ready(processes: Processes):
    status, body = await_state(processes, database="ok", hub="ok", broker="ok", channelLayer="ok", upkeep="ok")

    assert (status, body["status"]) == (200, "ready")
    assert {name for name, check in body["checks"].items() if not check["required"]} == NOT_REQUIRED
    assert body["checks"]["upkeep"]["ageSeconds"] < 40


def test_probes_only_look(processes: Processes):
    assert ask(processes, "/healthz") == (200, {"status": "alive"})
    assert ask(processes, "/healthz", "HEAD") == (200, None)
    assert ask(processes, "/readyz", "POST")[0] == 405


def test_an_answer_tells_no_secrets(processes: Processes):
    text = json.dumps(ask(processes)[1])

    for secret in (processes.database.url, processes.valkey.url, "postgres", "redis", "Error", "127.0.0.1"):
        assert secret not in text


def test_without_redis_a_server_is_degraded_and_stays_in_service(processes: Processes):
    processes.valkey.stop()
    try:
        status, body = await_state(processes, broker="away", channelLayer="away")
        assert (status, body["status"]) == (200, "degraded")
    finally:
        processes.start_valkey()
    assert await_state(processes, broker="ok", channelLayer="ok")[1]["status"] == "ready"


def test_without_upkeep_a_server_says_so_and_stays_in_service(processes: Processes):
    worker: Child = processes.workers[0]
    worker.send(signal.SIGSTOP)
    try:
        status, body = await_state(processes, upkeep="late")
        assert (status, body["status"]) == (200, "degraded")
        assert body["checks"]["upkeep"]["ageSeconds"] >= 6
    finally:
        worker.send(signal.SIGCONT)
    assert await_state(processes, upkeep="ok")[0] == 200


@contextmanager
def locked(processes: Processes, table: str) -> Iterator[None]:
    """Hold a table, so that whoever reads it waits."""
    with closing(psycopg2.connect(processes.database.url)) as holder, holder.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield
        holder.rollback()


@on_postgresql
def test_a_hub_that_can_not_read_on_is_not_ready_and_alive(processes: Processes):
    await_state(processes, hub="ok")
    with locked(processes, "tasks_event"):
        status, body = await_state(processes, hub="late")
        assert (status, body["status"], body["checks"]["database"]["state"]) == (503, "not ready", "ok")
        assert ask(processes, "/healthz")[0] == 200
    assert await_state(processes, hub="ok")[0] == 200


@on_postgresql
def test_a_database_that_hangs_is_not_ready_and_costs_a_probe_a_second(processes: Processes):
    await_state(processes, database="ok")
    with locked(processes, "tasks_workerprocess"):
        status, body = await_state(processes, database="away")
        assert (status, body["status"]) == (503, "not ready")
        # Requests have their own connections, however many probes wait.
        answers: list[int] = []
        probes = [threading.Thread(target=lambda: answers.append(ask(processes)[0])) for _ in range(10)]
        for probe in probes:
            probe.start()
        assert processes.api.post({"query": "{ __typename }"})["data"]
        for probe in probes:
            probe.join(20)
        assert answers == [503] * 10
    assert await_state(processes, database="ok")[0] == 200


def test_a_database_without_tables_is_unusable(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
):
    bare = Processes(tmp_path_factory.mktemp("bare"), databases.empty())
    request.addfinalizer(bare.stop)
    bare.start_valkey()
    server = bare.spawn_server()
    server.await_fact(lambda: _answers(bare), 40)

    status, body = ask(bare)

    assert (status, body["status"], body["checks"]["database"]["state"]) == (503, "not ready", "unusable")


def _answers(processes: Processes) -> bool:
    try:
        return ask(processes, "/healthz")[0] == 200
    except OSError:
        return False
