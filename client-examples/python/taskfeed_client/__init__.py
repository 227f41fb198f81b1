"""A typed client of Taskfeed: submit tasks, and follow them through lost connections without losing an event."""

from taskfeed_client.client import Options as Options
from taskfeed_client.client import Taskfeed as Taskfeed
from taskfeed_client.faults import Denied as Denied
from taskfeed_client.faults import NotFound as NotFound
from taskfeed_client.faults import OperationFailed as OperationFailed
from taskfeed_client.faults import OtherTaskType as OtherTaskType
from taskfeed_client.faults import Refused as Refused
from taskfeed_client.faults import Unauthenticated as Unauthenticated
from taskfeed_client.faults import Unreachable as Unreachable
from taskfeed_client.updates import Update as Update
