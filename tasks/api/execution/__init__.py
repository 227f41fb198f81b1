"""The one way in which operations are executed, whatever door they came through."""

from tasks.api.execution.context import Context
from tasks.api.execution.documents import Documents, Prepared
from tasks.api.execution.limits import Limits
from tasks.api.execution.operations import RequestError, Subscription, execute, in_time, subscribe
from tasks.api.execution.payloads import encode, formatted
from tasks.api.execution.sharing import SharedExecutions, rights_of

__all__ = [
    "Context",
    "Documents",
    "Limits",
    "Prepared",
    "RequestError",
    "SharedExecutions",
    "Subscription",
    "encode",
    "execute",
    "formatted",
    "in_time",
    "rights_of",
    "subscribe",
]
