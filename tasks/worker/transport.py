"""Kombu's Redis transport with two economies, and a pause cut short, for the main process of a worker.

A message only says that a task is due: its row says whether it still is, and upkeep sends again what the broker, or a
worker that died, has lost. So nothing is acknowledged, and what kombu keeps about unacknowledged messages in Redis, two
round trips for each task, is not written.
"""

from typing import Any

from kombu import Connection
from kombu.transport import redis


class Channel(redis.Channel):
    """A channel that acknowledges nothing, and whose client lives as long as its connection pool."""

    _standing: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """Return the standing client.

        Kombu makes a new one for each use, 130 microseconds each time; but a client holds nothing except its pool, so
        one will do.
        """
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]  # not in the stubs
        if self._standing is None or self._standing.connection_pool is not self.pool:
            self._standing = super()._create_client()  # type: ignore[misc]  # not in the stubs
        return self._standing

    def basic_consume(self, queue: str, no_ack: bool, callback: Any, consumer_tag: str | None, **options: Any) -> Any:  # noqa: ARG002
        """Consume from `queue`, with nothing kept of what was taken from it."""
        return super().basic_consume(queue, True, callback, consumer_tag, **options)

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Do nothing: the message is gone from Redis since it was taken."""

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Do nothing: what becomes of the task is decided by its row."""


class Transport(redis.Transport):
    """What a worker is told to reach its broker by."""

    Channel = Channel


class EagerConnection(Connection):
    """A connection that is tried again every two seconds at least. Kombu pauses up to thirty, and Celery has no say."""

    def _ensure_connection(self, *args: Any, **options: Any) -> Any:
        pauses = {"interval_start": 0.2, "interval_step": 0.2, "interval_max": 2.0}
        return super()._ensure_connection(*args, **{**pauses, **options})
