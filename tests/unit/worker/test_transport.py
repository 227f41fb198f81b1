from typing import Any

import pytest
from django.conf import settings
from kombu import Connection
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


def test_a_channel_that_has_outlived_its_connection_says_so_in_terms_that_celery_bears():
    with Connection(settings.REDIS_URL, transport=Transport) as connection:
        channel: Any = connection.channel()
        errors = connection.connection_errors

    channel._disconnect_pools()  # noqa: SLF001 - as above
    with pytest.raises(errors), channel.conn_or_acquire():
        pass


def test_a_broker_that_is_away_is_asked_again_soon():
    pauses: list[float] = []

    with EagerConnection("redis://127.0.0.1:1/0", transport=Transport) as connection, pytest.raises(OperationalError):
        connection.ensure_connection(lambda _, pause: pauses.append(pause), max_retries=3)

    assert pauses
    assert max(pauses) <= 2.0
