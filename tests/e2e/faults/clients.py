"""Clients that go on over faults, each on a thread of its own: who submits, and who follows a subscription."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPException
from typing import Any, Final, Self

from websockets import Subprotocol, WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.e2e.support import Api, wait_for

PROTOCOL: Final = Subprotocol("graphql-transport-ws")
TASK: Final = """
    subscription ($id: ID!, $after: EventCursor) { taskUpdated(id: $id, after: $after) {
      kind cursor gap { reason } task { id status version } event { version at ... on TaskLogged { message } }
    } }
"""
FEED: Final = """
    subscription ($after: EventCursor) { tasksUpdated(after: $after) {
      kind cursor gap { reason } task { id status version } event { taskId version at }
    } }
"""
SUBMIT: Final = """
    mutation ($input: SubmitTaskInput!) { submitTask(input: $input) {
      task { id } errors { ... on UserError { code } }
    } }
"""
_PAUSE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60.0

Post = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@contextmanager
def socket_of(api: Api) -> Iterator[ClientConnection]:
    """Open a socket that is signed in as the user of `api`."""
    with connect(api.socket_url, subprotocols=[PROTOCOL], open_timeout=5, close_timeout=1) as socket:
        payload = {"authorization": f"Bearer {api.token}"}
        socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        while json.loads(socket.recv(timeout=5))["type"] != "connection_ack":
            pass
        yield socket


class Follower:
    """Follows one subscription, as a context manager, and comes back with its last cursor when the socket is lost."""

    def __init__(self, api: Api, document: str, after: str | None = None, **variables: Any) -> None:
        self.frames: list[dict[str, Any]] = []
        self.late_seconds: list[float] = []
        """How long after its event each frame arrived."""
        self.errors: list[dict[str, Any]] = []
        """Why it was refused for good."""
        self.has_ended = False
        self._api = api
        self._document = document
        self._variables = variables
        self._cursor = after
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(10)

    @property
    def versions(self) -> list[int]:
        """Of the events that came, in their order."""
        return [frame["event"]["version"] for frame in self.frames if frame["event"]]

    @property
    def gaps(self) -> list[str]:
        """The reasons of the gaps."""
        return [frame["gap"]["reason"] for frame in self.frames if frame["gap"]]

    @property
    def cursor(self) -> str:
        """Where it stands."""
        return str(self.frames[-1]["cursor"])

    def await_frames(self, count: int, seconds: float = 20.0) -> None:
        """Return when so many frames have come."""
        wait_for(lambda: len(self.frames) >= count or self.errors, seconds, f"{count} frames, got {self.frames[-3:]}")

    def await_gap(self, reason: str, seconds: float = 20.0) -> None:
        """Return when a gap with that reason has come."""
        wait_for(lambda: reason in self.gaps, seconds, f"a gap {reason}, got {self.frames[-3:]} {self.errors}")

    def await_end(self, seconds: float) -> None:
        """Return when the server has completed the subscription."""
        wait_for(lambda: self.has_ended, seconds, f"the end of the subscription, got {self.frames[-1:]} {self.errors}")

    def _run(self) -> None:
        while not (self._is_over.is_set() or self.has_ended or self.errors):
            try:
                with socket_of(self._api) as socket:
                    self._subscribe(socket)
            except (OSError, WebSocketException):
                self._is_over.wait(_PAUSE_SECONDS)

    def _subscribe(self, socket: ClientConnection) -> None:
        variables = {**self._variables, "after": self._cursor}
        payload = {"query": self._document, "variables": variables}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        while not self._is_over.is_set():
            try:
                message = json.loads(socket.recv(timeout=_PAUSE_SECONDS))
            except TimeoutError:
                continue
            if message["type"] == "next":
                self._take(next(iter(message["payload"]["data"].values())))
            elif message["type"] == "complete":
                self.has_ended = True
                return
            elif message["type"] == "error":
                if message["payload"][0]["extensions"]["code"] != "UNAVAILABLE":
                    self.errors += message["payload"]
                self._is_over.wait(_PAUSE_SECONDS)
                return

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["event"]:
            self.late_seconds.append(time.time() - datetime.fromisoformat(frame["event"]["at"]).timestamp())
        self.frames.append(frame)
        self._cursor = frame["cursor"]


class Submitter:
    """Submits one task after the other until told to stop, each with a key, which it repeats until it has an answer."""

    def __init__(self, api: Api, name: str, task: Mapping[str, Any], *, over_socket: bool = False) -> None:
        self.ids: dict[str, str] = {}
        """What each key was answered."""
        self.seconds: list[float] = []
        """How long each answer with a task took."""
        self.refusals: list[dict[str, Any]] = []
        """Top-level errors."""
        self.unanswered = 0
        """Requests that were lost with their connection."""
        self._api = api
        self._name = name
        self._task = task
        self._over_socket = over_socket
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Return when the last key has its answer."""
        self._is_over.set()
        self._thread.join(_PATIENCE_SECONDS)
        assert not self._thread.is_alive(), f"{self._name} has no answer: {self.refusals[-1:]}"

    def _run(self) -> None:
        while not self._is_over.is_set():
            if self._over_socket:
                self._submit_over_socket()
            else:
                self._submit(self._api.post)

    def _submit_over_socket(self) -> None:
        try:
            with socket_of(self._api) as socket:
                while not self._is_over.is_set():
                    self._submit(lambda body: _asked(socket, body), patient=False)
        except (OSError, WebSocketException):
            self.unanswered += 1
            time.sleep(_PAUSE_SECONDS)

    def _submit(self, post: Post, *, patient: bool = True) -> None:
        """Have the next task stored."""
        key = f"{self._name}-{len(self.ids)}"
        body = {"query": SUBMIT, "variables": {"input": {"task": self._task, "idempotencyKey": key}}}
        begun_at = time.monotonic()
        while True:
            try:
                answer = post(body)
            except (OSError, ValueError, HTTPException):
                if not patient:
                    raise
                self.unanswered += 1
                time.sleep(_PAUSE_SECONDS)
                continue
            if "errors" not in answer:
                break
            self.refusals += answer["errors"]
            time.sleep(_PAUSE_SECONDS)
        self.seconds.append(time.monotonic() - begun_at)
        self.ids[key] = answer["data"]["submitTask"]["task"]["id"]


def _asked(socket: ClientConnection, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send a mutation over a socket; its answer, or its errors."""
    socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": body}))
    answer: Mapping[str, Any] = {}
    while True:
        message = json.loads(socket.recv(timeout=_PATIENCE_SECONDS))
        if message["type"] == "next":
            answer = message["payload"]
        elif message["type"] == "error":
            return {"errors": message["payload"]}
        elif message["type"] == "complete":
            return answer
