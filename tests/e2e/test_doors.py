"""The doors of a real server: watch tokens over a real socket, attempts that are counted, paths that lead nowhere."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.e2e.support import PASSPHRASE, Api, Databases, Processes, wait_for

FOLLOW = """
    subscription ($id: ID!) { taskUpdated(id: $id) {
      kind task { status ... on TellStoryTask { result { words } } } event { __typename ... on TaskOutput { chunk } }
    } }
"""
PROTOCOL = Subprotocol("graphql-transport-ws")
ATTEMPTS_PER_ADDRESS = 12


@pytest.fixture(scope="module")
def processes(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Run a server and a worker of this module's own: attempts are limited, and sockets looked at every second."""
    running = Processes(
        Path(tmp_path_factory.mktemp("doors")),
        databases.make(),
        LOGIN_ATTEMPTS_PER_ADDRESS=f"{ATTEMPTS_PER_ADDRESS}/hour",
        SOCKET_PING_SECONDS="1",
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()


def watch_token(api: Api, task_id: str, seconds: float) -> str:
    answer = api(
        "mutation($input: CreateWatchTokenInput!) { createWatchToken(input: $input) { token errors { __typename } } }",
        input={"taskId": task_id, "expiresInSeconds": seconds},
    )["createWatchToken"]
    assert answer["errors"] == []
    return str(answer["token"])


@contextmanager
def following(api: Api, token: str, task_id: str) -> Iterator[ClientConnection]:
    """Open a customer's socket, from a page of another site, and follow the task."""
    with connect(api.socket_url, subprotocols=[PROTOCOL], origin=Origin("https://shop.example"), proxy=None) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert json.loads(socket.recv(20)) == {"type": "connection_ack"}
        payload = {"query": FOLLOW, "variables": {"id": task_id}}
        socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        yield socket


def heard(socket: ClientConnection) -> Iterator[dict[str, Any]]:
    """Read until the operation is complete, or the socket closed."""
    while True:
        message = json.loads(socket.recv(30))
        if message["type"] == "ping":
            socket.send('{"type": "pong"}')
        elif message["type"] == "complete":
            return
        else:
            yield message["payload"]["data"]["taskUpdated"]


def test_customer_follows_one_task_to_its_end(api: Api) -> None:
    task = api.submit({"tellStory": {"topic": "a parcel", "sentences": 2}}, delaySeconds=1)

    with following(api, watch_token(api, task["id"], 60), task["id"]) as socket:
        frames = list(heard(socket))

    assert frames[0]["kind"] == "SNAPSHOT"
    assert frames[-1]["task"]["status"] == "SUCCEEDED"
    assert "TaskOutput" in {frame["event"]["__typename"] for frame in frames[1:]}


def test_socket_is_closed_when_the_token_ends(api: Api) -> None:
    task = api.submit({"wait": {"seconds": 0}}, delaySeconds=3600)

    with following(api, watch_token(api, task["id"], 3), task["id"]) as socket:
        frames = heard(socket)
        assert next(frames)["kind"] == "SNAPSHOT"
        with pytest.raises(ConnectionClosed) as closed:
            list(frames)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


def test_token_s_last_use_is_kept(api: Api, processes: Processes) -> None:
    api("{ me { username } }")

    wait_for(lambda: processes.database.rows("SELECT 1 FROM tasks_accesstoken WHERE last_used_at IS NOT NULL"), 20)


@pytest.mark.parametrize("path", ["/", "/nothing", "/admin/", "/graphql/x"])
def test_socket_that_leads_nowhere_is_closed(processes: Processes, path: str) -> None:
    address = f"ws://127.0.0.1:{processes.port}{path}"
    with pytest.raises(InvalidStatus) as refused, connect(address, subprotocols=[PROTOCOL], proxy=None):
        pass

    assert refused.value.response.status_code == 403
    assert processes.server is not None
    assert "Traceback" not in processes.log_of(processes.server)


def test_attempts_are_counted_whatever_address_is_claimed(processes: Processes) -> None:
    """The last test of this module: afterwards nobody signs in any more."""
    document = "mutation($input: LoginInput!) { login(input: $input) { token errors { __typename } } }"

    def attempt(number: int) -> str:
        variables = {"input": {"username": f"nobody{number}", "password": PASSPHRASE}}
        request = Request(  # noqa: S310 - our own server
            f"{processes.base_url}/graphql",
            json.dumps({"query": document, "variables": variables}).encode(),
            {"Content-Type": "application/json", "X-Forwarded-For": f"192.0.2.{number}"},
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return str(json.load(answer)["data"]["login"]["errors"][0]["__typename"])

    answers = [attempt(number) for number in range(ATTEMPTS_PER_ADDRESS + 1)]

    assert answers[0] == "InvalidCredentials"
    assert answers[-1] == "RateLimited"
