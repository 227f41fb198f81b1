"""GraphQL over HTTP, by the working draft (https://graphql.github.io/graphql-over-http/draft/)."""

from tasks.api.transport.http.application import GraphQLHTTP
from tasks.api.transport.http.door import Door, Verdict

__all__ = ["Door", "GraphQLHTTP", "Verdict"]
