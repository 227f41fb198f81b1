"""GraphQL over HTTP, by the working draft (https://graphql.github.io/graphql-over-http/draft/), and over SSE."""

from tasks.api.transport.http.application import GraphQLHTTP
from tasks.api.transport.http.door import Door, Verdict
from tasks.api.transport.http.streams import Streams

__all__ = ["Door", "GraphQLHTTP", "Streams", "Verdict"]
