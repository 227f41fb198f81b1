"""What a resolver knows beside its source: who asks, and how to read edges without asking twice."""

from typing import TypeAlias

import strawberry

from tasks.api.execution.context import Context

Info: TypeAlias = strawberry.Info[Context, None]
