from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from kombu import Connection, Queue
from kombu.exceptions import OperationalError

from tasks.worker.transport import EagerConnection, Transport


def test_a_channel_keeps_its_client_as_long_as_its_pool():
    with Connection(settings.REDIS_URL, transport=Transport) as connection:
        channel: Any = connection.channel()

        with channel.conn_or_acquire() as first, channel.conn_or_acquire() as second:
            assert first is second
            assert first.ping()

        channel._disconnect_pools()  # noqa: SLF001 - what kombu does when the broker is lost
        with channel.conn_or_acquire() as third:
            assert third is not first
            assert third.ping()


def test_what_is_taken_leaves_nothing_behind_and_outlives_its_connection():
    """Else kombu would ask the broker for the connection that is gone, and the worker would end."""
    queue = f"test_transport.{uuid4()}"
    taken: list[Any] = []
    with Connection(settings.REDIS_URL, transport=Transport) as connection:
        channel: Any = connection.channel()
        for _ in range(2):
            connection.SimpleQueue(queue, channel=channel).put({})
        with connection.Consumer([Queue(queue)], callbacks=[lambda _, message: taken.append(message)], channel=channel):
            while len(taken) < 2:
                connection.drain_events(timeout=10)
        assert channel.client.exists("unacked", "unacked_index", queue) == 0

    first, second = taken
    first.ack()
    second.reject()


def test_a_broker_that_is_away_is_asked_again_soon():
    pauses: list[float] = []

    with EagerConnection("redis://127.0.0.1:1/0", transport=Transport) as connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _, pause: pauses.append(pause), max_retries=3)

    assert pauses
    assert max(pauses) <= 2.0
