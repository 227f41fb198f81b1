"""Sockets on which anything may be said, in any order: each answers or is closed with a code, and none goes mute."""

import json
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from websockets import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.fuzz.conftest import ANSWER_SECONDS, FEW, Target, for_a_while
from tests.e2e.fuzz.test_requests import documents, json_values, words

CODES = {4400, 4401, 4403, 4406, 4408, 4409, 4429}
"""Why a socket may be closed here. 4500 would be a fault of ours, 1006 and 1011 one of the server's."""
TYPES = ["connection_init", "subscribe", "complete", "ping", "pong", "next", "error", "connection_ack", "start", ""]
identifiers = st.sampled_from(["1", "2", "3", "é\0"]) | words


OFFERED = st.sampled_from([["graphql-transport-ws"]] * 8 + [["graphql-ws"], None])
PAYLOADS = st.sampled_from(["token"] * 6 + [None, {}, {"authorization": "Bearer x"}, "nothing"])


class Conversation(RuleBasedStateMachine):
    """A client's life on one socket after the other.

    What it does never depends on what the server did, which is a matter of time; on a closed socket it does nothing.
    """

    target: Target

    def __init__(self) -> None:
        super().__init__()
        self.opened = ExitStack()
        self.socket: ClientConnection | None = None

    @initialize(offered=OFFERED, payload=PAYLOADS)
    def open(self, offered: Any, payload: Any) -> None:
        """Open it, mostly in the right way, and mostly say who it is."""
        self.opened.close()
        url = self.target.url.replace("http", "ws", 1)
        opening = connect(url, subprotocols=offered, ping_interval=None, max_size=None, proxy=None, close_timeout=1)
        self.socket = self.opened.enter_context(opening)
        if payload == "nothing":
            return
        if payload == "token":
            payload = {"authorization": f"Bearer {self.target.api.token}"}
        self._say({"type": "connection_init", "payload": payload})

    @rule(offered=OFFERED, payload=PAYLOADS)
    def open_again(self, offered: Any, payload: Any) -> None:
        """Leave the socket, whatever runs on it, for another one."""
        self.open(offered, payload)

    @rule(identifier=identifiers, query=documents(), name=st.sampled_from([None, "Q", "S"]), variables=json_values)
    def subscribe(self, identifier: str, query: str, name: str | None, variables: Any) -> None:
        """Begin an operation, more or less right."""
        usable = variables if isinstance(variables, dict) else None
        payload = {"query": query, "operationName": name, "variables": usable}
        self._say({"id": identifier, "type": "subscribe", "payload": payload})

    @rule(identifier=identifiers)
    def complete(self, identifier: str) -> None:
        """End an operation, which may run or not."""
        self._say({"id": identifier, "type": "complete"})

    @rule(kind=st.sampled_from(["ping", "pong"]), payload=st.none() | st.dictionaries(words, json_values, max_size=3))
    def ping(self, kind: str, payload: Any) -> None:
        """Give or ask for a sign of life."""
        self._say({"type": kind, "payload": payload})

    @rule(
        message=json_values
        | st.fixed_dictionaries(
            {"type": st.sampled_from(TYPES) | json_values}, optional={"id": json_values, "payload": json_values}
        )
    )
    def say_anything(self, message: Any) -> None:
        """Send some JSON."""
        self._say(message)

    @rule(
        frame=st.binary(max_size=50)
        | words
        | st.sampled_from(["[" * 20_000, "9" * 70_000, '{"type":"ping","payload":'])
    )
    def send_anything(self, frame: bytes | str) -> None:
        """Send some bytes."""
        self._send(frame)

    @invariant()
    def it_lives_or_was_closed_for_a_reason(self) -> None:
        """Ask for a pong, and wait for it or for the close."""
        if self.socket is None:
            return
        mark = uuid4().hex
        self._say({"type": "ping", "payload": {"mark": mark}})
        while self.socket is not None:
            try:
                heard = json.loads(self.socket.recv(ANSWER_SECONDS))
            except ConnectionClosed as closed:
                self._judge(closed)
                return
            _judge_message(heard)
            if heard.get("type") == "pong" and heard.get("payload") == {"mark": mark}:
                return

    def teardown(self) -> None:
        """Leave; the server goes on."""
        self.opened.close()
        self.target.answers_as_ever()

    def _say(self, message: Any) -> None:
        self._send(json.dumps(message))

    def _send(self, frame: bytes | str) -> None:
        if self.socket is None:
            return
        try:
            self.socket.send(frame)
        except ConnectionClosed as closed:
            self._judge(closed)

    def _judge(self, closed: ConnectionClosed) -> None:
        self.socket = None
        assert closed.rcvd is not None, "the connection broke without a close frame"
        assert closed.rcvd.code in CODES or closed.rcvd.code == 1000, closed.rcvd
        assert len(closed.rcvd.reason.encode()) <= 123


def _judge_message(message: dict[str, Any]) -> None:
    payload = message.get("payload")
    errors = payload if message.get("type") == "error" else (payload or {}).get("errors", ()) if "id" in message else ()
    for error in errors or ():
        assert error["extensions"]["code"] != "INTERNAL", error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_socket_goes_mute(target: Target) -> None:
    machine = type("ConversationWithTarget", (Conversation,), {"target": target})

    def some() -> None:
        run_state_machine_as_test(machine, settings=FEW, _min_steps=3)

    for_a_while(0.2, some)
