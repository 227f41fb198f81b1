"""Submit a task, let a Celery worker run it, watch it live: all in real processes, with a real client."""

from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

from tests.e2e.support import Api

SUBMIT = "mutation($task: TaskInput!) { submitTask(input: {task: $task}) { task { id status } errors { __typename } } }"
WATCH = """
subscription($id: ID!, $after: EventCursor) {
  taskUpdated(id: $id, after: $after) {
    kind
    cursor
    task {
      version
      status
      progress { fraction message }
      ... on ReverseStringTask { reversed: result { text } }
      ... on CountPrimesTask { primes: result { count largest } }
    }
    event { __typename version ... on TaskStatusChanged { from to } }
  }
}
"""


async def watch(api: Api, task_id: str, after: str | None = None) -> list[dict[str, Any]]:
    """Return every frame of `taskUpdated`, in the order of arrival, until the server completes it."""
    transport = WebsocketsTransport(
        url=api.socket_url,
        init_payload={"authorization": f"Bearer {api.token}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with Client(transport=transport) as session:
        request = GraphQLRequest(WATCH, variable_values={"id": task_id, "after": after})
        return [answer["taskUpdated"] async for answer in session.subscribe(request)]


def submitted(api: Api, **task: Any) -> str:
    answer = api(SUBMIT, task=task)["submitTask"]
    assert answer["errors"] == []
    assert answer["task"]["status"] == "QUEUED"
    return str(answer["task"]["id"])


async def test_a_task_is_watched_from_queued_to_its_typed_result(api: Api):
    task_id = submitted(api, reverseString={"text": "live"})

    frames = await watch(api, task_id)

    assert frames[0]["kind"] == "SNAPSHOT"
    assert frames[-1]["task"]["status"] == "SUCCEEDED"
    assert frames[-1]["task"]["reversed"] == {"text": "evil"}
    versions = [frame["task"]["version"] for frame in frames]
    assert versions == list(range(versions[0], versions[0] + len(versions)))


async def test_a_long_task_shows_its_progress(api: Api):
    task_id = submitted(api, countPrimes={"limit": 100_000_000})

    frames = await watch(api, task_id)

    assert frames[-1]["task"]["primes"] == {"count": 5_761_455, "largest": 99_999_989}
    fractions = [frame["task"]["progress"]["fraction"] for frame in frames if frame["task"]["progress"]]
    assert len(fractions) > 2
    assert fractions == sorted(fractions)
    versions = [frame["task"]["version"] for frame in frames]
    assert versions == list(range(versions[0], versions[0] + len(versions)))


async def test_who_comes_back_with_a_cursor_sees_the_rest_and_nothing_twice(api: Api):
    task_id = submitted(api, reverseString={"text": "again"})
    frames = await watch(api, task_id)

    rest = await watch(api, task_id, after=frames[0]["cursor"])

    assert [frame["task"]["version"] for frame in rest] == [frame["task"]["version"] for frame in frames[1:]]
    assert await watch(api, task_id, after=frames[-1]["cursor"]) == []


def test_the_answer_waits_for_the_result_if_asked(api: Api):
    task = api.submit({"addNumbers": {"a": 2, "b": 3}}, wait_seconds=10)

    assert task["status"] == "SUCCEEDED"
