"""What we hand to the broker is what Celery itself would hand to it."""

import json
import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from django.conf import settings
from redis import Redis

from tasks import broker
from tasks.broker import Message
from tasks.status import TaskPriority
from tests.waiting import wait_for


@pytest.fixture
def redis() -> Any:
    client = Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield client
    client.close()


def shape(value: Any) -> Any:
    """The keys of a message at every depth, and the types of what they hold, None aside."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return None if value is None else type(value).__name__


@pytest.mark.parametrize("priority", TaskPriority)
def test_a_message_is_shaped_as_celerys_own(redis: Any, priority: TaskPriority):
    celery = Celery(broker=settings.REDIS_URL)
    celery.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    message = Message(uuid4(), "default", priority, 1)
    step = broker.PRIORITY_STEPS[priority]

    celery.send_task(broker.CELERY_TASK, [str(message.task_id)], queue="default", priority=step, ignore_result=True)
    assert broker.send([message])

    list_name = f"default\x06\x16{step}" if step else "default"
    ours, celerys = (json.loads(raw) for raw in redis.lrange(list_name, 0, -1))
    assert ours["body"] == celerys["body"]
    assert ours["headers"].pop("sent_at") > 0
    for volatile in ("argsrepr", "origin", "kwargsrepr"):
        assert ours["headers"].pop(volatile) is not None
        assert celerys["headers"].pop(volatile) is not None
    assert shape(ours) == shape(celerys)
    assert ours["properties"]["delivery_info"] == celerys["properties"]["delivery_info"]
    celery.close()


@pytest.mark.usefixtures("redis")
def test_the_next_message_is_the_one_sent_first():
    assert not broker.next_message("default", TaskPriority.NORMAL).is_there

    broker.send([Message(uuid4(), "default", TaskPriority.NORMAL, 1)])
    first = broker.next_message("default", TaskPriority.NORMAL)
    broker.send([Message(uuid4(), "default", TaskPriority.NORMAL, 1)])

    assert broker.next_message("default", TaskPriority.NORMAL) == first
    assert not broker.next_message("default", TaskPriority.HIGH).is_there


@pytest.mark.parametrize("foreign", ["no JSON", "{}", '{"headers": {"id": "x"}}', "[]"])
def test_a_message_that_is_not_ours_tells_nothing(redis: Any, foreign: str):
    redis.lpush("default", foreign)

    found = broker.next_message("default", TaskPriority.HIGH)

    assert (found.is_there, found.sent_at) == (True, None)


def test_messages_are_taken_in_the_order_in_which_a_worker_gets_them(redis: Any):
    sent = [
        Message(uuid4(), queue, priority, 1)
        for queue, priority in [
            ("slow", TaskPriority.LOW),
            ("default", TaskPriority.NORMAL),
            ("default", TaskPriority.NORMAL),
            ("slow", TaskPriority.NORMAL),
            ("default", TaskPriority.HIGH),
            ("other", TaskPriority.HIGH),
        ]
    ]
    broker.send(sent)

    taken = [broker.take(["default", "slow"]) for _ in range(6)]

    assert taken == [sent[number].task_id for number in (4, 1, 2, 3, 0)] + [None]
    assert redis.llen("other") == 1


def test_a_message_for_celery_itself_is_left_to_it(redis: Any):
    celery = Celery(broker=settings.REDIS_URL)
    celery.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    celery.send_task("somebody.elses", queue="default", priority=broker.PRIORITY_STEPS[TaskPriority.NORMAL])
    broker.send([Message(uuid4(), "default", TaskPriority.NORMAL, 1)])

    assert broker.take(["default"]) is None
    assert redis.llen("default\x06\x163") == 2
    celery.close()


def test_a_message_without_a_tasks_id_is_taken_away(redis: Any, caplog: pytest.LogCaptureFixture):
    redis.lpush("default", json.dumps({"body": "bm8=", "headers": {"task": broker.CELERY_TASK}}))

    assert broker.take(["default"]) is None
    assert redis.llen("default") == 0
    assert "without a task's id" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux' own socket options")
def test_a_worker_notices_a_broker_that_has_vanished(redis: Any):  # noqa: ARG001 - there must be one to connect to
    celery = Celery(broker=settings.REDIS_URL)
    celery.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    with celery.connection_for_read() as connection:
        channel: Any = connection.default_channel
        pool = channel.client.connection_pool
        to_broker = pool.get_connection()
        kept = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)]
        options = [to_broker._sock.getsockopt(*option) for option in kept]  # noqa: SLF001 - no other way to see it
        pool.release(to_broker)

    assert options == [1, 10]


@pytest.mark.usefixtures("redis")
def test_what_many_threads_send_at_once_arrives_and_is_noted_once_each():
    noted: list[Message] = []
    sender = broker.Sender(on_sent=noted.extend)
    messages = [Message(uuid4(), "default", TaskPriority.NORMAL, 1) for _ in range(400)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(sender.put, messages))
    wait_for(lambda: len(noted) >= len(messages))

    taken = [broker.take(["default"]) for _ in range(len(messages) + 1)]
    assert Counter(taken) == Counter([None, *(message.task_id for message in messages)])
    assert Counter(noted) == Counter(messages)
