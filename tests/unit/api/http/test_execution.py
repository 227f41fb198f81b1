import asyncio
import logging
from typing import Any

import pytest
from graphql import ExecutionResult

from tasks.api.execution import Context, Documents, Prepared, Subscription, encode, execute, subscribe
from tasks.api.transport.http import disconnects
from tasks.api.viewer import ANONYMOUS
from tests.asgi_client import AsgiClient
from tests.unit.api.http import sample


async def run(documents: Documents, query: str, variables: dict[str, Any] | None = None) -> ExecutionResult:
    prepared = documents.prepare(query)
    assert isinstance(prepared, Prepared), prepared
    result = execute(prepared, None, variables, Context(ANONYMOUS))
    return result if isinstance(result, ExecutionResult) else await result


@pytest.mark.parametrize(
    "field",
    [
        pytest.param("broken", id="an exception"),
        pytest.param("brokenEntirely", id="an exception in a field that must not be null"),
        pytest.param("wrongColour", id="an answer that does not fit its type"),
    ],
)
async def test_unexpected_error_tells_the_client_an_id_and_the_log_the_rest(
    client: AsgiClient, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    response = await client.post({"query": f"{{ {field} }}"}, {"accept": "application/graphql-response+json"})

    [error] = response.json()["errors"]
    [record] = caplog.records
    assert response.status == 200
    assert response.json()["data"] in (None, {field: None})
    assert error["message"] == "Internal error"
    assert error["path"] == [field]
    assert error["extensions"] == {"code": "INTERNAL", "id": record.__dict__["error_id"]}
    assert b"hunter2" not in response.body
    assert "hunter2" in caplog.text
    assert error["extensions"]["id"] in caplog.text


@pytest.mark.parametrize(
    ("field", "code", "message"),
    [
        ("nothing", "FORBIDDEN", "not for you"),
        ("away", "UNAVAILABLE", "come again"),
        ("coded", "ON_PURPOSE", "said on purpose"),
    ],
)
async def test_expected_error_carries_its_code_and_is_not_logged(
    client: AsgiClient, caplog: pytest.LogCaptureFixture, field: str, code: str, message: str
) -> None:
    caplog.set_level(logging.DEBUG, "tasks")

    response = await client.post({"query": f"{{ {field} hello }}"})

    [error] = response.json()["errors"]
    assert response.json()["data"] == {field: None, "hello": "Hello, world"}
    assert (error["extensions"], error["message"]) == ({"code": code}, message)
    assert [record for record in caplog.records if record.name.startswith("tasks")] == []


async def test_mutations_run_one_after_the_other(documents: Documents) -> None:
    sample.touched.clear()

    result = await run(documents, "mutation { a: touch(order: 0) b: touch(order: 1) c: touch(order: 2) }")

    assert result.data == {"a": 0, "b": 1, "c": 2}
    assert sample.touched == [0, 1, 2]


async def test_query_without_async_resolvers_is_answered_at_once(documents: Documents) -> None:
    prepared = documents.prepare("{ hello }")
    assert isinstance(prepared, Prepared)

    result = execute(prepared, None, None, Context(ANONYMOUS))

    assert isinstance(result, ExecutionResult)
    assert encode(result) == b'{"data":{"hello":"Hello, world"}}'


async def test_query_is_cancelled_when_its_client_leaves(
    client: AsgiClient, slow: sample.Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnects, "UNWATCHED_SECONDS", 0.0)

    request = asyncio.create_task(client.post({"query": "{ slow }"}))
    await asyncio.wait_for(slow.started.wait(), 5)
    client.disconnect.set()

    assert (await asyncio.wait_for(request, 5)).status == 0
    assert slow.cancelled.is_set()


async def test_mutation_goes_on_when_its_client_leaves(
    client: AsgiClient, slow: sample.Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnects, "UNWATCHED_SECONDS", 0.0)

    request = asyncio.create_task(client.post({"query": "mutation { slow }"}))
    await asyncio.wait_for(slow.started.wait(), 5)
    client.disconnect.set()
    slow.release.set()

    assert (await asyncio.wait_for(request, 5)).json() == {"data": {"slow": "done"}}
    assert not slow.cancelled.is_set()


async def test_slow_query_is_answered_while_its_client_waits(
    client: AsgiClient, slow: sample.Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnects, "UNWATCHED_SECONDS", 0.0)

    request = asyncio.create_task(client.post({"query": "{ slow }"}))
    await asyncio.wait_for(slow.started.wait(), 5)
    slow.release.set()

    assert (await asyncio.wait_for(request, 5)).json() == {"data": {"slow": "done"}}


async def test_mutation_that_waits_is_told_when_its_client_leaves(
    client: AsgiClient, slow: sample.Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnects, "UNWATCHED_SECONDS", 0.0)

    request = asyncio.create_task(client.post({"query": "mutation { wait }"}))
    await asyncio.wait_for(slow.started.wait(), 5)
    client.disconnect.set()

    assert (await asyncio.wait_for(request, 5)).json() == {"data": {"wait": "nobody waits"}}


@pytest.mark.parametrize("query", ["{ slow }", "mutation { slow }"])
async def test_request_that_the_stopping_server_cancels_is_answered_503(
    client: AsgiClient, slow: sample.Slow, query: str
) -> None:
    request = asyncio.create_task(client.post({"query": query}))
    await asyncio.wait_for(slow.started.wait(), 5)
    request.cancel()
    response = await request

    assert slow.cancelled.is_set()
    assert (response.status, response.header("retry-after")) == (503, "1")
    assert response.header("content-type") == "application/json; charset=utf-8"
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_subscription_gives_the_resolver_s_own_source_and_executes_its_events(documents: Documents) -> None:
    prepared = documents.prepare("subscription ($to: Int!) { n: count(to: $to) }")
    assert isinstance(prepared, Prepared)

    subscription = await subscribe(prepared, None, {"to": 2}, Context(ANONYMOUS))

    assert isinstance(subscription, Subscription)
    results = [subscription.execute(event) async for event in subscription.source]
    assert [encode(result) for result in results if isinstance(result, ExecutionResult)] == [
        b'{"data":{"n":0}}',
        b'{"data":{"n":1}}',
    ]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        pytest.param("subscription ($to: Int!) { count(to: $to) }", {"to": "two"}, id="variable of the wrong type"),
        pytest.param("{ hello }", {}, id="no subscription"),
    ],
)
async def test_subscription_that_can_not_begin_has_errors_and_no_data(
    documents: Documents, query: str, variables: dict[str, Any]
) -> None:
    prepared = documents.prepare(query)
    assert isinstance(prepared, Prepared)

    result = await subscribe(prepared, None, variables, Context(ANONYMOUS))

    assert isinstance(result, ExecutionResult)
    assert encode(result).startswith(b'{"errors":[{')


async def test_context_builds_django_s_request_when_asked(client: AsgiClient) -> None:
    assert (await client.post({"query": "{ path }"})).json() == {"data": {"path": "/graphql"}}


async def test_context_of_a_socket_has_no_request(documents: Documents) -> None:
    assert (await run(documents, "{ path }")).data == {"path": None}
