"""Channel layers that break what a layer may break: for CHANNEL_LAYER in the environment of real processes."""

import logging
import random
from typing import Any, Final

from channels_redis.pubsub import RedisPubSubChannelLayer

logger = logging.getLogger("tasks.tests")
LOST: Final = 1 / 3
DAMAGE: Final = "this layer did what it must not"
"""Logged each time."""


class BadLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # Channels is untyped
    """A layer that carries probes as it should, and events as `send_events` does."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send a message to a group."""
        if "events" in message:
            await self.send_events(group, message)
        else:
            await self.send_on(group, message)

    async def send_on(self, group: str, message: dict[str, Any]) -> None:
        """Send it as Channels would: its layer hands this to one that it makes for each loop."""
        await self._get_layer().group_send(group, message)

    async def send_events(self, group: str, message: dict[str, Any]) -> None:
        """Send what is to be damaged."""
        raise NotImplementedError


class DroppingLayer(BadLayer):
    """Loses a third of all messages, at random, and says nothing to those who wait for them."""

    async def send_events(self, group: str, message: dict[str, Any]) -> None:
        """Send two thirds."""
        if random.random() > LOST:  # noqa: S311 - nothing is secret here
            await self.send_on(group, message)
        else:
            logger.warning(DAMAGE)


class SwappingLayer(BadLayer):
    """Swaps neighbouring messages: the first of each two waits until the second has gone."""

    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self._held: tuple[str, dict[str, Any]] | None = None

    async def send_events(self, group: str, message: dict[str, Any]) -> None:
        """Send events out of turn."""
        if self._held is None:
            self._held = (group, message)
            return
        held, self._held = self._held, None
        await self.send_on(group, message)
        await self.send_on(*held)
        logger.warning(DAMAGE)
