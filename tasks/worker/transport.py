"""Kombu's Redis transport with one economy and two faults mended, for the main process of a worker."""

from typing import Any

from kombu import Connection
from kombu.transport import redis
from redis.exceptions import ConnectionError as BrokerAway


class Channel(redis.Channel):
    """A channel whose client lives as long as its connection pool, and which knows when it has lost its connection."""

    _standing: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """Return the standing client.

        Kombu makes a new one for each delivery and each acknowledgement, 130 microseconds each time; but a client holds
        nothing except its pool, so one will do.
        """
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]  # not in the stubs
        if self._standing is None or self._standing.connection_pool is not self.pool:
            self._standing = super()._create_client()  # type: ignore[misc]  # not in the stubs
        return self._standing

    def _connparams(self, asynchronous: bool = False) -> Any:
        """Return how to connect. Raises BrokerAway where the connection was given up, which Celery knows how to bear.

        With a message unacknowledged when Redis goes, kombu 5.7 raises an AttributeError here, and the worker ends.
        """
        if getattr(self.connection, "client", None) is None:
            raise BrokerAway("the channel has outlived its connection to the broker")
        return super()._connparams(asynchronous)  # type: ignore[misc]  # not in the stubs


class Transport(redis.Transport):
    """What a worker is told to reach its broker by."""

    Channel = Channel


class EagerConnection(Connection):
    """A connection that is tried again every two seconds at least. Kombu pauses up to thirty, and Celery has no say."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        pauses = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 2.0}
        return super()._ensure_connection(*args, **{**pauses, **options})
