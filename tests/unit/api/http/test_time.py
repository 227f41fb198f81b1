"""How long an operation may take, and what becomes of one that takes longer."""

import asyncio
from dataclasses import replace

import pytest
from graphql import ExecutionResult

from tasks.api.execution import Context, Documents, Limits, Prepared, in_time
from tasks.api.transport.http import GraphQLHTTP
from tasks.api.viewer import ANONYMOUS
from tests.asgi_client import AsgiClient
from tests.unit.api.http import sample

SHORT_SECONDS = 0.05


def documents() -> Documents:
    return Documents(sample.schema, replace(Limits(), max_seconds=SHORT_SECONDS))


@pytest.mark.parametrize("kind", ["query", "mutation"])
async def test_an_overdue_operation_is_answered_and_ended(slow: sample.Slow, kind: str) -> None:
    response = await AsgiClient(GraphQLHTTP(documents())).post({"query": f"{kind} {{ slow }}"})

    assert response.status == 200
    assert response.json()["data"] is None
    assert [error["extensions"] for error in response.json()["errors"]] == [{"code": "TIMED_OUT"}]
    assert slow.cancelled.is_set()


@pytest.mark.parametrize("asked_before", [True, False], ids=["before it is awaited", "while it is awaited"])
async def test_waiting_that_the_client_has_asked_for_is_not_counted(asked_before: bool) -> None:
    prepared = documents().prepare("{ hello }")
    assert isinstance(prepared, Prepared)
    context = Context(ANONYMOUS)
    if asked_before:
        context.wait_for_client(60)

    async def work() -> ExecutionResult:
        if not asked_before:
            context.wait_for_client(60)
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=SHORT_SECONDS * 3)
        return ExecutionResult({"hello": "late"}, None)

    assert (await in_time(work(), prepared, context)).data == {"hello": "late"}
