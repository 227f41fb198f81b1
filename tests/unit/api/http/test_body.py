import asyncio
import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tasks.api.transport.http import body as bodies
from tasks.api.transport.http.body import from_body, from_query_string, read_body
from tasks.api.transport.http.refusals import ClientGone, Refused

QUERY = '{"query": "{ hello }"'

UNREADABLE = {
    "empty": b"",
    "null": b"null",
    "number": b"7",
    "string": b'"{ hello }"',
    "list": b"[]",
    "batch": b'[{"query": "{ hello }"}]',
    "half an object": b'{ "query',
    "not UTF-8": b'{"query": "\xff\xfe"}',
    "UTF-16": '{"query": "{ hello }"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + QUERY.encode() + b"}",
    "nested 10,000 deep": QUERY.encode() + b', "variables": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
    "integer of 100,000 digits": QUERY.encode() + b', "variables": {"a": ' + b"9" * 100_000 + b"}}",
    "infinite": QUERY.encode() + b', "variables": {"a": 1e999}}',
    "NaN": QUERY.encode() + b', "variables": {"a": NaN}}',
    "gzip": gzip.compress(QUERY.encode() + b"}"),
    "query missing": b'{"qeury": "{ hello }"}',
    "query null": b'{"query": null}',
    "query a number": b'{"query": 1}',
    "operationName a number": b'{"query": "{ hello }", "operationName": 1}',
    "variables a string": b'{"query": "{ hello }", "variables": "{}"}',
    "variables a list": b'{"query": "{ hello }", "variables": []}',
    "extensions false": b'{"query": "{ hello }", "extensions": false}',
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_body_is_refused_with_400(name: str) -> None:
    with pytest.raises(Refused) as refused:
        from_body(UNREADABLE[name])

    assert refused.value.status == 400
    error = json.loads(refused.value.body)["errors"][0]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


def test_integers_over_64_bits_keep_their_digits() -> None:
    parameters = from_body(QUERY.encode() + b', "variables": {"a": 123456789012345678901234567890}}')

    assert parameters.variables == {"a": 123456789012345678901234567890}


def test_lone_surrogates_are_left_for_the_types_to_refuse() -> None:
    parameters = from_body(QUERY.encode() + b', "variables": {"a": "\\ud800"}}')

    assert parameters.variables == {"a": "\ud800"}


def test_null_parameters_are_absent_ones() -> None:
    parameters = from_body(QUERY.encode() + b', "variables": null, "operationName": null, "extensions": null}')

    assert (parameters.operation_name, parameters.variables, parameters.extensions) == (None, None, None)


def test_query_string_carries_variables_as_json() -> None:
    parameters = from_query_string(b"query=%7Bhello%7D&variables=%7B%22a%22%3A1%7D&operationName=")

    assert (parameters.query, parameters.variables, parameters.operation_name) == ("{hello}", {"a": 1}, None)


@pytest.mark.parametrize(
    "query_string",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"query=%ff", id="not UTF-8"),
        pytest.param(b"query=\xff", id="not even ASCII"),
        pytest.param(b"query=%7Bhello%7D&variables=7", id="variables a number"),
        pytest.param(b"query=%7Bhello%7D&variables=%7B", id="variables no JSON"),
        pytest.param(b"a=1&" * 60, id="too many"),
    ],
)
def test_unreadable_query_string_is_refused_with_400(query_string: bytes) -> None:
    with pytest.raises(Refused) as refused:
        from_query_string(query_string)

    assert refused.value.status == 400


class Stream:
    """A client that sends these chunks and then, unless it is at the end, is gone."""

    def __init__(self, *chunks: bytes, more: bool = False) -> None:
        self.chunks = list(chunks)
        self.more = more

    async def __call__(self) -> Mapping[str, Any]:
        """Send the next one."""
        if not self.chunks:
            return {"type": "http.disconnect"}
        chunk = self.chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": self.more or bool(self.chunks)}


async def test_chunks_are_put_together() -> None:
    assert await read_body(Stream(b"ab", b"", b"cd"), None, 4) == b"abcd"


@pytest.mark.parametrize(
    ("chunks", "length"),
    [
        pytest.param([b"12345"], None, id="one chunk"),
        pytest.param([b"123", b"45"], None, id="two chunks"),
        pytest.param([b"123", b"45"], b"5", id="announced"),
        pytest.param([b"123", b"45"], b"4", id="announced as less"),
        pytest.param([], b"99999999999", id="announced as huge, and never sent"),
    ],
)
async def test_body_over_the_limit_is_refused_with_413(chunks: list[bytes], length: bytes | None) -> None:
    with pytest.raises(Refused) as refused:
        await read_body(Stream(*chunks), length, 4)

    assert refused.value.status == 413
    assert json.loads(refused.value.body)["errors"][0]["extensions"]["code"] == "TOO_LARGE"


async def test_refused_body_is_read_to_its_end_so_that_the_client_hears_why() -> None:
    stream = Stream(b"12345", b"6789")

    with pytest.raises(Refused):
        await read_body(stream, b"9", 4)

    assert stream.chunks == []


async def test_endless_body_is_not_read_for_ever() -> None:
    stream = Stream(*[b"1234"] * 100, more=True)

    with pytest.raises(Refused):
        await read_body(stream, None, 4)

    assert len(stream.chunks) > 50


async def test_body_that_does_not_come_is_refused_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.0)

    with pytest.raises(Refused) as refused:
        await read_body(Never(), None, 4)

    assert refused.value.status == 408


class Never:
    """A client that begins a body and sends no more of it."""

    def __init__(self) -> None:
        self.begun = False

    async def __call__(self) -> Mapping[str, Any]:
        """Send a byte, once."""
        if self.begun:
            await asyncio.Event().wait()
        self.begun = True
        return {"type": "http.request", "body": b"1", "more_body": True}


async def test_client_that_leaves_in_the_middle_gets_no_answer() -> None:
    with pytest.raises(ClientGone):
        await read_body(Stream(b"1", more=True), None, 4)
