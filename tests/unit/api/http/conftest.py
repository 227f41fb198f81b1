"""The sample schema behind the HTTP door, and a client before it."""

import pytest

from tasks.api.execution import Documents
from tasks.api.transport.http import GraphQLHTTP
from tests.asgi_client import AsgiClient
from tests.unit.api.http import sample


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
