"""The graphql-transport-ws protocol, rule by rule, over real servers. `standin` is the schema behind the door."""

import asyncio
import json
import socket
import struct
from collections.abc import Generator
from typing import Any
from uuid import uuid4

import pytest
import websockets

from tests.unit.api.socket.peer import COMMANDS, DEADLINE_SECONDS, Peer, Server, serve

ACK = {"type": "connection_ack"}


@pytest.fixture(scope="module", params=list(COMMANDS))
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    with serve(request.param) as running:
        yield running


@pytest.fixture
def room() -> str:
    """Name a room that no other test knows."""
    return uuid4().hex


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

# --- the handshake -------------------------------------------------------------------------------------------------


async def test_the_sub_protocol_is_confirmed(server: Server) -> None:
    async with server.connect(subprotocols=["graphql-ws", "graphql-transport-ws"]) as peer:
        assert peer.connection.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("offered", [None, ["graphql-ws"]], ids=["none", "another"])
async def test_another_sub_protocol_is_closed_4406(server: Server, offered: list[str] | None) -> None:
    async with server.connect(subprotocols=offered) as peer:
        code, _ = await peer.closed()

        assert code == 4406


@pytest.mark.parametrize("path", ["/", "/graphql/", "/nothing", "/graphql/x"])
async def test_an_unknown_path_is_refused(server: Server, path: str) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with server.connect(path):
            pass

    assert refused.value.response.status_code == 403


async def test_an_unknown_host_is_refused(server: Server) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(f"ws://evil.example:{server.port}/graphql", host="127.0.0.1", proxy=None):
            pass

    assert refused.value.response.status_code == 403


# --- connection_init -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", [{}, {"payload": None}, {"payload": {}}, {"payload": {"any": [1]}, "more": 1}])
async def test_connection_init_is_acknowledged(server: Server, init: dict[str, Any]) -> None:
    async with server.connect() as peer:
        await peer.say(type="connection_init", **init)

        assert await peer.hear() == ACK


async def test_no_connection_init_in_time_is_closed_4408(server: Server) -> None:
    async with server.connect("/impatient") as peer:
        code, _ = await peer.closed()

        assert code == 4408


async def test_a_ping_does_not_replace_connection_init(server: Server) -> None:
    async with server.connect("/impatient") as peer:
        await peer.say(type="ping")

        assert await peer.hear() == {"type": "pong"}
        assert (await peer.closed())[0] == 4408


async def test_a_second_connection_init_is_closed_4429(server: Server) -> None:
    async with server.connected() as peer:
        await peer.say(type="connection_init")

        assert (await peer.closed())[0] == 4429


async def test_a_second_connection_init_before_the_acknowledgement_is_closed_4429(server: Server) -> None:
    async with server.connect() as peer:
        await peer.say(type="connection_init", payload={"authorization": "never"})
        await peer.say(type="connection_init")

        assert (await peer.closed())[0] == 4429


async def test_an_operation_before_connection_init_is_closed_4401(server: Server) -> None:
    async with server.connect() as peer:
        await peer.subscribe("1", "{ hello }")

        assert (await peer.closed())[0] == 4401


async def test_an_operation_before_the_acknowledgement_is_closed_4401(server: Server) -> None:
    async with server.connect() as peer:
        await peer.say(type="connection_init", payload={"authorization": "never"})
        await peer.subscribe("1", "{ hello }")

        assert (await peer.closed())[0] == 4401


@pytest.mark.parametrize(
    ("credentials", "code"),
    [("bad", 4403), ("no database", 4503), ("broken", 4500)],
)
async def test_credentials_that_fail_close_the_socket(server: Server, credentials: str, code: int) -> None:
    async with server.connect() as peer:
        await peer.say(type="connection_init", payload={"authorization": credentials})

        closed, reason = await peer.closed()

        assert closed == code
        assert "secret" not in reason


async def test_credentials_that_are_never_found_close_the_socket(server: Server) -> None:
    async with server.connect("/impatient") as peer:
        await peer.say(type="connection_init", payload={"authorization": "never"})

        assert (await peer.closed())[0] == 4503


# --- whose page it is ----------------------------------------------------------------------------------------------

COOKIE = {"Cookie": "sessionid=good"}


@pytest.mark.parametrize(
    ("origin", "headers", "payload", "answer"),
    [
        pytest.param("own", COOKIE, None, ACK, id="own page, cookie"),
        pytest.param("http://127.0.0.1:1", COOKIE, None, 4403, id="a page of another port, cookie"),
        pytest.param(None, COOKIE, None, ACK, id="program, cookie"),
        pytest.param(None, {}, {"authorization": "Bearer good"}, ACK, id="program, token"),
        pytest.param("https://evil.example", {}, {"authorization": "Bearer good"}, ACK, id="foreign page, token"),
        pytest.param("https://evil.example", COOKIE, {"authorization": "Bearer good"}, ACK, id="foreign page, both"),
        pytest.param("https://evil.example", {}, None, ACK, id="foreign page, nobody"),
        pytest.param("https://evil.example", COOKIE, None, 4403, id="foreign page, cookie"),
        pytest.param("null", COOKIE, None, 4403, id="hidden page, cookie"),
        pytest.param("http://127.0.0.1.evil.example", COOKIE, None, 4403, id="name that looks like ours, cookie"),
        pytest.param("file://", COOKIE, None, 4403, id="a file, cookie"),
    ],
)
async def test_a_cookie_speaks_for_own_pages_alone(
    server: Server, origin: str | None, headers: dict[str, str], payload: dict[str, Any] | None, answer: Any
) -> None:
    own = server.origin if origin == "own" else origin
    async with server.connect(origin=own, additional_headers=headers) as peer:
        await peer.say(type="connection_init", payload=payload)

        assert (await peer.hear() if answer is ACK else (await peer.closed())[0]) == answer


# --- messages that are none ----------------------------------------------------------------------------------------


def subscribe(**payload: Any) -> dict[str, Any]:
    return {"id": "1", "type": "subscribe", "payload": {"query": "{ hello }", **payload}}


BAD_FRAMES: dict[str, str | bytes] = {
    "no JSON": "hello",
    "empty": "",
    "empty binary": b"",
    "binary, no JSON": b"\x00\x01",
    "binary, no UTF-8": b'{"type":"\xff"}',
    "an array": "[]",
    "an array of messages": '[{"type":"ping"}]',
    "a number": "1",
    "a string": '"ping"',
    "null": "null",
    "true": "true",
    "NaN": '{"type":"ping","payload":{"a":NaN}}',
    "two messages": '{"type":"ping"}{"type":"ping"}',
    "too deep": "[" * 50_000 + "]" * 50_000,
    "a number of 5,000 digits": '{"type":"ping","payload":{"a":' + "1" * 5_000 + "}}",
}
BAD_MESSAGES: dict[str, dict[str, Any]] = {
    "no type": {"id": "1"},
    "type null": {"type": None},
    "type a number": {"type": 1},
    "type an object": {"type": {}},
    "type unknown": {"type": "start", "id": "1", "payload": {}},
    "type unknown and long": {"type": "ä" * 1_000},
    "next": {"type": "next", "id": "1", "payload": {}},
    "error": {"type": "error", "id": "1", "payload": []},
    "connection_ack": {"type": "connection_ack"},
    "init, payload a string": {"type": "connection_init", "payload": "x"},
    "init, payload an array": {"type": "connection_init", "payload": []},
    "ping, payload a number": {"type": "ping", "payload": 1},
    "ping, payload a string": {"type": "ping", "payload": "x"},
    "ping, payload an array": {"type": "ping", "payload": []},
    "ping, payload false": {"type": "ping", "payload": False},
    "pong, payload a string": {"type": "pong", "payload": "x"},
    "complete without id": {"type": "complete"},
    "complete, id a number": {"type": "complete", "id": 1},
    "complete, id empty": {"type": "complete", "id": ""},
    "subscribe without id": {"type": "subscribe", "payload": {"query": "{ hello }"}},
    "subscribe, id null": {**subscribe(), "id": None},
    "subscribe, id a number": {**subscribe(), "id": 1},
    "subscribe, id empty": {**subscribe(), "id": ""},
    "subscribe without payload": {"id": "1", "type": "subscribe"},
    "subscribe, payload null": {"id": "1", "type": "subscribe", "payload": None},
    "subscribe, payload a string": {"id": "1", "type": "subscribe", "payload": "{ hello }"},
    "subscribe, payload an array": {"id": "1", "type": "subscribe", "payload": []},
    "subscribe without query": {"id": "1", "type": "subscribe", "payload": {}},
    "query null": subscribe(query=None),
    "query a number": subscribe(query=1),
    "query an object": subscribe(query={}),
    "operationName a number": subscribe(operationName=1),
    "operationName an array": subscribe(operationName=["x"]),
    "operationName false": subscribe(operationName=False),
    "variables an array": subscribe(variables=[]),
    "variables a string": subscribe(variables="{}"),
    "variables a number": subscribe(variables=0),
    "extensions an array": subscribe(extensions=[]),
    "extensions a string": subscribe(extensions="x"),
}
BAD = BAD_FRAMES | {name: json.dumps(message) for name, message in BAD_MESSAGES.items()}


@pytest.mark.parametrize("frame", BAD.values(), ids=BAD.keys())
async def test_a_malformed_message_is_closed_4400(server: Server, frame: str | bytes) -> None:
    async with server.connected() as peer:
        await peer.connection.send(frame)

        code, reason = await peer.closed()

        assert code == 4400
        if server.name != "daphne":  # daphne sends no reasons
            assert 0 < len(reason.encode()) <= 123


@pytest.mark.parametrize("frame", ["hello", b"\xff", "[]"])
async def test_a_malformed_first_message_is_closed_4400(server: Server, frame: str | bytes) -> None:
    async with server.connect() as peer:
        await peer.connection.send(frame)

        assert (await peer.closed())[0] == 4400


@pytest.mark.parametrize("character", ["x", "ä"])
async def test_a_message_over_the_limit_is_closed_4400(server: Server, character: str) -> None:
    async with server.connected("/small") as peer:
        await peer.connection.send(
            json.dumps({"type": "ping", "payload": {"a": character * 65_536}}, ensure_ascii=False)
        )

        assert (await peer.closed())[0] == 4400


async def test_a_message_just_below_the_limit_is_fine(server: Server) -> None:
    async with server.connected("/small") as peer:
        payload = {"a": "x" * 65_000}
        await peer.say(type="ping", payload=payload)

        assert await peer.hear() == {"type": "pong", "payload": payload}


async def test_a_binary_frame_is_read_like_a_text_frame(server: Server) -> None:
    async with server.connected() as peer:
        await peer.connection.send('{"type":"ping","payload":{"a":"ä"}}'.encode())

        assert await peer.hear() == {"type": "pong", "payload": {"a": "ä"}}


async def test_a_fragmented_frame_is_one_message(server: Server) -> None:
    async with server.connected() as peer:
        await peer.connection.send(iter(['{"type":', '"ping"}']))

        assert await peer.hear() == {"type": "pong"}


# --- ping and pong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [{}, {"a": [1, None, {"b": "\x00"}]}, {"big": 10**300}, {"lone": "\ud800"}])
async def test_a_ping_is_answered_with_its_payload(server: Server, payload: dict[str, Any]) -> None:
    async with server.connect() as peer:
        await peer.say(type="ping", payload=payload)

        assert await peer.hear() == {"type": "pong", "payload": payload}


async def test_pongs_are_welcome_at_any_time(server: Server) -> None:
    async with server.connect() as peer:
        await peer.say(type="pong")
        await peer.say(type="connection_init")
        await peer.say(type="pong", payload=None)
        await peer.say(type="pong", payload={"a": 1})

        assert await peer.hear() == ACK
        await peer.say(type="ping", payload=None)
        assert await peer.hear() == {"type": "pong"}


async def test_the_server_pings_and_keeps_a_peer_that_answers(server: Server) -> None:
    async with server.connected("/impatient") as peer:
        for _ in range(4):
            assert await peer.hear() == {"type": "ping"}
            await peer.say(type="pong")


async def test_a_peer_that_answers_no_ping_is_dropped(server: Server) -> None:
    async with server.connected("/impatient") as peer:
        assert await peer.hear() == {"type": "ping"}

        assert (await peer.closed())[0] == 4499


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
