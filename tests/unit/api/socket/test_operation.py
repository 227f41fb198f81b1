"""One operation, over an outbox that can be blocked."""

# ruff: noqa: D102 - a test double's methods are named after what they stand for

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from tasks.api.execution import Context
from tasks.api.transport.operation import Operation
from tasks.api.transport.outbox import Outbox
from tasks.api.transport.protocol import Subscribe
from tasks.api.transport.socket import GraphQLSocket
from tests.unit.api.socket.standin import ROOMS, SOMEBODY, Room, rules
from tests.unit.api.socket.test_outbox import Wire


class Bench:
    """A socket without a server, with one operation that follows one room."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.socket = GraphQLSocket(rules(outbox_frames=4))
        self.socket.outbox = Outbox(self.wire.send, 4, 10_000)
        self.name = uuid4().hex
        self.operation = Operation(self.socket, "1")
        self.socket.operations["1"] = self.operation

    @property
    def room(self) -> Room:
        return ROOMS[self.name]

    def start(self, fields: str = "number") -> None:
        self.run(f'subscription {{ rung(room: "{self.name}") {{ {fields} }} }}')

    def run(self, query: str) -> None:
        self.operation.start(Subscribe("1", query, None, None, None), Context(SOMEBODY))

    async def settle(self) -> None:
        """Let everything run that can."""
        while self.socket._background:  # noqa: SLF001 - the socket's own end waits for the same
            await asyncio.wait(self.socket._background)  # noqa: SLF001

    def heard(self) -> list[Any]:
        """What was sent: numbers of rings, and types of all other messages."""
        messages = [json.loads(text) for text in self.wire.sent]
        return [m["payload"]["data"]["rung"]["number"] if m["type"] == "next" else m["type"] for m in messages]


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_an_idle_subscription_has_no_task(bench: Bench) -> None:
    bench.start()
    await bench.settle()

    assert len(bench.room.listeners) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_source_pauses_while_the_outbox_is_full_and_goes_on_from_its_log(bench: Bench) -> None:
    bench.start()
    await bench.settle()
    bench.wire.writable.clear()

    for _ in range(100):
        bench.room.ring("ding")
    (source,) = bench.room.listeners
    assert source.next == 5  # one is with the server, four wait

    bench.wire.writable.set()
    emptied = asyncio.Event()
    while source.next < 100 or not bench.socket.outbox.is_idle:
        emptied.clear()
        bench.socket.outbox.when_empty(emptied.set)
        await emptied.wait()
    assert bench.heard() == list(range(100))


async def test_a_source_pauses_while_too_many_results_are_waited_for(bench: Bench) -> None:
    bench.start("number later")
    await bench.settle()

    for _ in range(20):
        bench.room.ring(bench.name)
    (source,) = bench.room.listeners
    assert source.next < 10

    bench.room.opened.set()
    await bench.settle()
    assert bench.heard() == list(range(20))


async def test_the_end_waits_for_what_was_put_before(bench: Bench) -> None:
    bench.start("number later")
    await bench.settle()

    bench.room.ring(bench.name)
    bench.room.ring("the end")
    assert "1" in bench.socket.operations
    bench.room.opened.set()
    await bench.settle()

    assert bench.heard() == [0, "complete"]
    assert not bench.socket.operations


@pytest.mark.parametrize("fields", ["number", "number later"])
async def test_a_stopped_operation_says_nothing_and_leaves_its_source(bench: Bench, fields: str) -> None:
    bench.start(fields)
    await bench.settle()
    bench.wire.writable.clear()
    for _ in range(3):
        bench.room.ring(bench.name)

    bench.operation.stop()
    bench.room.ring(bench.name)
    bench.operation.end()
    bench.operation.fail(ValueError("late"))
    await bench.settle()

    assert not bench.room.listeners
    bench.socket.outbox.shut()


async def test_an_operation_can_be_stopped_while_its_source_is_being_opened(bench: Bench) -> None:
    bench.start()

    bench.operation.stop()
    await bench.settle()

    assert not bench.room.listeners
    assert bench.wire.sent == []


async def test_a_mutation_that_is_stopped_is_carried_out_in_silence_and_counted_until_then(bench: Bench) -> None:
    bench.run(f'mutation {{ ringWhenAbandoned(room: "{bench.name}") }}')

    bench.operation.stop()
    assert bench.socket.abandoned_mutations == 1
    bench.room.opened.set()
    await bench.settle()

    assert [ring.text for ring in bench.room.log] == ["abandoned"]
    assert bench.wire.sent == []
    assert bench.socket.abandoned_mutations == 0


async def test_a_fault_of_ours_ends_the_operation_and_closes_the_source(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.start()
    await bench.settle()

    def fail(*_args: object) -> bytes:
        raise ValueError("a secret")

    monkeypatch.setattr(bench.socket.rules.shared, "payload", fail)
    bench.room.ring("ding")
    await bench.settle()

    assert bench.heard() == ["error"]
    assert "INTERNAL" in bench.wire.sent[0]
    assert "a secret" not in bench.wire.sent[0]
    assert "a secret" in caplog.text
    assert not bench.room.listeners
