"""Kombu's Redis transport with one economy: the main process of a worker keeps its client.

Kombu makes a new client of redis-py for each delivery and each acknowledgement. That costs 130 microseconds each time,
and they are wasted: a client holds nothing but its pool, so one will do.
"""

from typing import Any

from kombu.transport import redis


class Channel(redis.Channel):
    """A channel whose client lives as long as its connection pool."""

    _standing: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._standing is None or self._standing.connection_pool is not self.pool:
            self._standing = super()._create_client()
        return self._standing


class Transport(redis.Transport):
    """What `CELERY_BROKER_TRANSPORT` names."""

    Channel = Channel
