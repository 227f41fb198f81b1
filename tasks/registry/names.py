"""The names that GraphQL sees: how they follow from Python's, and which are taken."""

import re
from keyword import iskeyword

RESERVED_NAMES = frozenset(
    """
    Boolean Float ID Int String
    AttemptStatus AuthError AuthPayload BigInt BulkTasksError BulkTasksInput BulkTasksPayload CancelTaskError
    CancelTaskInput CancelTaskPayload CreateWatchTokenError CreateWatchTokenInput CreateWatchTokenPayload Date
    DateTime Decimal ErrorCode EventCursor ExpectationFailed FailureCode Forbidden Gap GapReason IdempotencyConflict
    InvalidArguments InvalidCredentials InvalidRegistration JSON LogLevel LoginInput LogoutPayload Mutation Node
    NotCancellable NotFound NotRetryable PageInfo Percentiles Query Queue QueueError QueueFull QueuePayload
    RateLimited RegisterInput RetryTaskError RetryTaskInput RetryTaskPayload RunTaskInput SubmitTaskError
    SubmitTaskInput SubmitTaskPayload SubmitTasksInput SubmitTasksPayload Subscription Task TaskAttempt TaskBatch
    TaskBatchUpdate TaskCancelRequested TaskConnection TaskCounts TaskEdge TaskEvent TaskEventConnection
    TaskEventEdge TaskEventKind TaskFailure TaskFilter TaskInput TaskLogged TaskOrder TaskOutput TaskPriority
    TaskProgress TaskProgressed TaskSelector TaskStatistics TaskStatisticsUpdate TaskStatus TaskStatusChanged
    TaskType TaskTypeStatistics TaskUpdate TasksUpdate Time TooLarge UUID UnknownTask UpdateKind User UserError
    Worker
    """.split()  # noqa: SIM905 - a hundred quotes and commas would hide the names
)
"""The static types of the schema, and GraphQL's own: no task type's derived names may be among them."""

MAX_NAME_LENGTH = 100
"""What the task's row has room for."""

_GRAPHQL_NAME = re.compile(r"[A-Za-z][_0-9A-Za-z]*\Z")
_TASK_TYPE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_NOT_ENUM_VALUES = frozenset({"true", "false", "null"})


def camel_case(python_name: str) -> str:
    """`first_row` is `firstRow`; the underscore that frees a keyword (`from_`) is dropped."""
    if python_name.endswith("_") and iskeyword(python_name[:-1]):
        python_name = python_name[:-1]
    first, *rest = python_name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def pascal_case(python_name: str) -> str:
    """`first_row` is `FirstRow`."""
    name = camel_case(python_name)
    return name[:1].upper() + name[1:]


def fault_of_task_type_name(name: object) -> str | None:
    """Say what would do instead, or None where the name will do."""
    if not isinstance(name, str) or not _TASK_TYPE_NAME.match(name):
        return "name it in snake_case, as in name='export_users': small letters, digits, single underscores between"
    if len(name) > MAX_NAME_LENGTH:
        return f"name it in at most {MAX_NAME_LENGTH} characters"
    return None


def fault_of_field_name(python_name: str) -> str | None:
    """Say what would do instead, or None where a parameter or attribute may be called so."""
    if not _GRAPHQL_NAME.match(python_name) or "__" in python_name:
        return "name it with ASCII letters, digits and single underscores, beginning with a letter, as in first_row"
    if python_name == "model_config":
        return "Pydantic keeps this name for itself: choose another"
    return None


def fault_of_enum_value(name: str) -> str | None:
    """Say what would do instead, or None where GraphQL takes the name as an enum's value."""
    if not _GRAPHQL_NAME.match(name) or "__" in name or name in _NOT_ENUM_VALUES:
        return "GraphQL's enum values are letters, digits and single underscores, and not true, false or null"
    return None


def is_type_name(name: str) -> bool:
    """Tell whether GraphQL takes it as the name of a type of ours."""
    return bool(_GRAPHQL_NAME.match(name)) and "__" not in name
