"""The sample schema behind the HTTP door, and a client before it."""

import pytest

from tasks.api.execution import Documents
from tasks.api.transport.heartbeat import Heartbeat
from tasks.api.transport.http import GraphQLHTTP, Streams
from tasks.api.viewer import ANONYMOUS, Credentials, Viewer
from tests.asgi_client import AsgiClient
from tests.unit.api.http import sample

EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
def documents() -> Documents:
    """Give the test a cache of documents of its own."""
    return sample.documents()


@pytest.fixture
def client(documents: Documents) -> AsgiClient:
    """Give the test a client of the sample schema, without any credentials."""
    return AsgiClient(GraphQLHTTP(documents))


@pytest.fixture
def slow() -> sample.Slow:
    """Give the test what the sample's slow fields wait for."""
    sample.Holder.slow = sample.Slow()
    return sample.Holder.slow


class Viewers:
    """Stands for the real ones: everybody is `viewer`, or a refusal."""

    def __init__(self) -> None:
        self.viewer: Viewer | Exception = ANONYMOUS

    async def of(self, credentials: Credentials) -> Viewer:  # noqa: ARG002 - the signature of the real one
        """Return or raise whatever the test has set."""
        if isinstance(self.viewer, Exception):
            raise self.viewer
        return self.viewer

    def forget(self, viewer: Viewer, session_key: str | None) -> None:
        """Nothing is remembered here."""


@pytest.fixture
def viewers() -> Viewers:
    return Viewers()


@pytest.fixture
async def door(documents: Documents, viewers: Viewers) -> GraphQLHTTP:
    """A door whose heart beats fast."""
    streams = Streams(viewers, heartbeat=Heartbeat(0.2, 10.0))
    return GraphQLHTTP(documents, viewers, streams=streams)  # type: ignore[arg-type]  # stands for the real ones
