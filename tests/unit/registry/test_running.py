"""Calling handlers, and what becomes of what they raise."""

import inspect
from dataclasses import dataclass

import pytest

from tasks.registry import RejectTask, TaskCancelled, TaskContext, build_task_type
from tasks.registry.options import Options
from tests.unit.handlers.contexts import RecordingContext


@dataclass(frozen=True)
class Row:
    """A class of the author's."""

    first_name: str


def test_context_is_no_argument_wherever_it_stands() -> None:
    def do_it(before: int, its_name: TaskContext, after: int = 2) -> int:
        return before + its_name.attempt + after

    task_type = build_task_type(do_it)
    arguments = task_type.parse_arguments({"before": 1})

    assert [field.python_name for field in task_type.arguments.fields] == ["before", "after"]
    assert task_type.call(arguments, RecordingContext(attempt=5)) == 8


def test_handler_gets_its_own_classes() -> None:
    def do_it(rows: list[Row]) -> Row:
        return rows[0]

    task_type = build_task_type(do_it)
    stored = task_type.dump_arguments(task_type.parse_arguments({"rows": [{"firstName": "Ada"}]}))

    assert task_type.call(task_type.load_arguments(stored), RecordingContext()) == Row("Ada")


async def test_async_handler_gives_a_coroutine() -> None:
    async def do_it(text: str) -> str:
        return text

    task_type = build_task_type(do_it)
    coroutine = task_type.call(task_type.parse_arguments({"text": "a"}), RecordingContext())

    assert task_type.is_async
    assert inspect.iscoroutine(coroutine)
    assert await coroutine == "a"


def test_handlers_except_exception_lets_a_cancel_through() -> None:
    assert not issubclass(TaskCancelled, Exception)


RETRIES = {
    "any exception": (Options(), ValueError(), True),
    "a rejection": (Options(), RejectTask(), False),
    "an exception not named": (Options(retry_on=(OSError,)), ValueError(), False),
    "a subclass of one named": (Options(retry_on=(OSError,)), FileNotFoundError(), True),
    "an exception excluded": (Options(do_not_retry_on=(LookupError,)), KeyError(), False),
    "a rejection, even if named": (Options(retry_on=(RejectTask,)), RejectTask(), False),
    "the end of the process": (Options(), SystemExit(), False),
}


@pytest.mark.parametrize(("options", "exception", "is_worth_it"), RETRIES.values(), ids=RETRIES)
def test_options_decide_whether_another_attempt_is_worth_it(
    options: Options, exception: BaseException, is_worth_it: bool
) -> None:
    def do_it() -> None:
        raise NotImplementedError

    assert build_task_type(do_it, options).is_worth_another_attempt(exception) is is_worth_it


def test_scalar_result_is_wrapped_and_stored_bare() -> None:
    def do_it() -> int:
        return 5

    task_type = build_task_type(do_it)

    assert task_type.result_is_wrapped
    assert task_type.result is None
    assert (task_type.dump_result(5), task_type.load_result(5), task_type.result_json(5)) == (5, 5, 5)


def test_class_result_takes_the_name_of_the_result() -> None:
    def do_it(row: Row) -> Row:
        return row

    task_type = build_task_type(do_it)

    assert task_type.result is not None
    assert task_type.result.graphql_name == "DoItResult"
    assert set(task_type.graphql_names) == {
        "DoItArguments",
        "DoItInput",
        "DoItResult",
        "DoItTask",
        "DoItRow",
        "DoItRowInput",
    }
