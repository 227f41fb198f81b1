"""The engine's faults and options, in real processes, with handlers of tests/e2e/sample_app that misbehave."""

import asyncio
import itertools
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis

from tests.e2e.engine import (
    CASES,
    FEED,
    PATIENCE_SECONDS,
    TASK,
    WATCH,
    Engine,
    Frames,
    at,
    attempts_of,
    session_of,
    until,
)
from tests.e2e.support import Databases, Processes, wait_for

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def engine(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Start everything once for this module."""
    processes = Processes(
        tmp_path_factory.mktemp("engine"),
        databases.make(),
        DJANGO_SETTINGS_MODULE="tests.e2e.settings",
        QUEUES="default,narrow,spare,nobody",
    )
    try:
        yield Engine(processes)
    finally:
        processes.stop()


@pytest.fixture(scope="module")
def submitted(engine: Engine) -> dict[str, str]:
    """The ids of all `CASES`, by their names."""
    return {name: engine.submit(task, **more) for name, (task, more) in CASES.items()}


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_handler_that_raises_is_retried_with_backoff_and_every_attempt_is_told(
    engine: Engine, submitted: dict[str, str]
):
    task = engine.await_end(submitted["stumbles twice"])

    assert (task["status"], task["resultJson"]) == ("SUCCEEDED", {"attempt": 3})
    assert attempts_of(task) == [(1, "FAILED", "EXCEPTION"), (2, "FAILED", "EXCEPTION"), (3, "SUCCEEDED", None)]
    assert task["attempts"][1]["failure"]["message"] == "stumbled in attempt 2"
    assert task["attempts"][1]["failure"]["exception"].endswith("task_types.OddError")
    pauses = [
        (at(later["startedAt"]) - at(earlier["finishedAt"])).total_seconds()
        for earlier, later in itertools.pairwise(task["attempts"])
    ]
    assert pauses[0] >= 0.35
    assert pauses[1] >= 0.7
    assert engine.statuses(task["id"]) == [
        *("QUEUED", "RUNNING", "RETRYING", "QUEUED", "RUNNING", "RETRYING", "QUEUED", "RUNNING", "SUCCEEDED")
    ]


def test_the_last_attempt_s_failure_is_the_task_s(engine: Engine, submitted: dict[str, str]):
    task = engine.await_end(submitted["stumbles for good"])

    assert (task["status"], task["attempt"], task["maxAttempts"]) == ("FAILED", 2, 2)
    assert attempts_of(task) == [(1, "FAILED", "EXCEPTION"), (2, "FAILED", "EXCEPTION")]
    assert task["failure"]["message"] == "stumbled in attempt 2"


def test_a_traceback_is_for_staff_alone(engine: Engine, submitted: dict[str, str]):
    own = engine.await_end(submitted["stumbles for good"])
    staffs = engine.staff.task(own["id"], TASK)

    assert [own["failure"]["traceback"], *(a["failure"]["traceback"] for a in own["attempts"])] == 3 * [None]
    for failure in (staffs["failure"], staffs["attempts"][1]["failure"]):
        assert "in stumble" in failure["traceback"]
        assert "OddError: stumbled in attempt 2" in failure["traceback"]


def test_a_retried_task_counts_on(engine: Engine, submitted: dict[str, str]):
    failed = engine.await_end(submitted["stumbles for good"])

    retry = (
        "mutation($id: ID!) { retryTask(input: {id: $id}) { task { status attempt maxAttempts failure { code } } } }"
    )
    answer = engine.api(retry, id=failed["id"])["retryTask"]["task"]
    task = engine.await_end(failed["id"])

    assert answer == {"status": "QUEUED", "attempt": 2, "maxAttempts": 4, "failure": None}
    assert (task["status"], task["attempt"], task["maxAttempts"]) == ("FAILED", 4, 4)
    assert [number for number, *_ in attempts_of(task)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("case", "code", "attempts"),
    [
        pytest.param("not worth another", "EXCEPTION", 1, id="do_not_retry_on"),
        pytest.param("sleeps", "TIMEOUT", 1, id="time.sleep"),
        pytest.param("sleeps async", "TIMEOUT", 1, id="async sleep"),
        pytest.param("stuck with the lock", "TIMEOUT", 1, id="C code with the lock"),
        pytest.param("stuck without the lock", "TIMEOUT", 1, id="C code without the lock"),
        pytest.param("times out twice", "TIMEOUT", 2, id="time-outs are retried"),
        pytest.param("sys.exit", "EXCEPTION", 1, id="sys.exit"),
        pytest.param("os._exit", "WORKER_LOST", 1, id="os._exit"),
        pytest.param("killed", "WORKER_LOST", 2, id="SIGKILL"),
        pytest.param("None", "INVALID_RESULT", 1, id="None for a result"),
        pytest.param("NaN", "INVALID_RESULT", 1, id="NaN"),
        pytest.param("infinity", "INVALID_RESULT", 1, id="infinity"),
        pytest.param("a text for a number", "INVALID_RESULT", 1, id="a text for a number"),
        pytest.param("refuses", "REJECTED", 1, id="RejectTask"),
    ],
)
def test_a_task_fails_with_what_ended_its_handler(
    engine: Engine, submitted: dict[str, str], case: str, code: str, attempts: int
):
    task = engine.await_end(submitted[case])

    assert (task["status"], task["failure"]["code"], task["resultJson"]) == ("FAILED", code, None)
    assert attempts_of(task) == [(number, "FAILED", code) for number in range(1, attempts + 1)]
    assert task["failure"]["message"]
    assert engine.statuses(task["id"])[-1] == "FAILED"


def test_a_task_whose_process_was_killed_is_attempted_again(engine: Engine, submitted: dict[str, str]):
    task = engine.await_end(submitted["killed once"])

    assert (task["status"], task["resultJson"]) == ("SUCCEEDED", {"attempt": 2})
    assert attempts_of(task) == [(1, "FAILED", "WORKER_LOST"), (2, "SUCCEEDED", None)]
    assert "SIGKILL" in task["attempts"][0]["failure"]["message"] or "gone" in task["attempts"][0]["failure"]["message"]


def test_a_handler_that_prints_a_megabyte_succeeds(engine: Engine, submitted: dict[str, str]):
    assert engine.await_end(submitted["prints"])["status"] == "SUCCEEDED"


def test_reports_as_fast_as_they_can_be_made_are_gathered_and_none_of_the_output_is_lost(
    engine: Engine, submitted: dict[str, str]
):
    task = engine.await_end(submitted["chatters"])
    events = engine.events(task["id"])

    assert task["status"] == "SUCCEEDED"
    output, lines, fractions = "", [], []
    for event in events:
        output += event.get("chunk", "")
        if event["__typename"] == "TaskLogged":
            lines.append(event["message"])
            assert output.endswith(f";{event['message']};")
        elif event["__typename"] == "TaskProgressed":
            fractions.append(event["progress"]["fraction"])
    assert output == "".join(f"{number};" for number in range(20_000))
    assert lines == [str(number) for number in range(99, 20_000, 100)]
    ran = (at(task["finishedAt"]) - at(task["startedAt"])).total_seconds()
    assert len(fractions) <= 12 * ran + 3
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert events[-1]["to"] == "SUCCEEDED"


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_delayed_task_starts_when_it_is_due_and_one_of_the_past_at_once(engine: Engine):
    soon = datetime.now(UTC) + timedelta(seconds=2)
    delayed, scheduled, past = (
        engine.submit({"mark": {}}, **more)
        for more in (
            {"delaySeconds": 2},
            {"scheduledFor": soon.isoformat()},
            {"scheduledFor": "2001-01-01T00:00:00+01:00"},
        )
    )

    assert engine.statuses(delayed)[0] == engine.statuses(scheduled)[0] == "SCHEDULED"
    assert engine.statuses(past)[0] == "QUEUED"
    for task in map(engine.await_end, (delayed, scheduled)):
        late = (at(task["startedAt"]) - at(task["scheduledFor"])).total_seconds()
        assert 0 <= late < 1.5
    assert engine.await_end(past)["status"] == "SUCCEEDED"


def test_a_queue_is_worked_off_by_priority_and_neither_an_expired_nor_a_cancelled_task_is_run(engine: Engine):
    busy = engine.submit({"tick": {"seconds": 300}}, queue="narrow")
    engine.await_status(busy, "RUNNING")
    ids = [
        engine.submit({"mark": {}}, queue="narrow", priority=priority)
        for priority in (*("LOW", "NORMAL", "HIGH"), *("LOW", "NORMAL", "HIGH"), *("LOW", "NORMAL", "HIGH"))
    ]
    expiring = engine.submit({"mark": {}}, queue="narrow", priority="HIGH", expiresInSeconds=0.5)
    unwanted = engine.submit({"mark": {}}, queue="narrow", priority="HIGH")
    with redis.Redis.from_url(engine.processes.valkey.url) as broker:
        lists = ("narrow", "narrow\x06\x163", "narrow\x06\x166")
        wait_for(lambda: sum(broker.llen(name) for name in lists) == 11, PATIENCE_SECONDS, "the messages")

    assert engine.cancel(unwanted)["status"] == "CANCELLED"
    expired = engine.await_status(expiring, "EXPIRED")
    engine.cancel(busy)
    order = sorted(map(engine.await_end, ids), key=lambda task: str(task["startedAt"]))

    assert [ids.index(task["id"]) for task in order] == [2, 5, 8, 1, 4, 7, 0, 3, 6]
    assert {task["status"] for task in order} == {"SUCCEEDED"}
    assert (expired["startedAt"], expired["attempts"]) == (None, [])
    assert engine.statuses(unwanted) == ["QUEUED", "CANCELLED"]


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_a_running_task_is_cancelled_within_seconds_however_stuck_it_is_and_the_worker_goes_on(engine: Engine):
    running = [
        engine.submit(task, timeoutSeconds=300)
        for task in (
            {"tick": {"seconds": 300}},
            {"oversleep": {"seconds": 300}},
            {"oversleepAsync": {"seconds": 300}},
            {"ignoreEverything": {"seconds": 300}},
            {"stick": {"where": "WITH_LOCK"}},
            {"stick": {"where": "WITHOUT_LOCK"}},
        )
    ]
    for task_id in running:
        engine.await_status(task_id, "RUNNING")

    answers = [engine.cancel(task_id) for task_id in running]
    asked_at = time.monotonic()
    tasks = [engine.await_end(task_id) for task_id in running]

    assert time.monotonic() - asked_at < 20
    assert all(answer["cancelRequestedAt"] for answer in answers)
    for task in tasks:
        assert (task["status"], attempts_of(task)) == ("CANCELLED", [(1, "CANCELLED", None)])
        kinds = [event["__typename"] for event in engine.events(task["id"]) if event["__typename"] != "TaskProgressed"]
        assert kinds[-2:] == ["TaskCancelRequested", "TaskStatusChanged"]
    assert [engine.await_end(engine.submit({"mark": {}}))["status"] for _ in range(6)] == 6 * ["SUCCEEDED"]


def test_a_handler_that_comes_to_its_end_before_the_cancel_takes_effect_has_succeeded(engine: Engine):
    task_id = engine.submit({"oversleep": {"seconds": 1}})
    engine.await_status(task_id, "RUNNING")

    answer = engine.cancel(task_id)
    task = engine.await_end(task_id)

    assert (answer["status"], answer["cancelRequestedAt"] is not None) == ("RUNNING", True)
    assert (task["status"], task["cancelRequestedAt"] is not None) == ("SUCCEEDED", True)


def test_a_task_that_waits_for_its_next_attempt_is_cancelled_at_once(engine: Engine):
    task_id = engine.submit({"stumble": {"failures": 9}}, retryDelaySeconds=300)
    engine.await_status(task_id, "RETRYING")

    assert engine.cancel(task_id)["status"] == "CANCELLED"
    assert attempts_of(engine.task(task_id)) == [(1, "FAILED", "EXCEPTION")]


# --- watching ---------------------------------------------------------------------------------------------------------


async def test_two_subscriptions_on_one_socket_never_see_each_others_events(engine: Engine):
    topics = ("a lighthouse", "a teapot", "a comet")
    ids = [engine.submit({"tellStory": {"topic": topic, "sentences": 2}}) for topic in topics]
    seen = [Frames() for _ in ids]

    async with session_of(engine.api) as session, asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*(one.follow(session, WATCH, id=task_id) for one, task_id in zip(seen, ids, strict=True)))

    for one, task_id in zip(seen, ids, strict=True):
        assert {frame["task"]["id"] for frame in one.frames} == {task_id}
        assert {frame["event"]["taskId"] for frame in one.frames if frame["event"]} <= {task_id}
        assert one.versions == list(range(one.versions[0], engine.task(task_id)["version"] + 1))


async def test_a_list_goes_on_as_a_feed_without_a_hole(engine: Engine):
    before = engine.submit({"mark": {}})
    engine.await_end(before)
    listed = engine.api("{ tasks(first: 1) { nodes { id } eventCursor } }")["tasks"]
    ids = [engine.submit({"mark": {}}) for _ in range(5)]
    feed = Frames()

    async with session_of(engine.api) as session, asyncio.timeout(PATIENCE_SECONDS):
        following = asyncio.create_task(feed.follow(session, FEED, after=listed["eventCursor"]))
        ids += [await asyncio.to_thread(engine.submit, {"mark": {}}) for _ in range(5)]
        await until(
            lambda: (
                {f["task"]["id"] for f in feed.frames if f["task"] and f["task"]["status"] == "SUCCEEDED"} >= set(ids)
            ),
            "all ends in the feed",
        )
        following.cancel()
        await asyncio.wait([following])

    assert listed["nodes"] == [{"id": before}]
    assert not any(frame["kind"] == "GAP" for frame in feed.frames)
    for task_id in ids:
        versions = [f["event"]["version"] for f in feed.frames if f["event"] and f["event"]["taskId"] == task_id]
        assert list(dict.fromkeys(versions)) == [1, 2, 3]


# --- what breaks ------------------------------------------------------------------------------------------------------


def test_ten_messages_of_one_task_make_one_attempt(engine: Engine):
    task_id = engine.submit({"oversleep": {"seconds": 0.3}}, queue="nobody")
    with redis.Redis.from_url(engine.processes.valkey.url) as broker:
        message = wait_for(lambda: broker.lindex("nobody\x06\x163", 0), PATIENCE_SECONDS, "the message")

        for queue in 5 * ("default", "narrow"):
            broker.lpush(f"{queue}\x06\x163", message)
        engine.await_end(task_id)
        wait_for(
            lambda: not broker.exists("default\x06\x163", "narrow\x06\x163"), PATIENCE_SECONDS, "the messages taken"
        )
    later = [engine.submit({"mark": {}}, queue=queue) for queue in ("default", "narrow")]

    assert {engine.await_end(task_id)["status"] for task_id in later} == {"SUCCEEDED"}
    assert attempts_of(engine.task(task_id)) == [(1, "SUCCEEDED", None)]
    assert engine.statuses(task_id) == ["QUEUED", "RUNNING", "SUCCEEDED"]


async def test_with_redis_away_a_task_is_taken_at_once_and_run_later_and_what_runs_is_still_seen_live(engine: Engine):
    running = engine.submit({"tick": {"seconds": 12}})
    live = Frames()

    async with session_of(engine.api) as session, asyncio.timeout(2 * PATIENCE_SECONDS):
        following = asyncio.create_task(live.follow(session, WATCH, id=running))
        await until(lambda: len(live.frames) > 5, "the first frames")
        store = engine.processes.valkey.child
        assert store is not None
        await asyncio.to_thread(engine.processes.kill, store)
        away_since = datetime.now(UTC)
        try:
            seconds, ids = [], []
            for _ in range(7):
                begun_at = time.monotonic()
                ids.append(await asyncio.to_thread(engine.submit, {"mark": {}}))
                seconds.append(time.monotonic() - begun_at)
            await until(
                lambda: sum(at(f["event"]["at"]) > away_since for f in live.frames if f["event"]) >= 5, "live frames"
            )
        finally:
            # Here, and not on a thread: a child dies with the thread that started it.
            engine.processes.start_valkey()
        await following

    assert sorted(seconds)[3] < 0.5
    assert max(seconds) < 5
    assert live.versions == list(range(live.versions[0], engine.task(running)["version"] + 1))
    assert attempts_of(engine.await_end(running)) == [(1, "SUCCEEDED", None)]
    assert {engine.await_end(task_id)["status"] for task_id in ids} == {"SUCCEEDED"}


def test_a_killed_worker_s_task_is_rescued_and_run_by_another(engine: Engine):
    task_id = engine.submit({"lingerOnce": {}}, queue="spare", timeoutSeconds=300)
    engine.await_status(task_id, "RUNNING")

    engine.processes.kill(engine.spare)
    engine.spare = engine.processes.spawn_worker(1, "--queues", "spare")
    task = engine.await_end(task_id)

    assert attempts_of(task) == [(1, "FAILED", "WORKER_LOST"), (2, "SUCCEEDED", None)]
    assert task["attempts"][0]["worker"] != task["attempts"][1]["worker"]


def test_a_worker_that_is_told_to_stop_gives_back_what_it_can_not_finish(engine: Engine):
    task_id = engine.submit({"lingerOnce": {}}, queue="spare", timeoutSeconds=300, maxAttempts=1)
    engine.await_status(task_id, "RUNNING")
    stopping, engine.spare = engine.spare, engine.processes.spawn_worker(1, "--queues", "spare")
    engine.processes.await_worker(engine.spare)

    stopping.send(signal.SIGTERM)
    assert stopping.wait(20) == 0
    task = engine.await_end(task_id)

    assert attempts_of(task) == [(1, "RETURNED", None), (2, "SUCCEEDED", None)]
    assert task["maxAttempts"] == 1
    assert task["attempts"][0]["worker"] != task["attempts"][1]["worker"]
