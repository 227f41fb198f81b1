"""A server and three workers whose handlers misbehave, what is asked of them, and a reader of live frames."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

from tests.e2e.support import Api, Processes, wait_for

PATIENCE_SECONDS = 60.0
FAILURE = "failure { code message exception traceback }"
TASK = f"""
    id status isFinal version attempt maxAttempts resultJson {FAILURE}
    createdAt startedAt finishedAt scheduledFor cancelRequestedAt
    attempts {{ number status worker startedAt finishedAt {FAILURE} }}
"""
EVENTS = """
    query ($id: ID!, $after: EventCursor) { task(id: $id) { events(first: 1000, after: $after) {
      pageInfo { hasNextPage } endCursor
      nodes { __typename version attempt ... on TaskStatusChanged { from to } ... on TaskProgressed { progress {
        fraction } } ... on TaskLogged { message } ... on TaskOutput { chunk } }
    } } }
"""
WATCH = """
    subscription ($id: ID!) { taskUpdated(id: $id) {
      kind cursor task { id status version } event { taskId version at ... on TaskOutput { chunk } }
    } }
"""
FEED = """
    subscription ($after: EventCursor) { tasksUpdated(after: $after) {
      kind cursor task { id status } event { taskId version }
    } }
"""

# What is submitted at once, so that all of it runs side by side: the task, and what else is said of it.
SHORT = {"retryDelaySeconds": 0.1}
ONCE = {"maxAttempts": 1}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "stumbles twice": ({"stumble": {"failures": 2}}, {"retryDelaySeconds": 0.4}),
    "stumbles for good": ({"stumble": {"failures": 99}}, {"maxAttempts": 2, **SHORT}),
    "not worth another": ({"stumbleForGood": {}}, SHORT),
    "sleeps": ({"oversleep": {"seconds": 300}}, {"timeoutSeconds": 1, **ONCE}),
    "sleeps async": ({"oversleepAsync": {"seconds": 300}}, {"timeoutSeconds": 1, **ONCE}),
    "stuck with the lock": ({"stick": {"where": "WITH_LOCK"}}, {"timeoutSeconds": 1, **ONCE}),
    "stuck without the lock": ({"stick": {"where": "WITHOUT_LOCK"}}, {"timeoutSeconds": 1, **ONCE}),
    "times out twice": ({"oversleep": {"seconds": 300}}, {"timeoutSeconds": 0.5, "maxAttempts": 2, **SHORT}),
    "sys.exit": ({"leave": {"how": "SYS_EXIT"}}, ONCE),
    "os._exit": ({"leave": {"how": "OS_EXIT"}}, ONCE),
    "killed": ({"leave": {"how": "SIGKILL"}}, {"maxAttempts": 2, **SHORT}),
    "killed once": ({"survive": {}}, SHORT),
    "None": ({"answerBadly": {"how": "NONE"}}, SHORT),
    "NaN": ({"answerBadly": {"how": "NAN"}}, SHORT),
    "infinity": ({"answerBadly": {"how": "INFINITY"}}, SHORT),
    "a text for a number": ({"answerBadly": {"how": "TEXT"}}, SHORT),
    "prints": ({"printAMegabyte": {}}, {}),
    "refuses": ({"refuse": {}}, SHORT),
    "chatters": ({"chatter": {"rounds": 20_000}}, {}),
}


class Engine:
    """One wide worker for everything, two of one slot for queues of their own, and a server."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        processes.start_valkey()
        server = processes.spawn_server()
        self.wide = processes.spawn_worker(6, "--queues", "default")
        self.narrow = processes.spawn_worker(1, "--queues", "narrow")
        self.spare = processes.spawn_worker(1, "--queues", "spare")
        processes.await_server(server)
        for worker in (self.wide, self.narrow, self.spare):
            processes.await_worker(worker)
        self.api = processes.api.register("ada")
        processes.api.register("grace")
        processes.database.rows("UPDATE tasks_user SET is_staff = TRUE WHERE username = 'grace'")
        self.staff = processes.api.login("grace")

    def submit(self, task: dict[str, Any], **more: Any) -> str:
        """Submit a task and return its id."""
        return str(self.api.submit(task, **more)["id"])

    def task(self, task_id: str) -> dict[str, Any]:
        """Return the task as its owner sees it."""
        return self.api.task(task_id, TASK)

    def await_status(self, task_id: str, status: str) -> dict[str, Any]:
        """Return the task once it stands there."""
        wait_for(lambda: self.api.task(task_id)["status"] == status, PATIENCE_SECONDS, f"{task_id} to be {status}")
        return self.task(task_id)

    def await_end(self, task_id: str) -> dict[str, Any]:
        """Return the task once it is final."""
        wait_for(lambda: self.api.task(task_id, "isFinal")["isFinal"], PATIENCE_SECONDS, f"the end of {task_id}")
        return self.task(task_id)

    def cancel(self, task_id: str) -> dict[str, Any]:
        """Ask for the cancel; return the task as the answer has it."""
        answer = self.api(
            "mutation($id: ID!) { cancelTask(input: {id: $id}) { task { status cancelRequestedAt }"
            " errors { __typename ... on UserError { message } } } }",
            id=task_id,
        )["cancelTask"]
        assert answer["errors"] == []
        return dict(answer["task"])

    def events(self, task_id: str) -> list[dict[str, Any]]:
        """Return its whole log, which has no hole."""
        events: list[dict[str, Any]] = []
        after = None
        while True:
            page = self.api(EVENTS, id=task_id, after=after)["task"]["events"]
            events += page["nodes"]
            after = page["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert [event["version"] for event in events] == list(range(1, len(events) + 1))
        return events

    def statuses(self, task_id: str) -> list[str]:
        """Return the statuses that it went through."""
        return [event["to"] for event in self.events(task_id) if "to" in event]


def attempts_of(task: dict[str, Any]) -> list[tuple[int, str, str | None]]:
    """Number, status and failure code of each attempt."""
    return [(a["number"], a["status"], a["failure"] and a["failure"]["code"]) for a in task["attempts"]]


def at(moment: str) -> datetime:
    """Read a time of an answer."""
    return datetime.fromisoformat(moment)


class Frames:
    """What one subscription has brought so far."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.is_complete = False

    @property
    def versions(self) -> list[int]:
        """The versions of its frames."""
        return [frame["task"]["version"] for frame in self.frames]

    async def follow(self, session: Any, query: str, **variables: Any) -> None:
        """Gather frames until the server completes the subscription."""
        async for answer in session.subscribe(GraphQLRequest(query, variable_values=variables)):
            [frame] = answer.values()
            self.frames.append(frame)
        self.is_complete = True


@asynccontextmanager
async def session_of(api: Api) -> AsyncIterator[Any]:
    transport = WebsocketsTransport(
        url=api.socket_url,
        init_payload={"authorization": f"Bearer {api.token}"},
        subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
    )
    async with Client(transport=transport) as session:
        yield session


async def until(fact: Any, what: str) -> Any:
    """Wait for a fact that blocks to look at, while the loop goes on."""
    return await asyncio.to_thread(wait_for, fact, PATIENCE_SECONDS, what)
