"""One socket for all operations of a client."""

import asyncio
from typing import Final

from gql import Client
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

PING_SECONDS: Final = 20.0
PONG_SECONDS: Final = 10.0


class Socket:
    """Opened when it is first needed, and anew after it was lost. Belongs to one event loop."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.replace("http", "ws", 1)
        self._token = token
        self._client: Client | None = None
        self._session: AsyncClientSession | None = None
        self._opening = asyncio.Lock()

    async def session(self) -> AsyncClientSession:
        """Return what sends operations; opens the socket unless it is open. Raises `TransportError` or `OSError`."""
        async with self._opening:
            if self._session is None:
                transport = WebsocketsTransport(
                    self._url,
                    subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
                    init_payload={"authorization": f"Bearer {self._token}"},
                    ping_interval=PING_SECONDS,
                    pong_timeout=PONG_SECONDS,
                )
                client = Client(transport=transport)
                self._session = await client.connect_async()  # type: ignore[no-untyped-call]  # gql leaves it untyped
                self._client = client
            return self._session

    async def drop(self, session: AsyncClientSession) -> None:
        """Have the next operation open a new socket. All who shared the lost one may say so; the first is enough."""
        async with self._opening:
            if self._session is session:
                await self._close()

    async def close(self) -> None:
        """End the socket and whatever still runs on it."""
        async with self._opening:
            await self._close()

    async def _close(self) -> None:
        client, self._client, self._session = self._client, None, None
        if client is not None:
            try:
                await client.close_async()  # type: ignore[no-untyped-call]  # as above
            except (TransportError, OSError):
                return  # it was lost already, which is what closing is for
