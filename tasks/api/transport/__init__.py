"""The doors of `/graphql`: each takes one protocol apart and hands operations to `tasks.api.execution`."""
