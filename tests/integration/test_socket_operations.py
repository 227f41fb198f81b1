"""Operations over the socket: their answers, ids, bounds and ends. `standin` is the schema behind the door."""

import asyncio
import json
import socket
import struct
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.api.socket.peer import DEADLINE_SECONDS, Peer, Server


async def rung(peer: Peer, room: str, identifier: str = "watch", fields: str = "number text") -> None:
    """Follow a room, and return when it is being listened to."""
    query = f"subscription ($room: String!) {{ rung(room: $room) {{ {fields} }} }}"
    await peer.subscribe(identifier, query, variables={"room": room})
    await until(peer, LISTENERS, {"listeners": 1}, room=room)


async def ask(peer: Peer, query: str, **variables: Any) -> Any:
    """Run a query or mutation under an id of its own."""
    return await peer.hear_result(uuid4().hex, query, variables=variables)


async def until(peer: Peer, query: str, expected: dict[str, Any], **variables: Any) -> None:
    """Ask again and again until the answer is what is expected."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await ask(peer, query, **variables) != expected:
            pass


LISTENERS = "query ($room: String!) { listeners(room: $room) }"
RUNNING = "query ($room: String!) { running(name: $room) }"
RING = """
    mutation ($room: String!, $text: String! = "ding", $times: Int! = 1) {
        ring(room: $room, text: $text, times: $times)
    }
"""

# --- operations ----------------------------------------------------------------------------------------------------


async def test_a_query_is_answered_and_completed(server: Server) -> None:
    async with server.connected() as peer:
        await peer.subscribe(
            "1", 'query A { hello } query B { hello(name: "B") }', operationName="B", extensions={"x": 1}
        )

        assert await peer.hear() == {"id": "1", "type": "next", "payload": {"data": {"hello": "hello B"}}}
        assert await peer.hear() == {"id": "1", "type": "complete"}


async def test_a_mutation_is_answered_and_completed(server: Server, room: str) -> None:
    async with server.connected() as peer:
        assert await ask(peer, RING, room=room) == {"ring": 0}


async def test_an_error_in_a_field_comes_with_the_result_and_is_masked(server: Server) -> None:
    async with server.connected() as peer:
        await peer.subscribe("1", "{ hello broken }")

        result = (await peer.hear())["payload"]

        assert result["data"] == {"hello": "hello you", "broken": None}
        assert [error["extensions"]["code"] for error in result["errors"]] == ["INTERNAL"]
        assert "secret" not in str(result)
        assert await peer.hear() == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param({"query": "{ hello"}, "GRAPHQL_PARSE_FAILED", id="syntax"),
        pytest.param({"query": ""}, "GRAPHQL_PARSE_FAILED", id="empty"),
        pytest.param({"query": "{" * 20_000}, "GRAPHQL_PARSE_FAILED", id="too many tokens"),
        pytest.param({"query": "{ goodbye }"}, "GRAPHQL_VALIDATION_FAILED", id="unknown field"),
        pytest.param({"query": "{ hello(name: 1) }"}, "BAD_USER_INPUT", id="bad literal"),
        pytest.param({"query": "query A { hello }", "operationName": "B"}, "BAD_USER_INPUT", id="unknown operation"),
        pytest.param({"query": "query A { hello }", "operationName": ""}, "BAD_USER_INPUT", id="empty operation name"),
        pytest.param({"query": "query A { hello } query B { hello }"}, "BAD_USER_INPUT", id="which operation"),
        pytest.param({"query": "fragment F on Query { hello }"}, "GRAPHQL_VALIDATION_FAILED", id="no operation"),
        pytest.param(
            {"query": "query ($a: Int!) { much(kilobytes: $a) }", "variables": {"a": "x"}},
            "BAD_USER_INPUT",
            id="bad variable of a query",
        ),
        pytest.param(
            {"query": "subscription ($a: Int!) { count(to: $a) }", "variables": {}},
            "BAD_USER_INPUT",
            id="missing variable of a subscription",
        ),
        pytest.param({"query": "subscription { missing }"}, "NOT_FOUND", id="the source says no"),
        pytest.param({"query": "subscription { unknown }"}, "INTERNAL", id="the source fails unexpectedly"),
    ],
)
async def test_a_faulty_operation_is_an_error_and_the_others_live_on(
    server: Server, room: str, payload: dict[str, Any], code: str
) -> None:
    async with server.connected() as peer:
        await rung(peer, room)

        await peer.say(id="bad", type="subscribe", payload=payload)

        answer = await peer.hear()
        assert (answer["id"], answer["type"]) == ("bad", "error")
        assert {error["extensions"]["code"] for error in answer["payload"]} == {code}
        assert "secret" not in str(answer)
        async with server.connected() as other:
            await ask(other, RING, room=room)
        assert (await peer.hear())["payload"] == {"data": {"rung": {"number": 0, "text": "ding"}}}
        assert await ask(peer, "{ hello }") == {"hello": "hello you"}


async def test_a_generator_is_followed_to_its_end(server: Server) -> None:
    async with server.connected() as peer:
        await peer.subscribe("1", "subscription { count(to: 3) }")

        for number in (1, 2, 3):
            assert await peer.hear() == {"id": "1", "type": "next", "payload": {"data": {"count": number}}}
        assert await peer.hear() == {"id": "1", "type": "complete"}


async def test_a_generator_that_raises_ends_in_an_error(server: Server) -> None:
    async with server.connected() as peer:
        await peer.subscribe("1", "subscription { breaks }")

        assert (await peer.hear())["payload"] == {"data": {"breaks": 1}}
        answer = await peer.hear()
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        assert await ask(peer, "{ hello }") == {"hello": "hello you"}


@pytest.mark.parametrize(
    ("text", "last"), [("the end", "complete"), ("a fault", "error")], ids=["the source ends", "the source fails"]
)
async def test_a_source_has_the_last_word(server: Server, room: str, text: str, last: str) -> None:
    async with server.connected() as peer, server.connected() as other:
        await rung(peer, room)

        await ask(other, RING, room=room)
        await ask(other, RING, room=room, text=text)

        assert (await peer.hear())["type"] == "next"
        answer = await peer.hear()
        assert (answer["id"], answer["type"]) == ("watch", last)
        assert last == "complete" or answer["payload"][0]["extensions"]["code"] == "NOT_FOUND"
        await until(peer, LISTENERS, {"listeners": 0}, room=room)


async def test_two_subscriptions_of_one_socket_hear_their_own_rooms(server: Server, room: str) -> None:
    async with server.connected() as peer, server.connected() as other:
        await rung(peer, room, "one")
        await rung(peer, room + "2", "two")

        await ask(other, RING, room=room + "2")
        await ask(other, RING, room=room)

        assert [(await peer.hear())["id"] for _ in range(2)] == ["two", "one"]


async def test_what_has_to_be_waited_for_keeps_its_order_and_holds_up_nobody_else(server: Server, room: str) -> None:
    async with server.connected() as peer, server.connected() as other:
        await rung(peer, room, "slow", "number later")
        await peer.subscribe("quick", f'subscription {{ rung(room: "{room}") {{ number }} }}')
        await until(peer, LISTENERS, {"listeners": 2}, room=room)

        await ask(other, RING, room=room, text=room, times=3)

        assert [(await peer.hear())["id"] for _ in range(3)] == ["quick"] * 3
        await ask(other, "mutation ($room: String!) { open(room: $room) }", room=room)
        assert [(await peer.hear())["payload"]["data"]["rung"]["number"] for _ in range(3)] == [0, 1, 2]


async def test_contexts_are_not_shared_between_operations(server: Server) -> None:
    async with server.connected() as peer:
        for _ in range(2):
            assert await ask(peer, "{ contextIsFresh }") == {"contextIsFresh": True}


# --- ids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["subscription { count(to: 0) }", '{ forever(name: "twice") }'])
async def test_an_id_that_runs_is_closed_4409(server: Server, query: str) -> None:
    async with server.connected() as peer:
        await peer.subscribe("ä" * 200, query)
        await peer.subscribe("ä" * 200, "{ hello }")

        code, reason = await peer.closed()

        assert code == 4409
        assert len(reason.encode()) <= 123


@pytest.mark.parametrize("identifier", ["1", "ä", '"\\', "\ud800", "\x00", " ", "x" * 10_000])
async def test_an_id_is_any_string_and_free_again_after_the_end(server: Server, identifier: str) -> None:
    async with server.connected() as peer:
        for _ in range(2):
            assert await peer.hear_result(identifier, "{ hello }") == {"hello": "hello you"}


async def test_an_id_is_free_again_after_an_error(server: Server) -> None:
    async with server.connected() as peer:
        await peer.subscribe("1", "{ nothing }")
        assert (await peer.hear())["type"] == "error"

        assert await peer.hear_result("1", "{ hello }") == {"hello": "hello you"}


async def test_the_client_completes_and_hears_no_more(server: Server, room: str) -> None:
    async with server.connected() as peer, server.connected() as other:
        await rung(peer, room)

        await peer.say(id="watch", type="complete")

        assert await peer.hear_result("watch", "{ hello }") == {"hello": "hello you"}
        await until(other, LISTENERS, {"listeners": 0}, room=room)
        await ask(other, RING, room=room)
        assert await ask(peer, "{ hello }") == {"hello": "hello you"}


@pytest.mark.parametrize("operation", ["subscription { count(to: 0, name: %s) }", "{ forever(name: %s) }"])
async def test_completing_ends_what_runs(server: Server, room: str, operation: str) -> None:
    async with server.connected() as peer, server.connected() as other:
        await peer.subscribe("1", operation % json.dumps(room))
        await until(other, RUNNING, {"running": 1}, room=room)

        await peer.say(id="1", type="complete")

        await until(other, RUNNING, {"running": 0}, room=room)


async def test_completing_what_is_not_running_is_no_fault(server: Server) -> None:
    async with server.connected() as peer:
        await peer.say(id="never seen", type="complete")
        await peer.hear_result("1", "{ hello }")
        await peer.say(id="1", type="complete")

        assert await ask(peer, "{ hello }") == {"hello": "hello you"}


async def test_both_sides_may_complete_at_once(server: Server, room: str) -> None:
    async with server.connected() as peer, server.connected() as other:
        await rung(peer, room)

        await asyncio.gather(ask(other, RING, room=room, text="the end"), peer.say(id="watch", type="complete"))

        await peer.say(type="ping")
        heard = [await peer.hear()]
        if heard[0] == {"id": "watch", "type": "complete"}:
            heard.append(await peer.hear())
        assert heard[-1] == {"type": "pong"}


# --- bounds --------------------------------------------------------------------------------------------------------


async def test_one_operation_too_many_is_an_error_for_that_one(server: Server) -> None:
    async with server.connected("/small") as peer:
        for number in range(5):
            await peer.subscribe(str(number), "subscription { count(to: 0) }")
        await peer.subscribe("one too many", "{ hello }")

        answer = await peer.hear()
        assert (answer["id"], answer["type"]) == ("one too many", "error")
        assert answer["payload"][0]["extensions"]["code"] == "TOO_MANY_SUBSCRIPTIONS"
        await peer.say(id="0", type="complete")
        assert await peer.hear_result("one too many", "{ hello }") == {"hello": "hello you"}


async def test_a_slow_reader_gets_everything_in_order_from_the_log(server: Server, room: str) -> None:
    text = "x" * 10_000
    async with server.connected("/small") as peer, server.connected() as other:
        await rung(peer, room)

        await ask(other, RING, room=room, text=text, times=3_000)

        for number in range(3_000):
            assert (await peer.hear())["payload"]["data"]["rung"]["number"] == number


async def test_a_peer_that_stops_reading_is_dropped_with_its_subscriptions(server: Server, room: str) -> None:
    async with server.connected() as other:
        deaf = await asyncio.to_thread(deaf_subscriber, server, room)
        try:
            await until(other, LISTENERS, {"listeners": 1}, room=room)
            await ask(other, RING, room=room, text="x" * 60_000, times=1_000)

            await until(other, LISTENERS, {"listeners": 0}, room=room)
        finally:
            deaf.close()


def deaf_subscriber(server: Server, room: str) -> socket.socket:
    """Follow a room over a bare TCP connection that nobody reads after the handshake."""
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(
        b"GET /impatient HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    connection.recv(10_000)
    connection.sendall(masked('{"type":"connection_init"}'))
    connection.recv(10_000)
    query = f'subscription {{ rung(room: "{room}") {{ text }} }}'
    connection.sendall(masked(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}})))
    return connection


def masked(text: str) -> bytes:
    """One text frame of a client, masked with zeros."""
    size = struct.pack("!B", 0x80 | len(text)) if len(text) < 126 else struct.pack("!BH", 0x80 | 126, len(text))
    return b"\x81" + size + bytes(4) + text.encode()


# --- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("abruptly", [False, True], ids=["closing", "abruptly"])
async def test_a_client_that_leaves_leaves_nothing_running(server: Server, room: str, abruptly: bool) -> None:
    async with server.connected() as other:
        async with server.connected() as peer:
            await rung(peer, room)
            await peer.subscribe("generator", f'subscription {{ count(to: 0, name: "{room}") }}')
            await peer.subscribe("query", f'{{ forever(name: "{room}") }}')
            await until(other, RUNNING, {"running": 2}, room=room)
            if abruptly:
                peer.connection.transport.abort()

        await until(other, LISTENERS, {"listeners": 0}, room=room)
        await until(other, RUNNING, {"running": 0}, room=room)


async def test_a_socket_that_is_refused_ends_its_operations(server: Server, room: str) -> None:
    async with server.connected() as other, server.connected() as peer:
        await rung(peer, room)

        await peer.connection.send("no message")

        assert (await peer.closed())[0] == 4400
        await until(other, LISTENERS, {"listeners": 0}, room=room)
