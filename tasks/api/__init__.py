"""The GraphQL face of Taskfeed: schema, resolvers and doors. It reads rows and events; it never writes them."""
