"""Messages in and out, without a socket. The table of what is refused is in tests/integration/test_socket.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.api.transport import protocol
from tasks.api.transport.protocol import CloseCode, Complete, ConnectionInit, Message, Ping, Pong, Refusal, Subscribe

MAX_BYTES = 10_000


def read(frame: str | bytes) -> Message | Refusal:
    """Parse a frame, or return why not."""
    try:
        return protocol.parse(frame, MAX_BYTES)
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ('{"type":"connection_init"}', ConnectionInit(None)),
        (b'{"type":"connection_init","payload":{"a":1}}', ConnectionInit({"a": 1})),
        ('{"type":"ping","payload":null}', Ping(None)),
        ('{"type":"pong","payload":{}}', Pong({})),
        ('{"type":"complete","id":"1"}', Complete("1")),
        ('{"type":"subscribe","id":"1","payload":{"query":"q"}}', Subscribe("1", "q", None, None, None)),
        (
            '{"type":"subscribe","id":"1","payload":{"query":"","operationName":"","variables":{},"extensions":{}}}',
            Subscribe("1", "", "", {}, {}),
        ),
    ],
)
def test_a_message_is_read_from_text_or_bytes(frame: str | bytes, message: Message) -> None:
    assert protocol.parse(frame, MAX_BYTES) == message


def test_integers_arrive_unrounded() -> None:
    assert protocol.parse('{"type":"ping","payload":{"a":123456789012345678901234567890}}', MAX_BYTES) == Ping(
        {"a": 123456789012345678901234567890}
    )


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_whatever_comes_is_a_message_or_refused_with_a_reason_that_fits(frame: str | bytes) -> None:
    answer = read(frame)

    if isinstance(answer, Refusal):
        assert answer.code == CloseCode.BAD_REQUEST
        assert 0 < len(answer.reason.encode()) <= protocol.MAX_REASON_BYTES


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["connection_init", "ping", "pong", "subscribe", "complete", "next"])},
        optional={
            "id": st.none() | st.text() | st.integers(),
            "payload": st.none()
            | st.integers()
            | st.dictionaries(
                st.sampled_from(["query", "operationName", "variables", "extensions"]),
                st.none() | st.text() | st.integers() | st.dictionaries(st.text(), st.integers()),
            ),
        },
    )
)
def test_every_field_of_a_message_is_of_its_type(message: dict[str, object]) -> None:
    answer = read(json.dumps(message))

    if isinstance(answer, Refusal):
        assert answer.code == CloseCode.BAD_REQUEST
    elif isinstance(answer, Subscribe):
        assert answer.id
        assert isinstance(answer.query, str)
        assert isinstance(answer.operation_name, str | None)
        assert isinstance(answer.variables, dict | None)
        assert isinstance(answer.extensions, dict | None)


@pytest.mark.parametrize("character", ["x", "ä", "\U0001f600"])
def test_size_is_counted_in_bytes(character: str) -> None:
    fits = '{"type":"ping","payload":{"a":"%s"}}' % (character * 100)
    size = len(fits.encode())

    assert protocol.parse(fits, size) == Ping({"a": character * 100})
    with pytest.raises(Refusal):
        protocol.parse(fits, size - 1)


@pytest.mark.parametrize(
    ("reason", "fitted"),
    [("short", "short"), ("x" * 123, "x" * 123), ("x" * 124, "x" * 120 + "..."), ("ä" * 100, "ä" * 60 + "...")],
)
def test_a_reason_is_cut_between_characters(reason: str, fitted: str) -> None:
    assert protocol.fit_reason(reason) == fitted


def test_a_reason_with_a_lone_surrogate_can_be_sent() -> None:
    assert protocol.fit_reason("Subscriber for \ud800 already exists") == "Subscriber for \\ud800 already exists"


@given(st.text(min_size=1))
def test_an_id_comes_back_as_it_was(identifier: str) -> None:
    assert json.loads(protocol.next_prefix(identifier) + '{"data":null}}') == {
        "id": identifier,
        "type": "next",
        "payload": {"data": None},
    }
    assert json.loads(protocol.complete(identifier)) == {"id": identifier, "type": "complete"}
    assert json.loads(protocol.error(identifier, "[{}]")) == {"id": identifier, "type": "error", "payload": [{}]}
