"""Server-sent events from real servers: curl's way of following a task, idle peers that stay, and dead ones that go."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from websockets import ConnectionClosed
from websockets.sync.client import connect

from project.server import give_up_dead_peers
from tests.e2e.support import Api, Databases, Processes

IDLE_SECONDS = 11.0
"""Longer than redis-py 8 lets a read wait by default, twice over."""
WATCH = "subscription ($id: ID!) { taskUpdated(id: $id) { kind task { version status } } }"
FEED = "subscription { tasksUpdated { kind task { status } } }"
KINDS = ["uvicorn", "daphne"]


@pytest.fixture(scope="module", params=KINDS)
def server(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    """A server of either kind, whose sockets and streams beat every second, with a worker."""
    running = Processes(tmp_path_factory.mktemp("streams"), databases.make(), SOCKET_PING_SECONDS="1")
    try:
        running.start_valkey()
        serving, worker = running.spawn_server(request.param), running.spawn_worker()
        running.await_server(serving)
        running.await_worker(worker)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def ada(server: Processes) -> Api:
    """A client signed in as the user `ada`."""
    return server.api.register("ada")


class Stream:
    """One stream of events, read line by line, as `curl -N` would show it."""

    def __init__(self, api: Api, query: str, last_event_id: str = "", **variables: Any) -> None:
        where = urlsplit(api.base_url)
        self.connection = HTTPConnection(where.hostname or "", where.port, timeout=30)
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {api.token}"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        parameters = urlencode({"query": query, "variables": json.dumps(variables)})
        self.connection.request("GET", f"/graphql?{parameters}", headers=headers)
        self.response: HTTPResponse = self.connection.getresponse()

    def events(self) -> Iterator[dict[str, str]]:
        """Read the events to the end of the stream; a comment is the event {"": ""}."""
        fields: dict[str, str] = {}
        for line in self.response:
            name, _, value = line.decode().rstrip("\n").partition(":")
            if line == b"\n":
                yield fields
                fields = {}
            else:
                fields[name] = value.removeprefix(" ")

    def close(self) -> None:
        """Leave."""
        self.connection.close()


def frames(events: list[dict[str, str]]) -> list[Any]:
    return [json.loads(event["data"])["data"]["taskUpdated"] for event in events if event.get("event") == "next"]


def test_a_task_is_followed_to_its_end_and_resumed_by_last_event_id(ada: Api) -> None:
    task_id = ada.submit({"reverseString": {"text": "live"}}, 30)["id"]
    with closing(Stream(ada, WATCH, id=task_id)) as stream:
        epoch = next(event["id"] for event in stream.events() if "id" in event).partition(".")[0]
    start = f"{epoch}.0"

    with closing(Stream(ada, WATCH, start, id=task_id)) as stream:
        told = [event for event in stream.events() if "event" in event]
    with closing(Stream(ada, WATCH, told[1]["id"], id=task_id)) as stream:
        rest = [event for event in stream.events() if "event" in event]
    with closing(Stream(ada, WATCH, told[-2]["id"], id=task_id)) as stream:
        status = stream.response.status

    assert [frame["task"]["version"] for frame in frames(told)] == list(range(1, len(told)))
    assert frames(told)[-1]["task"]["status"] == "SUCCEEDED"
    assert told[-1] == {"event": "complete", "data": ""}
    assert rest == told[2:]
    assert status == 204


def test_an_idle_stream_and_an_idle_socket_stay_and_are_told_at_once(server: Processes, ada: Api) -> None:
    with (
        closing(Stream(ada, FEED)) as stream,
        connect(ada.socket_url, subprotocols=["graphql-transport-ws"], proxy=None) as opened,  # type: ignore[list-item]
    ):
        opened.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {ada.token}"}}))
        opened.send(json.dumps({"type": "ping"}))
        _hear(opened, "connection_ack")
        opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": FEED}}))
        _hear(opened, "next")
        events = stream.events()
        until = time.monotonic() + IDLE_SECONDS
        beats = 0
        while time.monotonic() < until:
            beats += "event" not in next(events)
            _hear(opened, "ping")
            opened.send(json.dumps({"type": "pong"}))

        ada.submit({"wait": {"seconds": 0}})

        event = next(event for event in events if '"EVENT"' in event.get("data", ""))
        message = _hear(opened, "next")

    assert beats >= IDLE_SECONDS / 2
    assert json.loads(event["data"])["data"]["tasksUpdated"] == message["payload"]["data"]["tasksUpdated"]
    assert server.server is not None
    assert "Traceback" not in server.log_of(server.server)


def _hear(opened: Any, kind: str) -> Any:
    """Return the next message of a kind, past others."""
    while (message := json.loads(opened.recv(30)))["type"] != kind:
        pass
    return message


@pytest.mark.parametrize("extra", [0, 1])
def test_a_message_over_the_limit_is_closed_with_our_own_code(server: Processes, extra: int) -> None:
    frame = json.dumps({"type": "ping", "payload": {"text": ""}})
    frame = frame.replace('""', '"' + "x" * (1024 * 1024 - len(frame) + extra) + '"')
    with connect(server.api.socket_url, subprotocols=["graphql-transport-ws"], max_size=None, proxy=None) as opened:  # type: ignore[list-item]
        opened.send(frame)

        if not extra:
            assert json.loads(opened.recv(30))["type"] == "pong"
            return
        with pytest.raises(ConnectionClosed) as caught:
            opened.recv(30)

    if server.server and server.server.name == "daphne":
        return  # it reads no longer message, can't be told to, and breaks the connection itself
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4400


def test_stopping_the_server_ends_a_stream_at_once_without_complete(server: Processes, ada: Api) -> None:
    """The last of this module: it stops the server."""
    serving = server.server
    assert serving is not None
    with closing(Stream(ada, FEED)) as stream:
        events = stream.events()
        next(events)
        serving.send(signal.SIGTERM)

        rest = list(events)
    assert serving.wait(20) is not None

    assert {"event": "complete", "data": ""} not in rest
    assert "graceful shutdown exceeded" not in server.log_of(serving)


def test_the_kernel_gives_up_peers_that_vanish() -> None:
    """Each connection has it from the socket that it came in by."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as peer:
        give_up_dead_peers(listening)
        peer.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert 0 < accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 40_000
