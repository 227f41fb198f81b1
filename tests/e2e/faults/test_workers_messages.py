"""Messages that come again, and messages that upkeep must not send: the row decides."""

import base64
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
import redis

from tasks.models import Task
from tests.e2e.faults.crew import PATIENCE_SECONDS, QUEUES, SLOTS, Crew, Tally, end_at_once, moment
from tests.e2e.faults.scene import Result, rounds
from tests.e2e.support import wait_for

WAITING: Final = rounds(6_000, 100_000)
PRIORITIES: Final = {0: "\x06\x166", 1: "\x06\x163", 2: ""}
"""Each priority as stored, and how the name of its list ends: kombu's own way."""
DEFAULT: Final = "default\x06\x163"
"""The list of messages of normal priority."""
COLUMNS: Final = ", ".join(str(field.column) for field in Task._meta.concrete_fields)  # noqa: SLF001 - Django's documented API
LOOKS_PER_ROUND: Final = len(PRIORITIES) * (1 + len(QUEUES))


@pytest.fixture
def broker(crew: Crew) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(crew.scene.valkey.url) as broker:
        yield broker


def next_message(broker: redis.Redis) -> bytes:
    """Take the message of a task that was submitted to a queue that nobody takes from."""
    message: bytes = wait_for(lambda: broker.rpop(f"{QUEUES[0]}{PRIORITIES[1]}"), PATIENCE_SECONDS, "the message")
    return message


def await_all_taken(crew: Crew, broker: redis.Redis) -> None:
    """Return when the default queue's messages were taken and what came of them is over."""
    wait_for(lambda: not broker.exists(DEFAULT), PATIENCE_SECONDS, "the messages to be taken")
    behind = crew.scene.submit_many(crew.api, 4 * SLOTS, {"observe": {"seconds": 0.05}})
    crew.scene.await_ends(behind, PATIENCE_SECONDS)


def test_ten_deliveries_to_two_workers_make_one_attempt(
    crew: Crew, broker: redis.Redis, report: Callable[[Result], None]
):
    tally = Tally("the same message ten times, to two workers")
    crew.have(2)
    for _ in range(rounds(2, 20)):
        [task_id] = ids = crew.scene.submit_many(crew.api, 1, {"observe": {"seconds": 0.2}}, queue=QUEUES[0])

        broker.lpush(DEFAULT, *10 * [next_message(broker)])
        crew.scene.await_ends(ids, PATIENCE_SECONDS)
        await_all_taken(crew, broker)

        tally.add(crew.scene.audit(ids))
        crew.scene.audit(ids).assert_whole()
        assert crew.stories(ids) == {task_id: ["SUCCEEDED"]}
        assert crew.testimonies(ids, 1, "start") == 1
    report(tally.result)


def test_a_worker_killed_between_the_commit_and_the_end_of_its_message_leaves_nothing_to_do_again(
    crew: Crew, broker: redis.Redis, report: Callable[[Result], None]
):
    """Whoever gets the message once more, by the broker's or upkeep's mistake, finds nothing to claim."""
    tally = Tally("worker killed between the commit and Celery's end of its messages, which come again")
    for _ in range(rounds(1, 5)):
        [worker] = crew.have(1)
        ids = crew.scene.submit_many(crew.api, SLOTS, {"observe": {"seconds": 0.5}}, queue=QUEUES[0])
        messages = [next_message(broker) for _ in ids]
        broker.lpush(DEFAULT, *messages)
        crew.await_testimonies(ids, 1, "start")

        worker.send(signal.SIGSTOP)  # the main process alone: its children commit, and it learns nothing of it
        crew.await_status(ids, "SUCCEEDED")
        end_at_once(worker)
        crew.have(1)
        broker.lpush(DEFAULT, *messages)
        await_all_taken(crew, broker)

        tally.add(crew.scene.audit(ids))
        crew.scene.audit(ids).assert_whole()
        assert list(crew.stories(ids).values()) == SLOTS * [["SUCCEEDED"]]
        assert crew.testimonies(ids, 1, "start") == SLOTS
    report(tally.result)


def test_upkeep_sends_nothing_where_a_hundred_thousand_tasks_wait_and_the_broker_has_all_their_messages(
    crew: Crew, broker: redis.Redis, report: Callable[[Result], None]
):
    """Two queues, three priorities each, sent over hours. Only a lost message is sent again, and each of those once."""
    crew.have(1)
    with waiting_tasks(crew, broker) as lists:
        sizes = {name: broker.llen(name) for name in lists}
        assert sum(sizes.values()) == WAITING

        pushes = calls(broker, "lpush", "rpush")
        await_rounds_of_upkeep(broker, rounds(1, 6))
        assert calls(broker, "lpush", "rpush") == pushes
        assert {name: broker.llen(name) for name in lists} == sizes

        lost = [broker.rpop(name) for name in lists]
        wait_for(
            lambda: calls(broker, "lpush", "rpush") == pushes + len(lists), PATIENCE_SECONDS, "the lost ones again"
        )
        await_rounds_of_upkeep(broker, rounds(1, 3))
        assert calls(broker, "lpush", "rpush") == pushes + len(lists)
        assert {name: task_of(broker.lindex(name, 0)) for name in lists} == {
            name: task_of(message) for name, message in zip(lists, lost, strict=True)
        }
    report(Result(f"{WAITING} tasks waiting, intact broker", 1, WAITING, 0, 0, 0, note="upkeep sent no message"))


def calls(broker: redis.Redis, *commands: str) -> int:
    """How often these commands were called since the store's start."""
    known = broker.info("commandstats")
    return sum(known.get(f"cmdstat_{command}", {}).get("calls", 0) for command in commands)


def await_rounds_of_upkeep(broker: redis.Redis, count: int) -> None:
    """Return when upkeep has compared all queues with the rows so often, begun after this call."""
    until = calls(broker, "lindex") + (count + 1) * LOOKS_PER_ROUND
    wait_for(lambda: calls(broker, "lindex") >= until, PATIENCE_SECONDS, f"{count} rounds of upkeep")


@contextmanager
def waiting_tasks(crew: Crew, broker: redis.Redis) -> Iterator[list[str]]:
    """While inside, that many tasks wait in queues that nobody takes from. The names of their lists."""
    [template] = crew.scene.submit_many(crew.api, 1, {"observe": {}}, queue=QUEUES[0])
    message = next_message(broker)
    database = crew.scene.database
    try:
        database.rows(staged(database.url, template))
        database.rows(f"DELETE FROM tasks_task WHERE status = 'QUEUED' AND queue = '{QUEUES[0]}'")
        envelope = json.loads(message)
        with broker.pipeline(transaction=False) as pipeline:
            rows = database.rows("SELECT id, queue, priority, enqueued_at FROM staged ORDER BY enqueued_at")
            for task_id, queue, priority, enqueued_at in rows:
                copied = message_for(envelope, UUID(str(task_id)), moment(enqueued_at))
                pipeline.lpush(f"{queue}{PRIORITIES[priority]}", copied)
            pipeline.execute()
        database.rows(f"INSERT INTO tasks_task ({COLUMNS}) SELECT {COLUMNS} FROM staged")
        yield [f"{queue}{end}" for queue in QUEUES for end in PRIORITIES.values()]
    finally:
        database.rows("DROP TABLE IF EXISTS staged")
        database.rows(f"DELETE FROM tasks_task WHERE status = 'QUEUED' AND queue IN {QUEUES}")
        broker.delete(*[f"{queue}{end}" for queue in QUEUES for end in PRIORITIES.values()])


def staged(url: str, template: str) -> str:
    """SQL that copies a waiting task so often, over both queues and all priorities, each sent a second after the other.

    Into a table of their own: a task that waits before its message is there counts as one whose message was lost.
    """
    postgresql = url.startswith("postgres")
    different = {
        "id": "gen_random_uuid()" if postgresql else "lower(hex(randomblob(16)))",
        "queue": f"CASE WHEN n % 2 = 0 THEN '{QUEUES[0]}' ELSE '{QUEUES[1]}' END",
        "priority": "n % 3",
        "enqueued_at": (
            f"now() + (n - {WAITING}) * INTERVAL '1 second'"
            if postgresql
            else f"STRFTIME('%Y-%m-%d %H:%M:%f000', 'NOW', (n - {WAITING}) || ' seconds')"
        ),
    }
    values = ", ".join(
        f"{different[column]} AS {column}" if column in different else column for column in COLUMNS.split(", ")
    )
    return (
        "CREATE TABLE staged AS"
        f" WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {WAITING - 1})"
        f" SELECT {values} FROM numbers CROSS JOIN tasks_task"
        f" WHERE tasks_task.id IN ('{template}', '{template.replace('-', '')}')"
    )


def message_for(envelope: dict[str, Any], task_id: UUID, sent_at: datetime) -> str:
    """Return the server's message of one task, as it would have been for another, at another time."""
    (arguments, options, embed) = json.loads(base64.b64decode(envelope["body"]))
    assert len(arguments) == 1
    copied = {
        **envelope,
        "body": base64.b64encode(json.dumps([[str(task_id)], options, embed]).encode()).decode(),
        "headers": {**envelope["headers"], "sent_at": sent_at.timestamp()},
        "properties": {**envelope["properties"], "delivery_tag": str(uuid4())},
    }
    return json.dumps(copied)


def task_of(message: Any) -> str:
    """The id of the task that it is about."""
    return str(json.loads(base64.b64decode(json.loads(message)["body"]))[0][0])
