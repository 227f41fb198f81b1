"""Frames through the schema: at once, without a loop, a thread or a database."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from graphql import ExecutionResult
from graphql import execute as graphql_execute
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from tasks.api.cursors import write_event_cursor
from tasks.api.execution import Context, Documents, Prepared
from tasks.api.schema import schema
from tasks.api.viewer import Viewer
from tasks.hub import Frame
from tasks.models import Event
from tasks.models.snapshots import TaskSnapshot
from tasks.status import EventKind, TaskPriority, TaskStatus

EPOCH, TASK, OWNER = UUID(int=1), UUID(int=2), UUID(int=3)
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FAILURE = {"code": "EXCEPTION", "message": "boom", "exception": "ValueError"}
PROGRESS = {"fraction": 0.5, "message": None, "updated_at": AT.isoformat()}


def event(kind: EventKind, body: dict[str, Any], **columns: Any) -> Event:
    defaults: dict[str, Any] = {
        "status": "RUNNING",
        "attempt": 1,
        "max_attempts": 3,
        "type": "reverse_string",
        "queue": "default",
    }
    return Event(id=17, task_id=TASK, version=3, kind=kind, at=AT, body=body, **{**defaults, **columns})


def task_after(happened: Event) -> TaskSnapshot:
    facts = TaskSnapshot(
        id=TASK,
        type="reverse_string",
        owner_id=OWNER,
        batch_id=None,
        queue="default",
        priority=TaskPriority.HIGH,
        arguments={"text": "abc"},
        idempotency_key=None,
        tags=[],
        metadata=None,
        timeout_seconds=None,
        scheduled_for=None,
        created_at=AT,
        event_id=1,
        version=1,
        status=TaskStatus.QUEUED,
        attempt=0,
        max_attempts=3,
        progress=None,
        failure=None,
        result=None,
        updated_at=AT,
        expires_at=None,
        started_at=None,
        finished_at=None,
        next_attempt_at=None,
        cancel_requested_at=None,
    )
    return TaskSnapshot.of_event(facts, happened)


def shown(query: str, frame: Frame) -> Any:
    prepared = Documents(schema).prepare(query)
    assert isinstance(prepared, Prepared), prepared
    result = graphql_execute(
        prepared.schema,
        prepared.document,
        root_value=frame,
        context_value=Context(Viewer(OWNER, is_staff=False, token_id=None, expires_at=None)),
        executor_class=StrawberryGraphQLCoreExecutionContext,
    )
    assert isinstance(result, ExecutionResult), "executing a frame must not have to wait for anything"
    assert result.errors is None
    return result.data


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        pytest.param(
            event(EventKind.STATUS, {"from": "QUEUED", "failed": False}, failure=FAILURE),
            {"__typename": "TaskStatusChanged", "from": "QUEUED", "to": "RUNNING", "failure": None},
            id="a transition after an earlier failure",
        ),
        pytest.param(
            event(EventKind.STATUS, {"from": "RUNNING", "failed": True}, status="FAILED", failure=FAILURE),
            {
                "__typename": "TaskStatusChanged",
                "from": "RUNNING",
                "to": "FAILED",
                "failure": {**FAILURE, "traceback": None},
            },
            id="a failure",
        ),
        pytest.param(
            event(EventKind.STATUS, {"from": None, "failed": False}, status="QUEUED"),
            {"__typename": "TaskStatusChanged", "from": None, "to": "QUEUED", "failure": None},
            id="the first event",
        ),
        pytest.param(
            event(EventKind.PROGRESS, {}, progress=PROGRESS),
            {
                "__typename": "TaskProgressed",
                "progress": {"fraction": 0.5, "message": None, "updatedAt": "2026-01-02T03:04:05Z"},
            },
            id="progress",
        ),
        pytest.param(
            event(EventKind.LOG, {"level": "INFO", "message": "hello"}),
            {"__typename": "TaskLogged", "level": "INFO", "message": "hello"},
            id="a log line",
        ),
        pytest.param(
            event(EventKind.OUTPUT, {"chunk": "once "}), {"__typename": "TaskOutput", "chunk": "once "}, id="output"
        ),
        pytest.param(
            event(EventKind.CANCEL_REQUEST, {}), {"__typename": "TaskCancelRequested"}, id="a request to cancel"
        ),
    ],
)
def test_an_event_is_shown_at_once_in_its_own_type(happened: Event, told: dict[str, Any]) -> None:
    frame = Frame("EVENT", EPOCH, 17, event=happened, task=task_after(happened))
    query = """
        subscription { taskUpdated(id: "2") { kind cursor gap { reason } event { __typename
          ... on TaskStatusChanged { from to failure { code message exception traceback } }
          ... on TaskProgressed { progress { fraction message updatedAt } }
          ... on TaskLogged { level message }
          ... on TaskOutput { chunk }
        } task { __typename id status version priority isFinal updatedAt } } }
    """

    assert shown(query, frame)["taskUpdated"] == {
        "kind": "EVENT",
        "cursor": write_event_cursor(EPOCH, 17),
        "gap": None,
        "event": told,
        "task": {
            "__typename": "ReverseStringTask",
            "id": str(TASK),
            "status": happened.status,
            "version": 3,
            "priority": "HIGH",
            "isFinal": happened.status == "FAILED",
            "updatedAt": "2026-01-02T03:04:05Z",
        },
    }


def test_a_typed_result_is_shown_in_the_event_that_ends_the_task() -> None:
    ended = event(EventKind.STATUS, {"from": "RUNNING", "failed": False}, status="SUCCEEDED", result={"text": "cba"})
    frame = Frame("EVENT", EPOCH, 17, event=ended, task=task_after(ended))
    query = """
        subscription { taskUpdated(id: "2") { task {
          ... on ReverseStringTask { arguments { text } result { text } }
        } } }
    """

    assert shown(query, frame) == {"taskUpdated": {"task": {"arguments": {"text": "abc"}, "result": {"text": "cba"}}}}


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        pytest.param(Frame("POSITION", EPOCH, 9), {"kind": "POSITION", "gap": None}, id="a position"),
        pytest.param(
            Frame("GAP", EPOCH, 9, gap="RETENTION"), {"kind": "GAP", "gap": {"reason": "RETENTION"}}, id="a gap"
        ),
    ],
)
def test_a_feed_tells_gaps_and_positions_without_a_task(frame: Frame, told: dict[str, Any]) -> None:
    query = "subscription { tasksUpdated { kind gap { reason } task { id } event { version } matches } }"

    assert shown(query, frame)["tasksUpdated"] == {**told, "task": None, "event": None, "matches": None}
