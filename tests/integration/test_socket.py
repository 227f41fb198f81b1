"""The graphql-transport-ws protocol, rule by rule, over real servers. `standin` is the schema behind the door."""

import json
from typing import Any

import pytest
import websockets

from tests.unit.api.socket.peer import Server

ACK = {"type": "connection_ack"}


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
